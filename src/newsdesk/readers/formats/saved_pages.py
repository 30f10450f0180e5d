"""Read saved newspaper pages (the visible text of an article page) as articles and teasers.

The text-size button `TT` marks an article: the lines above it are the title and the caption, printed once or
more; below it both are repeated, then the body follows. A block of related articles may follow the body or
interrupt it, and a page may hold several articles with nothing between them.
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
from newsdesk.readers.records import RawRecord, sanitize
from newsdesk.readers.refusals import RefusalError

BUTTON = "TT"
RELATED = frozenset({"مقالات ذات صلة", "موضوعات ذات صلة", "مواضيع ذات صلة", "أخبار ذات صلة"})

# Contents of a final «(…)» that are not a credit: the second name of a month, a weekday, a number.
MONTHS = (
    "كانون الثاني|شباط|آذار|نيسان|أيار|حزيران|تموز|آب|أيلول|تشرين الأول|تشرين الثاني|كانون الأول|"
    "يناير|فبراير|مارس|أبريل|إبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"
)
WEEKDAYS = "السبت|الأحد|الاثنين|الإثنين|الثلاثاء|الأربعاء|الخميس|الجمعة"
DATE = re.compile(rf"(?:(?:{MONTHS}|{WEEKDAYS}|أمس|اليوم|غداً|\d+)[\s\-/،%]*)+")
FINAL_PARENTHESIS = re.compile(r"^(?P<before>.*\S)\s*\((?P<inside>[^()]{1,60})\)$")
SENTENCE_END = re.compile(r"[.؟!…:؛](?:[»\"”')\]]*)$")
SENTENCE_BREAK = re.compile(r"[.؟!][»\"”')\]]*\s")
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

FULL_STOP = re.compile(r"(?<!\.)\.[»\"”’)]*$")  # a title may end in three dots, never in one

# A paragraph starts with a verb, or with «و» and nearly any word; a caption starts with a noun or a name.
VERB_START = re.compile(
    r"و?(?:قال|أعلن|أكد|أضاف|أوضح|أشار|ذكر|كان|أفاد|رأى|شدد|أصدر|بلغ|دعا|لفت|جاء)(?:ت|وا)?\b|و?[يت]قول\b"
)
NOUN_IN_WAW = (
    r"وزي?ر\w*|وزراء|وفد\w*|وفود|وحد\w*|ورش\w*|ورود|وردة|وسط|وسائل|وثيقة|وثائق|وجب\w*|وجوه|وقفة|ولي|ولادة|ولاية|"
    r"والد\w*|والي|واجهة|وادي|واحة|وكالة|وكيل\w*|وصول|وداع|وفاة|ورقة|واشنطن|وارسو"
)
WAW_START = re.compile(rf"(?!(?:{NOUN_IN_WAW})\b)و\w")
LIST_ITEM = re.compile(r"[*•\-–]|\d+ ?[-–.]")
BYLINE_WITH_COLON = re.compile(r"[^:]{2,25}: (?:«[^»]{2,30}»|\S+(?: \S+){0,3})")

# The set of agencies is open; these are recognized even after a caption of one to three words.
AGENCIES = frozenset(
    {"افب", "اب", "ابا", "دبا", "رويترز", "غيتي", "الشرقالاوسط", "واس", "الاناضول", "ارشيفية", "شينخوا"}
)
MIN_CAPTION_WORDS = 4
MAX_BYLINE_WORDS = 8
MAX_CAPTIONS_ABOVE = 8


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

    title: str
    text: str  # paragraphs and sub-headlines, joined by newlines
    captions: tuple[str, ...]  # every caption line that was removed, in order and with repeats
    teasers: tuple[Teaser, ...]


def read_saved_page(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the articles of a saved page, each followed by its teasers; `position` is the article."""
    text = sanitize(decode(read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes)))
    articles = parse(text, sections=options.sections)
    if not articles:
        detail = "no article found; expected a saved page, HTML, JSON, CSV or Parquet"
        yield RawRecord(0, RefusalError("unknown_format", detail), text)
    for position, article in enumerate(articles, start=1):
        columns = {"title": article.title, "text": article.text, "kind": "article"}
        yield RawRecord(position, columns, article.title)
        for t in article.teasers:
            record = {"title": t.title, "text": t.summary, "kind": "teaser", "section": t.section}
            yield RawRecord(position, record, t.title)


