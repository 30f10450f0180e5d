"""Parse saved newspaper pages (the visible text of an article page) into articles and teasers.

A page is a run of lines. The text-size button `TT` anchors an article: above it stand its title and its
caption, printed once or more, below it both again, then the body. A block of related articles may stand
after or within the body, and a page may hold several articles with nothing between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BUTTON = "TT"
RELATED = frozenset({"مقالات ذات صلة", "موضوعات ذات صلة", "مواضيع ذات صلة", "أخبار ذات صلة"})

# What a final «(…)» holds when it is no credit: the second name of a month, a weekday, a figure.
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

# A paragraph begins with a verb, or with «و» and nearly anything; a caption with a noun or a name.
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

# Agencies are an open set; these are recognized even behind a caption of one to three words.
AGENCIES = frozenset(
    {"افب", "اب", "ابا", "دبا", "رويترز", "غيتي", "الشرقالاوسط", "واس", "الاناضول", "ارشيفية", "شينخوا"}
)
MIN_CAPTION_WORDS = 4
MAX_BYLINE_WORDS = 8
MAX_CAPTIONS_ABOVE = 8


@dataclass(frozen=True, slots=True)
class Teaser:
    """One item of a page's related-articles block; `section` is the label as printed, None if unknown."""

    section: str | None
    caption: str
    title: str
    summary: str
    byline: str


@dataclass(frozen=True, slots=True)
class PageArticle:
    """One article of a page.

    `text` is the body, its paragraphs and sub-headlines joined by newlines, without boilerplate.
    `captions` holds every caption line that was dropped, in order, repeats included.
    """

    title: str
    text: str
    captions: tuple[str, ...]
    teasers: tuple[Teaser, ...]


def parse(text: str, *, sections: Sequence[str]) -> list[PageArticle]:
    """Split a saved page into its articles.

    Parameters
    ----------
    text : str
        The page's visible text. Blank lines mean nothing.
    sections : sequence of str
        The section labels that newsrooms print before a teaser's caption.

    Returns
    -------
    list of PageArticle
        In the order of the page; empty if the page has no text. A page without a `TT` line is one
        article, its first line the title.
    """
    lines = [line for raw in text.splitlines() if (line := _clean(raw))]
    longest_first = sorted(sections, key=len, reverse=True)
    heads = _find_heads(lines)
    starts = [*(head.start for head in heads), len(lines)]
    articles = []
    if preface := [line for line in lines[: starts[0]] if line != BUTTON]:
        body, teasers = _cut_related(preface[1:], longest_first)  # no button, no captions to look for
        articles.append(PageArticle(preface[0], "\n".join(body), (), tuple(teasers)))
    for head, end in zip(heads, starts[1:], strict=True):
        articles.append(
            _parse_article(head.title, head.captions, lines[head.button + 1 : end], longest_first)
        )
    return articles


@dataclass(frozen=True, slots=True)
class _Head:
    start: int
    button: int
    title: str
    captions: list[str]


def _clean(line: str) -> str:
    return " ".join(INVISIBLE.sub("", line).split())


def _find_heads(lines: list[str]) -> list[_Head]:
    heads: list[_Head] = []
    floor = 0  # an article's head cannot reach above the button of the one before
    for button, line in enumerate(lines):
        if line != BUTTON:
            continue
        if button > floor:
            start = _find_title(lines, button, floor)
            again = bool(heads) and heads[-1].title == lines[start]
            sentences = any(FULL_STOP.search(line) for line in lines[start:button])
            if not again and not sentences:  # else it is a button within the body
                heads.append(_Head(start, button, lines[start], lines[start + 1 : button]))
        floor = button + 1
    return heads


def _find_title(lines: list[str], button: int, floor: int) -> int:
    """Index of the title above a button: the line before the run of identical captions.

    Where the title is printed again below the button, that print tells it, whatever stands between.
    """
    below = lines[button + 1] if button + 1 < len(lines) else None
    if button - 1 == floor or FULL_STOP.search(lines[button - 2]):
        return button - 1  # title and button with no caption between: above stands the body of another
    run = button - 1
    while run > floor and lines[run - 1] == lines[button - 1]:
        run -= 1
    for index in range(run - 1, max(floor, button - 1 - MAX_CAPTIONS_ABOVE) - 1, -1):
        if lines[index] == below:
            return index
    return max(run - 1, floor)


