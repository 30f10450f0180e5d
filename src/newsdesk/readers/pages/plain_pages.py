"""Read the saved text of an article's page of any site.

What belongs to the site (menus, dates, buttons, lists of other articles, comments) is left out. A paragraph
is a line that ends as a sentence or is long. The headline is a line above the first paragraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from newsdesk.readers.pages.captions import FULL_STOP
from newsdesk.readers.pages.headlines import (
    MIN_HEADLINE_WORDS,
    find_decks,
    find_first_paragraph,
    find_headline,
    find_headline_below,
)
from newsdesk.readers.pages.page_bodies import keep_body
from newsdesk.readers.pages.paragraphs import drop_foreign_lines, unwrap
from newsdesk.readers.pages.site_lines import Line, fold, read_lines

_BULLETS = "•* "


@dataclass(frozen=True, slots=True)
class PlainPage:
    """The article of a page; `title` is None if the page has none."""

    title: str | None
    text: str


def parse_plain(text: str, *, sections: Sequence[str]) -> PlainPage | None:
    """Return the article of a page, None if the page holds nothing but lines of the site."""
    lines = drop_foreign_lines(_set_kinds(read_lines(unwrap(text)), sections))
    if len(lines) == 1 and lines[0].kind not in {"menu", "date", "share"}:
        return PlainPage(None, lines[0].text)
    first = find_first_paragraph(lines)
    if first is None:
        return _parse_short(lines)
    headline = find_headline(lines, first)
    if headline is None:
        below = find_headline_below(lines, first)
        title = None if below is None else lines[below].text
        return PlainPage(title, "\n".join(keep_body(lines[first:below], title=title)))
    title = lines[headline].text.lstrip(_BULLETS)
    body = [*find_decks(lines, headline, first), *keep_body(lines[first:], title=title)]
    return PlainPage(title, "\n".join(body))


def _set_kinds(lines: list[Line], sections: Sequence[str]) -> list[Line]:
    """Set the kind of lines that are a section's name alone or a name below a title of the staff."""
    names = {fold(section) for section in sections}
    result: list[Line] = []
    for line in lines:
        is_below_label = bool(result) and result[-1].kind == "staff" and _is_short(result[-1])
        if line.kind is None and line.folded.removeprefix("اخبار ") in names:
            line = replace(line, kind="menu")
        elif line.kind is None and is_below_label and line.n_words <= MIN_HEADLINE_WORDS:
            line = replace(line, kind="name")
        result.append(line)
    return result


def _parse_short(lines: list[Line]) -> PlainPage | None:
    """Return the article of a page without a paragraph: its first line and the rest."""
    content = [line for line in lines if line.kind is None]
    has_menu = len(content) > 2 or any(line.kind == "menu" for line in lines)
    if has_menu and all(map(_is_short, content)):
        return None
    # A page of notices alone is what was saved: whether it is news is decided later.
    content = content or [line for line in lines if line.kind == "notice"]
    if not content:
        return None
    first, *rest = content
    if not rest or FULL_STOP.search(first.text):
        return PlainPage(None, "\n".join(line.text for line in content))
    kept = keep_body(rest, title=first.text) or [line.text for line in rest]
    return PlainPage(first.text, "\n".join(kept))


def _is_short(line: Line) -> bool:
    return line.n_words < MIN_HEADLINE_WORDS
