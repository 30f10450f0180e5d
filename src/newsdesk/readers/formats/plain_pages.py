"""Read the saved text of an article's page of any site: a headline, and the lines of the body.

What belongs to the site (menus, dates, buttons, lists of other articles, comments) is left out. A
paragraph is a line that ends as a sentence or is long. The headline is the line above the first
paragraph that shares most words with the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from newsdesk.readers.formats.captions import (
    FULL_STOP,
    SENTENCE_BREAK,
    SENTENCE_END,
    VERB_START,
    WAW_START,
    final_parenthesis,
    is_caption,
    names_agency,
)
from newsdesk.readers.formats.site_lines import Line, fold, read_lines

MIN_PARAGRAPH_WORDS = 5  # of a line that ends as a sentence
MIN_FIRST_WORDS = 8  # likewise, of the first paragraph if the page has a longer one
MIN_LONG_WORDS = 25  # of a line that does not
TITLE_WORDS, MAX_TITLE_WORDS = 7, 25  # a usual headline, the longest one
MAX_STOPPED_TITLE_WORDS = 15
MIN_DECK_WORDS = 4
MAX_SOURCE_WORDS = 5
MIN_LISTED = 4  # lines above the first paragraph that may be a list of other articles
MIN_RELATED = 0.25  # share of a line's words that the rest of the text has too
WRAPPED_CHARS = (55, 85)  # a text browser breaks lines at 80 columns

_WORD = re.compile(r"[^\W\d_]{3,}")
_ARTICLE = re.compile(r"^[وفبك]?(?:ال|لل)(?=\w\w)")
_AND = re.compile(r"^و(?=\w{4})")
_SOURCE = re.compile(r"\s[-–ـ|]\s|[:\-–ـ|]$|^[|/]")
_LINK = re.compile(r"https?://|www\.|pic\.twitter\.com")
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)$")
_ARABIC = re.compile(r"[\u0621-\u064a]")
_LATIN = re.compile(r"[A-Za-z]")
_FUNCTION_WORDS = frozenset(
    [
        "الى",
        "على",
        "عن",
        "من",
        "في",
        "مع",
        "بعد",
        "قبل",
        "بين",
        "هذا",
        "هذه",
        "ذلك",
        "التي",
        "الذي",
        "كما",
        "كان",
    ]
)


@dataclass(frozen=True, slots=True)
class PlainPage:
    """The article of a page; `title` is None if the page has none."""

    title: str | None
    text: str


def parse_plain(text: str, *, sections: Sequence[str] = ()) -> PlainPage | None:
    """Return the article of a page, None if the page holds nothing but lines of the site."""
    lines = _drop_latin(_name_site_lines(read_lines(unwrap(text)), sections))
    if len(lines) == 1:
        return None if lines[0].kind in {"menu", "date", "share"} else PlainPage(None, lines[0].text)
    first = _first_paragraph(lines)
    if first is None:
        return _short_page(lines)
    title_at = _find_title(lines, first)
    if title_at is None and (title_below := _find_title_below(lines, first)) is not None:
        return PlainPage(lines[title_below].text, "\n".join(keep_body(lines[first:title_below], None)))
    title = None if title_at is None else lines[title_at].text.lstrip("•* ")
    decks = [] if title_at is None else _decks(lines, title_at, first)
    body = keep_body(lines[first:], title)
    return PlainPage(title, "\n".join([*decks, *body]))


def unwrap(text: str) -> list[str]:
    """Split a text into lines, and join the lines of a paragraph that a text browser broke."""
    raw = text.splitlines()
    lengths = [len(line) for line in raw]
    shortest, longest = WRAPPED_CHARS
    n_full = sum(shortest <= length <= longest for length in lengths)
    if n_full < 3 or max(lengths) > longest or n_full < sum(length > 0 for length in lengths) / 3:
        return raw
    joined: list[str] = []
    continues = False
    for line in raw:
        if continues and line.strip():
            joined[-1] = f"{joined[-1]} {line.strip()}"
        else:
            joined.append(line)
        continues = shortest <= len(line) <= longest
    return joined


def _name_site_lines(lines: list[Line], sections: Sequence[str]) -> list[Line]:
    """Set the kind of lines that are a section's name alone or a name below a title of the staff."""
    names = {fold(section) for section in sections}
    named: list[Line] = []
    for line in lines:
        if line.kind is None and fold(line.text).removeprefix("اخبار ") in names:
            line = Line(line.text, "menu")
        is_below_label = bool(named) and named[-1].kind == "staff" and named[-1].n_words < MIN_DECK_WORDS
        if line.kind is None and is_below_label and line.n_words <= MIN_DECK_WORDS:
            line = Line(line.text, "name")
        named.append(line)
    return named