def _parse_article(
    title: str, captions_above: list[str], below: list[str], sections: Sequence[str]
) -> PageArticle:
    if below and below[0] == title:
        below = below[1:]
    body, teasers = _cut_related(below, sections)
    times = Counter(body)
    adjacent = {line for line, after in pairwise(body) if line == after}
    known = set(captions_above)
    kept: list[str] = []
    dropped = list(captions_above)
    for line in body:
        if line == BUTTON:
            continue
        if line in known or _is_caption(line, times[line], line in adjacent):
            dropped.append(line)
        elif not (times[line] > 1 and line in kept):  # a paragraph printed twice is one paragraph
            kept.append(line)
    return PageArticle(title, "\n".join(kept), tuple(dropped), tuple(teasers))


def _is_caption(line: str, times: int, adjacent: bool) -> bool:
    if SENTENCE_END.search(line):
        return False
    if adjacent or (times > 1 and len(line.split()) >= MIN_CAPTION_WORDS):
        return True
    return _has_credit(line)


def _has_credit(line: str) -> bool:
    """Tell whether a line ends in a photo credit, of an agency or of anybody."""
    match = FINAL_PARENTHESIS.match(line)
    if not match or DATE.fullmatch(match["inside"].strip()) or VERB_START.match(line):
        return False
    if _names_agency(match["inside"]):
        return True
    if WAW_START.match(line) or LIST_ITEM.match(line) or SENTENCE_BREAK.search(match["before"]):
        return False
    return len(match["before"].split()) >= MIN_CAPTION_WORDS


def _names_agency(credit: str) -> bool:
    return any(_fold(part) in AGENCIES for part in re.split(r"[-–/،]", credit))


def _fold(credit: str) -> str:
    return re.sub(r"[^\w]", "", credit).translate(str.maketrans("أإآ", "ااا"))


def _cut_related(lines: list[str], sections: Sequence[str]) -> tuple[list[str], list[Teaser]]:
    """Separate the blocks of related articles from the lines of the body."""
    body: list[str] = []
    teasers: list[Teaser] = []
    index = 0
    in_block = False
    while index < len(lines):
        if lines[index].rstrip(" :") in RELATED:
            in_block = True
            index += 1
            continue
        found = _parse_teaser(lines, index, sections) if in_block else None
        if found:
            teaser, index = found
            teasers.append(teaser)
        else:
            in_block = False
            body.append(lines[index])
            index += 1
    return body, teasers


def _parse_teaser(lines: list[str], start: int, sections: Sequence[str]) -> tuple[Teaser, int] | None:
    """Read the teaser at `start`: [title] section-and-caption [title] [summary] byline."""
    head: str | None = None
    at = start
    if not _is_section_line(lines, at, sections):
        # the first teaser's title stands before its section line too; a section of a name that
        # nobody listed is then told by the title's second print
        repeated = start + 2 < len(lines) and lines[start] == lines[start + 2]
        if repeated or _is_section_line(lines, start + 1, sections):
            head, at = lines[start], start + 1
        elif not (_has_credit(lines[start]) and _find_byline(lines, start, sections)):
            return None
    section, caption = _split_section(lines[at], sections)
    byline_at = _find_byline(lines, at, sections)
    end = byline_at if byline_at is not None else min(at + 3, len(lines))
    middle = lines[at + 1 : end]
    if head is not None and (not middle or middle[0] != head):
        middle = [head, *middle]
    title, summary = (middle[0], " ".join(middle[1:])) if middle else ("", "")
    byline = lines[byline_at] if byline_at is not None else ""
    return Teaser(section, caption, title, summary, byline), end + (byline_at is not None)


def _split_section(line: str, sections: Sequence[str]) -> tuple[str | None, str]:
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
    """Index of the byline of the teaser whose section line stands at `section_at`.

    Title and summary may end in a parenthesis too, so its place decides: the third line after the
    section line; the second where there is no summary, the fourth where that has two paragraphs.
    """
    for distance in (3, 2, 4):
        index = section_at + distance
        if index < len(lines) and _is_byline(lines[index], sections):
            between = lines[section_at + 1 : index]
            if not any(line.rstrip(" :") in RELATED or line == BUTTON for line in between):
                return index
    return None


def _is_byline(line: str, sections: Sequence[str]) -> bool:
    if BYLINE_WITH_COLON.fullmatch(line) and _split_section(line, sections)[0] is None:
        return True
    match = FINAL_PARENTHESIS.match(line)
    if not match or DATE.fullmatch(match["inside"].strip()):
        return False
    if _names_agency(match["inside"]):
        return False  # a photo's credit: the next teaser's section line
    return len(match["before"].split()) <= MAX_BYLINE_WORDS and not SENTENCE_BREAK.search(match["before"])
