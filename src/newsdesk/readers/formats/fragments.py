"""Read fragments of HTML, such as the texts of feeds and blocks in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.encodings import decode
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.pages.saved_pages import read_saved_page
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError

_BLOCKS = "p", "br", "div", "li", "tr", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "figure", "section"
_NO_TEXT = "script", "style", "figcaption"


def read_fragment(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the article of a fragment; one that is too short for the reader of HTML is read as text."""
    content = read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes)
    records = list(read_html(iter([content]), options))
    if all(isinstance(each.columns, RefusalError) for each in records) and (
        text := fragment_text(decode(content))
    ):
        records = list(read_saved_page(iter([text.encode("utf-8", "replace")]), options))
    yield from records


def fragment_text(markup: str) -> str:
    """Return the text of an HTML fragment, a line for each block."""
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(f"<div>{markup}</div>".encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return markup.strip()
    etree.strip_elements(root, *_NO_TEXT, with_tail=False)
    parts: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        parts.append("\n" if element.tag in _BLOCKS else "")
        parts.append((element.text if event == "start" else element.tail) or "")
    lines = (" ".join(line.split()) for line in "".join(parts).splitlines())
    return "\n".join(filter(None, lines))