def _drop_latin(lines: list[Line]) -> list[Line]:
    """Drop the lines without an Arabic letter of a page that is mostly Arabic."""
    text = "".join(line.text for line in lines)
    if len(_LATIN.findall(text)) > len(_ARABIC.findall(text)):
        return lines
    return [line for line in lines if _ARABIC.search(line.text) or not _LATIN.search(line.text)]


def is_paragraph(line: Line) -> bool:
    """Return whether a line is a sentence or as long as a paragraph."""
    if line.kind is not None:
        return False
    is_sentence = FULL_STOP.search(line.text) or (
        SENTENCE_END.search(line.text) and line.n_words > MIN_LONG_WORDS
    )
    return line.n_words >= (MIN_PARAGRAPH_WORDS if is_sentence else MIN_LONG_WORDS)


def is_unended(line: Line) -> bool:
    """Return whether a line is as long as a paragraph and does not end as a sentence, as tickers do."""
    return line.n_words >= MIN_LONG_WORDS and not SENTENCE_END.search(line.text)


def _first_paragraph(lines: list[Line]) -> int | None:
    """Return the index of the first paragraph of the article, past tickers and what describes the site."""
    found = [index for index, line in enumerate(lines) if is_paragraph(line)]
    found = [index for index in found if lines[index].n_words >= MIN_FIRST_WORDS] or found
    for index, following in pairwise(found):
        is_other = _is_ticker(lines, index) or _is_stopped_title(lines, index)
        if not is_other and not _describes_site(lines, index, following):
            return index
    return found[-1] if found else None


def _is_stopped_title(lines: list[Line], index: int) -> bool:
    """Return whether a sentence stands above a date or an author, as a headline does."""
    line = lines[index]
    is_one_sentence = FULL_STOP.search(line.text) and not SENTENCE_BREAK.search(line.text)
    is_short = line.n_words <= MAX_STOPPED_TITLE_WORDS
    return bool(is_one_sentence) and is_short and lines[index + 1].kind in {"date", "byline"}


def _is_ticker(lines: list[Line], index: int) -> bool:
    """Return whether a long line without an end strings together what the rest does not speak of."""
    if SENTENCE_END.search(lines[index].text):
        return False
    rest = [line for line in lines[index + 1 :] if is_paragraph(line)]
    if (
        index == 0
        and rest
        and lines[1] is rest[0]
        and 2 * sum(line.n_words for line in rest) < lines[0].n_words
    ):
        return False  # a text of two paragraphs
    if any(_share_of_words(line.text, [lines[index].text]) >= 2 * MIN_RELATED for line in lines[:index][-2:]):
        return False  # it speaks of its headline
    return _share_of_words(lines[index].text, [line.text for line in rest]) < MIN_RELATED


def _describes_site(lines: list[Line], index: int, following: int) -> bool:
    """Return whether a paragraph stands above the menus and the headline of a longer text."""
    between = lines[index + 1 : following]
    n_site = sum(line.kind is not None for line in between)
    headlines = [line for line in between if line.kind is None and line.n_words >= MIN_DECK_WORDS]
    n_words_below = sum(line.n_words for line in lines[following:] if is_paragraph(line))
    return n_site >= 3 and bool(headlines) and lines[index].n_words < n_words_below


def _short_page(lines: list[Line]) -> PlainPage | None:
    """Return the article of a page without a paragraph: its first line and the rest."""
    content = [line for line in lines if line.kind is None]
    has_menu = len(content) > 2 or any(line.kind == "menu" for line in lines)
    is_menu = has_menu and all(line.n_words < MIN_DECK_WORDS for line in content)
    if is_menu or not content:
        notices = [line.text for line in lines if line.kind == "notice"]
        return PlainPage(notices[0], "\n".join(notices[1:])) if notices and not is_menu else None
    first, *rest = (line.text for line in content)
    if not rest or FULL_STOP.search(first):
        return PlainPage(None, "\n".join([first, *rest]))
    return PlainPage(first, "\n".join(keep_body(content[1:], first)))


