"""Read saved newspaper pages (the visible text of an article page) as articles and teasers.

`plain_pages` reads the pages of any site; here are those of one newspaper, which hold more. The text-size
button `TT` marks an article: the lines above it are the title and the caption, printed once or more; below
it both are repeated, then the body follows. A block of related articles may follow the body or interrupt it,
and a page may hold several articles with nothing between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.encodings import decode
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.pages.captions import (
    FULL_STOP,
    SENTENCE_BREAK,
    SENTENCE_END,
    final_parenthesis,
    has_credit,
    is_caption,
    names_agency,
)
from newsdesk.readers.pages.page_bodies import drop_site_lines
from newsdesk.readers.pages.paragraphs import is_paragraph
from newsdesk.readers.pages.plain_pages import parse_plain
from newsdesk.readers.pages.site_lines import clean_line, kind_of, read_lines
from newsdesk.readers.records import RawRecord, sanitize
from newsdesk.readers.refusals import RefusalError

BUTTON = "TT"
RELATED = frozenset({"مقالات ذات صلة", "موضوعات ذات صلة", "مواضيع ذات صلة", "أخبار ذات صلة"})
BYLINE_WITH_COLON = re.compile(r"[^:]{2,25}: (?:«[^»]{2,30}»|\S+(?: \S+){0,3})")

MAX_BYLINE_WORDS = 8
MAX_CAPTIONS_ABOVE = 8
MIN_PREFACE_WORDS = 30  # of an article above the first button
HEADLESS = {"date", "share", "staff", "weather", "notice"}  # kinds of lines that no teaser has


@dataclass(frozen=True, slots=True)
class Teaser:
    """One item of a block of related articles."""

    section: str | None  # as printed, None if unknown
    caption: str
    title: str
    summary: str
    byline: str


@dataclass(frozen=True, slots=True)
class PageArticle:
    """One article of a page."""

    title: str | None  # None for a text without a headline
    text: str  # paragraphs and sub-headlines, joined by newlines
    captions: tuple[str, ...]  # every caption line that was removed, in order and with repeats
    teasers: tuple[Teaser, ...]


def read_saved_page(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the articles of a saved page, each followed by its teasers; `position` is the article."""
    text = sanitize(decode(read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes)))
    articles = parse(text, sections=options.sections)
    if not articles:
        detail = "no article found, only lines of a site; expected a saved page, HTML, JSON, CSV or Parquet"
        yield RawRecord(0, RefusalError("unknown_format", detail), text)
    for position, article in enumerate(articles, start=1):
        columns = {"title": article.title, "text": article.text, "kind": "article"}
        yield RawRecord(position, columns, article.title or article.text)
        for t in article.teasers:
            record = {"title": t.title, "text": t.summary, "kind": "teaser", "section": t.section}
            yield RawRecord(position, record, t.title)


def parse(text: str, *, sections: Sequence[str]) -> list[PageArticle]:
    """Split the text of a saved page into articles; a page without a button is one article."""
    if BUTTON not in text or not any(clean_line(line) == BUTTON for line in text.splitlines()):
        return _parse_plain(text, sections)
    lines = [line.text for line in read_lines(text.splitlines()) if line.kind not in HEADLESS]
    longest_first = sorted(sections, key=len, reverse=True)
    headers = _find_headers(lines)
    starts = [*(start for start, _ in headers), len(lines)]
    preface = [line for line in lines[: starts[0]] if line != BUTTON]
    articles = _parse_plain("\n".join(preface), sections)
    if headers and not _is_article(preface):
        articles = []
    for (start, button), end in zip(headers, starts[1:], strict=True):
        title, *head = lines[start:button]
        articles.append(_parse_article(title, head, lines[button + 1 : end], longest_first))
    return articles


def _parse_plain(text: str, sections: Sequence[str]) -> list[PageArticle]:
    """Return the article of a page without a button, if it has one, and its teasers."""
    lines = [line for raw in text.splitlines() if (line := clean_line(raw))]
    teasers: list[Teaser] = []
    if any(map(_is_related, lines)):
        body, teasers = _split_related(lines, sorted(sections, key=len, reverse=True))
    page = parse_plain("\n".join(body) if teasers else text, sections=sections)
    return [PageArticle(page.title, page.text, (), tuple(teasers))] if page else []


def _is_article(preface: list[str]) -> bool:
    """Return whether the lines above the first header are an article, not a menu, a ticker or a notice."""
    paragraphs = [line for line in read_lines(preface) if is_paragraph(line)]
    sentences = [line for line in paragraphs if SENTENCE_END.search(line.text)]
    n_words = sum(line.n_words for line in sentences)
    return n_words >= MIN_PREFACE_WORDS and preface[0] not in {line.text for line in paragraphs}


def _find_headers(lines: list[str]) -> list[tuple[int, int]]:
    """Return the indices of the title and the button of each article."""
    headers: list[tuple[int, int]] = []
    floor = 0  # a header cannot start above the button of the previous article
    for button, line in enumerate(lines):
        if line != BUTTON:
            continue
        if button > floor:
            start = _find_title(lines, button, floor)
            is_repeated = bool(headers) and lines[headers[-1][0]] == lines[start]
            is_printed_below = lines[start] in lines[button + 1 : button + 2]
            has_sentence = any(FULL_STOP.search(line) for line in lines[start:button])
            is_menu = kind_of(lines[start]) == "menu"
            is_within_body = is_repeated or (has_sentence and not is_printed_below)
            if not (is_within_body or is_menu):
                headers.append((start, button))
        floor = button + 1
    return headers


