"""Read Markdown, with front matter in YAML or TOML or without."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.column_aliases import find_columns
from newsdesk.readers.encodings import decode
from newsdesk.readers.formats.fragments import fragment_text
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.pages.saved_pages import read_saved_page
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError
from newsdesk.readers.sniffing import FRONT_MATTER

_MAX_FRONT_MATTER = 2**16
_FIELDS = ("title", "url", "published", "article_id", "source")
_ALIASES = {"permalink": "url", "canonical_url": "url"}  # others are in `column_aliases.tsv`


def read_markdown(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the article of a Markdown file; without a title it is read as the text of a page."""
    page = decode(read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes))
    found = FRONT_MATTER.match(page)
    record = _parse_front_matter(found[1], found[2], options) if found else {}
    heading, text = _plain_text(page[found.end() :] if found else page)
    title = record.get("title")
    if heading and title and heading != title:
        text = f"{heading}\n{text}"
    if title or heading:
        yield RawRecord(1, record | {"title": title or heading, "text": text}, page)
        return
    for each in read_saved_page(iter([text.encode()]), options):
        columns = each.columns
        yield each if isinstance(columns, RefusalError) else each._replace(columns=record | dict(columns))


def _parse_front_matter(mark: str, text: str, options: ReadOptions) -> dict[str, Any]:
    """Return the fields of an article that the front matter names; refuse what can't be parsed."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if len(text) > _MAX_FRONT_MATTER:
            raise ValueError("it is too long")
        found = YAML(typ="safe").load(text) if mark == "---" else tomllib.loads(text)
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RefusalError("bad_record", f"the front matter can't be read: {first}") from None
    if not isinstance(found, dict):
        return {}
    values = {
        _ALIASES.get(str(name).lower(), str(name)): str(value)
        for name, value in found.items()
        if _is_plain(value)
    }
    columns = find_columns(values, options).fields
    return {field: values[columns[field][0]] for field in _FIELDS if field in columns}


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) or hasattr(value, "isoformat")


def _plain_text(markdown: str) -> tuple[str, str]:
    """Return the first heading of level 1, and the text without it and without marks, images and HTML."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    title, lines = "", []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type in {"fence", "code_block"}:
            lines.append(token.content.strip())
        if token.type == "html_block":
            lines.append(fragment_text(token.content))
        if token.type != "inline":
            continue
        line = _inline_text(token.children or [])
        if before and (before.type, before.tag) == ("heading_open", "h1") and not title:
            title = " ".join(line.split())
        else:
            lines.append(line)
    return title, "\n".join(filter(None, lines))


def _inline_text(tokens: list[Any]) -> str:
    breaks = {"softbreak", "hardbreak"}
    parts = (
        "\n" if t.type in breaks else t.content for t in tokens if t.type in {"text", "code_inline", *breaks}
    )
    return "".join(parts).strip()