def _find_title(lines: list[Line], first: int) -> int | None:
    """Return the index of the headline among the lines above the first paragraph."""
    candidates = [index for index in range(first) if _may_be_title(lines, index)]
    body = [line.text for line in lines[first:] if is_paragraph(line)]
    shares = {index: _share_of_words(lines[index].text, body) for index in candidates}
    last_site = max((i for i in range(first) if lines[i].kind not in {None, "notice"}), default=-1)
    in_run = [index for index in candidates if index > last_site]
    below_site = next((index for index in in_run if lines[index].n_words >= MIN_DECK_WORDS), None)
    texts = [fold(line.text) for line in lines]
    n_site = sum(line.kind is not None for line in lines[:first])
    n_headlines = sum(lines[index].n_words >= MIN_DECK_WORDS for index in in_run)
    if n_headlines >= MIN_LISTED:  # the headlines of other articles
        below_site = None
        if max(shares.values()) < 2 * MIN_RELATED:
            return None
    scores = {}
    for index in candidates:
        line = lines[index]
        is_long = line.n_words >= MIN_DECK_WORDS
        scores[index] = (
            2 * shares[index] * min(1, line.n_words / TITLE_WORDS)
            + 0.5 * is_long
            + 0.6 * (is_long and texts.count(fold(line.text)) > 1)
            + 0.4 * (is_long and index == 0 and n_site < 3 and n_headlines < MIN_LISTED)
            + 0.6 * (lines[index + 1].kind in {"date", "byline", "share"})
            - 0.8 * (line.n_words < 3)
            - 0.4 * (line.n_words > MIN_LONG_WORDS or line.text.endswith(":"))
            - 0.6 * (below_site is not None and index > below_site)  # a deck follows its headline
        )
    return max(scores, key=lambda index: (scores[index], -index), default=None)


def _find_title_below(lines: list[Line], first: int) -> int | None:
    """Return the index of a headline that stands below the text, before its date."""
    body = [line.text for line in lines[first:] if is_paragraph(line)]
    for index in range(len(lines) - 2, first, -1):
        line = lines[index]
        if line.kind is None:
            is_headline = MIN_DECK_WORDS <= line.n_words < MIN_LONG_WORDS and not FULL_STOP.search(line.text)
            is_dated = lines[index + 1].kind == "date"
            related = _share_of_words(line.text, body) >= 2 * MIN_RELATED
            return index if is_headline and is_dated and related else None
    return None


def _may_be_title(lines: list[Line], index: int) -> bool:
    line, below = lines[index], lines[index + 1].text
    if line.kind is not None or not 1 < line.n_words <= MAX_TITLE_WORDS or _LINK.search(line.text):
        return False
    if FULL_STOP.search(line.text) and not _is_stopped_title(lines, index):
        return False
    words = line.text.split()
    half = len(words) // 2
    is_doubled = words[:half] == words[half:]  # a site's name, as its logo and as text
    is_start_of_below = _is_longer_caption(line.text, below)
    credit = final_parenthesis(line.text)
    is_caption_or_source = (credit and names_agency(credit["inside"])) or is_source(line)
    return not (is_doubled or is_start_of_below or is_caption_or_source)


def _is_longer_caption(line: str, below: str) -> bool:
    """Return whether the line below a short caption prints it again, with more."""
    return len(line.split()) <= MIN_DECK_WORDS and line != below and below.startswith(line)


def is_source(line: Line) -> bool:
    """Return whether a short line names a place and who reports: «القاهرة - وكالات»."""
    return line.n_words <= MAX_SOURCE_WORDS and _SOURCE.search(line.text) is not None


def _share_of_words(line: str, texts: Sequence[str]) -> float:
    """Return the share of a line's words whose stems the texts have."""
    stems = _stems(line)
    known = {stem for text in texts for stem in _stems(text)}
    return len(stems & known) / len(stems) if stems else 0.0