def parse(text: str, *, sections: Sequence[str]) -> list[PageArticle]:
    """Split the text of a saved page into articles; a page without a button is one article."""
    lines = [line for raw in text.splitlines() if (line := " ".join(INVISIBLE.sub("", raw).split()))]
    longest_first = sorted(sections, key=len, reverse=True)
    headers = _find_headers(lines)
    starts = [*(start for start, _ in headers), len(lines)]
    articles = []
    if preface := [line for line in lines[: starts[0]] if line != BUTTON]:
        body, teasers = _split_related(preface[1:], longest_first)  # without a button no caption is known
        articles.append(PageArticle(preface[0], "\n".join(body), (), tuple(teasers)))
    for (start, button), end in zip(headers, starts[1:], strict=True):
        title, *captions = lines[start:button]
        articles.append(_parse_article(title, captions, lines[button + 1 : end], longest_first))
    return articles


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
            has_sentence = any(FULL_STOP.search(line) for line in lines[start:button])
            if not is_repeated and not has_sentence:  # else it is a button within the body
                headers.append((start, button))
        floor = button + 1
    return headers


def _find_title(lines: list[str], button: int, floor: int) -> int:
    """Return the index of the title above a button: the line repeated below it, or before the captions."""
    below = lines[button + 1] if button + 1 < len(lines) else None
    if button - 1 == floor or FULL_STOP.search(lines[button - 2]):
        return button - 1  # no caption: the line above the title is the body of another article
    run = button - 1
    while run > floor and lines[run - 1] == lines[button - 1]:
        run -= 1
    for index in range(run - 1, max(floor, button - 1 - MAX_CAPTIONS_ABOVE) - 1, -1):
        if lines[index] == below:
            return index
    return max(run - 1, floor)


def _parse_article(title: str, captions: list[str], below: list[str], sections: Sequence[str]) -> PageArticle:
    if below and below[0] == title:
        below = below[1:]
    body, teasers = _split_related(below, sections)
    counts = Counter(body)
    repeated_in_a_row = {line for line, following in pairwise(body) if line == following}
    paragraphs: list[str] = []
    known_captions = set(captions)
    for line in body:
        if line == BUTTON:
            continue
        if line in known_captions or _is_caption(line, counts[line], line in repeated_in_a_row):
            captions.append(line)
        elif not (counts[line] > 1 and line in paragraphs):  # keep a repeated paragraph once
            paragraphs.append(line)
    return PageArticle(title, "\n".join(paragraphs), tuple(captions), tuple(teasers))


def _is_caption(line: str, count: int, repeated_in_a_row: bool) -> bool:
    is_repeated = repeated_in_a_row or (count > 1 and len(line.split()) >= MIN_CAPTION_WORDS)
    return not SENTENCE_END.search(line) and (is_repeated or _has_credit(line))


def _has_credit(line: str) -> bool:
    """Return whether a line ends in a photo credit, of a known agency or another source."""
    match = _final_parenthesis(line)
    if not match or VERB_START.match(line):
        return False
    if _names_agency(match["inside"]):
        return True
    if WAW_START.match(line) or LIST_ITEM.match(line) or SENTENCE_BREAK.search(match["before"]):
        return False
    return len(match["before"].split()) >= MIN_CAPTION_WORDS


def _final_parenthesis(line: str) -> re.Match[str] | None:
    """Match a final «(…)» that is not a date."""
    match = FINAL_PARENTHESIS.match(line)
    return match if match and not DATE.fullmatch(match["inside"].strip()) else None


def _names_agency(credit: str) -> bool:
    parts = re.split(r"[-–/،]", credit.translate(str.maketrans("أإآ", "ااا")))
    return any(re.sub(r"[^\w]", "", part) in AGENCIES for part in parts)


def _split_related(lines: list[str], sections: Sequence[str]) -> tuple[list[str], list[Teaser]]:
    """Separate the teasers of related articles from the lines of the body."""
    body: list[str] = []
    teasers: list[Teaser] = []
    index = 0
    in_block = False
    while index < len(lines):
        if _is_related(lines[index]):
            in_block = True
            index += 1
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
        elif not (_has_credit(lines[start]) and _find_byline(lines, start, sections)):
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
        _has_credit(caption) and index + 1 < len(lines)
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
    match = _final_parenthesis(line)
    if not match or _names_agency(match["inside"]):
        return False  # a photo credit: this is the section line of the next teaser
    return len(match["before"].split()) <= MAX_BYLINE_WORDS and not SENTENCE_BREAK.search(match["before"])