def _find_title(lines: list[str], button: int, floor: int) -> int:
    """Return the index of the title above a button: the line repeated below it, or before the captions."""
    below = lines[button + 1] if button + 1 < len(lines) else None
    if button - 1 == floor:
        return floor
    run = button - 1
    while run > floor and lines[run - 1] == lines[button - 1]:
        run -= 1
    for index in range(run - 1, max(floor, button - 1 - MAX_CAPTIONS_ABOVE) - 1, -1):
        if lines[index] == below:
            return index
    if FULL_STOP.search(lines[button - 2]):
        return button - 1  # no caption: the line above the title is the body of another article
    has_deck = floor == 0 and run == 2 and not kind_of(lines[0]) and not has_credit(lines[1])
    return 0 if has_deck else max(run - 1, floor)


def _parse_article(title: str, head: list[str], below: list[str], sections: Sequence[str]) -> PageArticle:
    if below and below[0] == title:
        below = below[1:]
    decks, captions = _split_head(title, head, below)
    body, teasers = _split_related(below, sections)
    counts = Counter(body)
    repeated_in_a_row = {line for line, following in pairwise(body) if line == following}
    paragraphs = list(decks)
    known_captions = set(captions)
    for line in body:
        if line == BUTTON:
            continue
        if line in decks or line == title:
            continue
        if line in known_captions or is_caption(line, counts[line], line in repeated_in_a_row):
            captions.append(line)
        elif not (counts[line] > 1 and line in paragraphs):  # keep a repeated paragraph once
            paragraphs.append(line)
    text = "\n".join(drop_site_lines(read_lines(paragraphs)))
    return PageArticle(title, text, tuple(captions), tuple(teasers))


def _split_head(title: str, head: list[str], below: list[str]) -> tuple[list[str], list[str]]:
    """Separate the lines between a title and its button into decks and captions, which stand last."""
    lines = [line for line in head if line != title]
    repeated_in_a_row = {line for line, following in pairwise(lines) if line == following}
    decks = []
    for line in dict.fromkeys(lines):
        is_last = line == lines[-1]
        is_printed_again = line in below and is_last
        if not (has_credit(line) or line in repeated_in_a_row or is_printed_again):
            decks.append(line)
    return decks, [line for line in lines if line not in decks]


def _split_related(lines: list[str], sections: Sequence[str]) -> tuple[list[str], list[Teaser]]:
    """Separate the teasers of related articles from the lines of the body."""
    body: list[str] = []
    teasers: list[Teaser] = []
    index = 0
    in_block = False
    while index < len(lines):
        if _is_related(lines[index]):
            index += 1
            in_block = index < len(lines) and _parse_teaser(lines, index, sections) is not None
            if not in_block:
                body.append(lines[index - 1])  # above a list of titles alone
        elif in_block and (found := _parse_teaser(lines, index, sections)):
            teaser, index = found
            teasers.append(teaser)
        else:
            in_block = False
            body.append(lines[index])
            index += 1
    return body, teasers


def _parse_teaser(lines: list[str], start: int, sections: Sequence[str]) -> tuple[Teaser, int] | None:
    """Parse the teaser at `start`: [title] section-and-caption [title] [summary] byline."""
    title_above: str | None = None
    at = start
    if not _is_section_line(lines, at, sections):
        # The first teaser's title also precedes its section line. The repeated title shows which line that
        # is, even if the section is not a known one.
        repeated = start + 2 < len(lines) and lines[start] == lines[start + 2]
        if repeated or _is_section_line(lines, start + 1, sections):
            title_above, at = lines[start], start + 1
        elif not (has_credit(lines[start]) and _find_byline(lines, start, sections)):
            return None
    section, caption = _split_section(lines[at], sections)
    byline_at = _find_byline(lines, at, sections)
    end = byline_at if byline_at is not None else min(at + 3, len(lines))
    middle = lines[at + 1 : end]
    if title_above is not None and (not middle or middle[0] != title_above):
        middle = [title_above, *middle]
    title, summary = (middle[0], " ".join(middle[1:])) if middle else ("", "")
    byline = lines[byline_at] if byline_at is not None else ""
    return Teaser(section, caption, title, summary, byline), end + (byline_at is not None)


def _split_section(line: str, sections: Sequence[str]) -> tuple[str | None, str]:
    """Return the section at the start of a line, None if it is unknown, and the rest."""
    for section in sections:
        if line == section or line.startswith(section + " "):
            return section, line[len(section) :].strip()
    return None, line


def _is_section_line(lines: list[str], index: int, sections: Sequence[str]) -> bool:
    if index >= len(lines) or SENTENCE_END.search(lines[index]):
        return False
    section, caption = _split_section(lines[index], sections)
    if section is None:
        return False
    return _find_byline(lines, index, sections) is not None or (
        has_credit(caption) and index + 1 < len(lines)
    )


def _find_byline(lines: list[str], section_at: int, sections: Sequence[str]) -> int | None:
    """Return the index of the byline of the teaser whose section line is at `section_at`."""
    # a title or summary may end in a parenthesis too, so the position decides: the third line after the
    # section line, the second if there is no summary, the fourth if the summary has two paragraphs
    for distance in (3, 2, 4):
        index = section_at + distance
        if index < len(lines) and _is_byline(lines[index], sections):
            between = lines[section_at + 1 : index]
            if not any(_is_related(line) or line == BUTTON for line in between):
                return index
    return None


def _is_related(line: str) -> bool:
    return line.rstrip(" :") in RELATED


def _is_byline(line: str, sections: Sequence[str]) -> bool:
    if BYLINE_WITH_COLON.fullmatch(line) and _split_section(line, sections)[0] is None:
        return True
    match = final_parenthesis(line)
    if not match or names_agency(match["inside"]):
        return False  # a photo credit: this is the section line of the next teaser
    return len(match["before"].split()) <= MAX_BYLINE_WORDS and not SENTENCE_BREAK.search(match["before"])