def _stems(text: str) -> set[str]:
    words = (word for word in _WORD.findall(fold(text)) if word not in _FUNCTION_WORDS)
    return {_AND.sub("", _ARTICLE.sub("", word))[:4] for word in words}


def _decks(lines: list[Line], title_at: int, first: int) -> list[str]:
    """Return the lines under the headline that are neither captions nor names nor other headlines."""
    title = lines[title_at].text
    body = [line.text for line in lines[first:]]
    texts = [line.text for line in lines]
    pairs = [pair for pair in pairwise(texts[title_at:first]) if _is_longer_caption(*pair)]
    captions = {line for pair in pairs for line in pair}
    decks = [
        line.text
        for line in lines[title_at + 1 : first]
        if line.kind is None and line.text not in captions and line.n_words >= MIN_DECK_WORDS
        and not is_unended(line) and not fold(line.text).startswith(fold(title)) and not is_source(line)
        and not is_caption(line.text, texts.count(line.text), repeated_in_a_row=False)
    ]  # fmt: skip
    if len(decks) < MIN_LISTED:
        return decks
    return [deck for deck in decks if _share_of_words(deck, body) >= 2 * MIN_RELATED]


def keep_body(lines: list[Line], title: str | None) -> list[str]:
    """Return the paragraphs and sub-headlines of a body, each once."""
    counts = Counter(line.text for line in lines)
    repeated_in_a_row = {line.text for line, following in pairwise(lines) if line.text == following.text}
    seen = {fold(title or "")}
    content = []
    for line in lines:
        if line.kind is None:
            if fold(line.text) in seen or is_caption(
                line.text, counts[line.text], line.text in repeated_in_a_row
            ):
                continue
            seen.add(fold(line.text))
        content.append(line)
    return drop_site_lines(content)


def drop_site_lines(lines: list[Line]) -> list[str]:
    """Return the lines of a body without those of the site, lists of other articles and comments."""
    body: list[Line] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.kind == "end" and body:
            break
        if line.kind == "related" and not _names_article(line.text):
            index = _resume(lines, index + 1, body)
            continue
        if line.kind is None:
            body.append(line)
        index += 1
    return [line.text for line in _drop_trailing_headlines(body)]


def _names_article(pointer: str) -> bool:
    """Return whether a pointer to another article names it in the same line."""
    return len(pointer.partition(":")[2].split()) > 2 or len(pointer.split()) > MIN_DECK_WORDS


def _resume(lines: list[Line], start: int, body: list[Line]) -> int:
    """Return the index at which the body goes on below a list of other articles, or ends."""
    so_far = [line.text for line in body]
    for index in range(start, len(lines)):
        if lines[index].kind == "end":
            return index
        if not is_paragraph(lines[index]):
            continue
        below = next((line for line in lines[index + 1 :] if line.kind is None), None)
        is_pair = below is not None and bool(FULL_STOP.search(below.text))
        goes_on = is_pair or WAW_START.match(lines[index].text)
        if goes_on or _share_of_words(lines[index].text, so_far) >= MIN_RELATED:
            return index
    return len(lines)


def _drop_trailing_headlines(body: list[Line]) -> list[Line]:
    """Drop what ends a body and is not of it: a source's name, headlines of other articles."""
    paragraphs = [index for index, line in enumerate(body) if is_paragraph(line)]
    if not paragraphs:
        return body
    above, trailing = body[: paragraphs[-1] + 1], body[paragraphs[-1] + 1 :]
    if all(line.n_words < 3 and not SENTENCE_END.search(line.text) for line in trailing):
        return above
    texts = [line.text for line in above]
    has_stops = all(SENTENCE_END.search(text) for text in texts if len(text.split()) >= MIN_LONG_WORDS)
    is_list = len(trailing) > 1 and all(_is_foreign_headline(line, texts) for line in trailing)
    return above if has_stops and is_list else body


def _is_foreign_headline(line: Line, body: Sequence[str]) -> bool:
    is_sentence = FULL_STOP.search(line.text) or WAW_START.match(line.text) or VERB_START.match(line.text)
    if _ELLIPSIS.search(line.text):
        is_sentence = None  # a teaser that is cut off
    return not is_sentence and _share_of_words(line.text, body) < 2 * MIN_RELATED
