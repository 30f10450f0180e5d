"""Read the saved text of an article's page of any site: a headline, and the lines of the body.

What belongs to the site (menus, dates, buttons, lists of other articles, comments) is left out. A paragraph is
a line that ends as a sentence or is long. The headline is the line above the first paragraph that shares most words
with the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from newsdesk.readers.formats.captions import FULL_STOP, SENTENCE_END, is_caption
from newsdesk.readers.formats.site_lines import Line, fold, read_lines

MIN_PARAGRAPH_WORDS = 8  # of a line that ends as a sentence
MIN_LONG_WORDS = 25  # of a line that does not
MAX_TITLE_WORDS = 39
MIN_DECK_WORDS = 4
MAX_SOURCE_WORDS = 5
MIN_LISTED = 4  # lines above the first paragraph that may be a list of other articles
MIN_RELATED = 0.25  # share of a line's words that the rest of the text has too
WRAPPED_CHARS = (55, 85)  # a text browser breaks lines at 80 columns

_WORD = re.compile(r"[^\W\d_]{3,}")
_ARTICLE = re.compile(r"^[وفبك]?(?:ال|لل)(?=\w\w)")
_AND = re.compile(r"^و(?=\w{4})")
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
    lines = _drop_latin(_name_sections(read_lines(unwrap(text)), sections))
    if len(lines) == 1:
        return None if lines[0].kind in {"menu", "date", "share"} else PlainPage(None, lines[0].text)
    first = _first_paragraph(lines)
    if first is None:
        return _short_page(lines)
    title_at = _find_title(lines, first)
    title = None if title_at is None else lines[title_at].text
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


def _name_sections(lines: list[Line], sections: Sequence[str]) -> list[Line]:
    """Count section names that stand alone as lines of a menu."""
    names = {fold(section) for section in sections}
    return [
        Line(line.text, "menu") if line.kind is None and fold(line.text) in names else line for line in lines
    ]


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


def _first_paragraph(lines: list[Line]) -> int | None:
    """Return the index of the first paragraph of the article, past tickers and what describes the site."""
    found = [index for index, line in enumerate(lines) if is_paragraph(line)]
    for index, following in pairwise(found):
        if not _is_ticker(lines, index) and not _describes_site(lines, index, following):
            return index
    return found[-1] if found else None


def _is_ticker(lines: list[Line], index: int) -> bool:
    """Return whether a long line without an end strings together what the rest does not speak of."""
    if SENTENCE_END.search(lines[index].text):
        return False
    rest = [line.text for line in lines[index + 1 :] if is_paragraph(line)]
    return _share_of_words(lines[index].text, rest) < MIN_RELATED


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
    is_menu = len(content) > 2 and all(line.n_words < MIN_DECK_WORDS for line in content)
    if is_menu or not content:
        notices = [line.text for line in lines if line.kind == "notice"]
        return PlainPage(notices[0], "\n".join(notices[1:])) if notices and not is_menu else None
    first, *rest = (line.text for line in content)
    if not rest or FULL_STOP.search(first):
        return PlainPage(None, "\n".join([first, *rest]))
    return PlainPage(first, "\n".join(keep_body([line for line in content[1:]], first)))


def _find_title(lines: list[Line], first: int) -> int | None:
    """Return the index of the headline among the lines above the first paragraph."""
    candidates = [index for index in range(first) if _may_be_title(lines, index)]
    body = [line.text for line in lines[first:] if is_paragraph(line)]
    shares = {index: _share_of_words(lines[index].text, body) for index in candidates}
    last_site = max((i for i in range(first) if lines[i].kind not in {None, "notice"}), default=-1)
    below_site = next((index for index in candidates if index > last_site), None)
    texts = [line.text for line in lines]
    n_site = sum(line.kind is not None for line in lines[:first])
    run = [index for index in candidates if index > last_site and lines[index].n_words >= MIN_DECK_WORDS]
    if len(run) >= MIN_LISTED and max(shares[index] for index in candidates) < 2 * MIN_RELATED:
        return None  # the headlines of other articles
    scores = {}
    for index in candidates:
        line = lines[index]
        is_long = line.n_words >= MIN_DECK_WORDS
        scores[index] = (
            2 * shares[index]
            + 0.5 * is_long
            + 0.8 * (is_long and texts.count(line.text) > 1)
            + 0.4 * (is_long and index == 0 and n_site < 3)
            + 0.3 * (lines[index + 1].kind in {"date", "byline", "share"})
            - 0.8 * (line.n_words < 3)
            - 0.4 * (line.n_words > MIN_LONG_WORDS)
            - 0.6 * (below_site is not None and index > below_site)  # a deck follows its headline
        )
    return max(scores, key=lambda index: (scores[index], -index), default=None)


def _may_be_title(lines: list[Line], index: int) -> bool:
    line, below = lines[index], lines[index + 1].text
    if line.kind is not None or not 1 < line.n_words <= MAX_TITLE_WORDS or FULL_STOP.search(line.text):
        return False
    words = line.text.split()
    half = len(words) // 2
    is_doubled = words[:half] == words[half:]  # a site's name, as its logo and as text
    is_start_of_below = _is_longer_caption(line.text, below)
    is_caption_or_source = is_caption(line.text, 1, repeated_in_a_row=False) or is_source(line)
    return not (is_doubled or is_start_of_below or is_caption_or_source)


def _is_longer_caption(line: str, below: str) -> bool:
    """Return whether the line below a caption prints it again, with more."""
    return line != below and below.startswith(line)


def is_source(line: Line) -> bool:
    """Return whether a short line ends as one that names who reports."""
    return line.n_words <= MAX_SOURCE_WORDS and line.text.endswith((":", "-", "ـ"))


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
    captions = {line for pair in pairs for line in pair} | {title}
    decks = [
        line.text
        for line in lines[title_at + 1 : first]
        if line.kind is None and line.text not in captions and line.n_words >= MIN_DECK_WORDS
        and not is_source(line) and not is_caption(line.text, texts.count(line.text), repeated_in_a_row=False)
    ]  # fmt: skip
    if len(decks) < MIN_LISTED:
        return decks
    return [deck for deck in decks if _share_of_words(deck, body) >= 2 * MIN_RELATED]


def keep_body(lines: list[Line], title: str | None) -> list[str]:
    """Return the paragraphs and sub-headlines of a body, each once."""
    counts = Counter(line.text for line in lines)
    repeated_in_a_row = {line.text for line, following in pairwise(lines) if line.text == following.text}
    seen = {title}
    content = []
    for line in lines:
        if line.kind is None:
            if line.text in seen or is_caption(line.text, counts[line.text], line.text in repeated_in_a_row):
                continue
            seen.add(line.text)
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
        is_pair = below is not None and is_paragraph(below)
        if is_pair or _share_of_words(lines[index].text, so_far) >= MIN_RELATED:
            return index
    return len(lines)


def _drop_trailing_headlines(body: list[Line]) -> list[Line]:
    """Drop headlines of other articles at the end of a body whose paragraphs end in a full stop."""
    paragraphs = [index for index, line in enumerate(body) if is_paragraph(line)]
    if not paragraphs or any(not SENTENCE_END.search(body[index].text) for index in paragraphs):
        return body
    above, trailing = body[: paragraphs[-1] + 1], body[paragraphs[-1] + 1 :]
    texts = [line.text for line in above]
    n_foreign = sum(_share_of_words(line.text, texts) < 2 * MIN_RELATED for line in trailing)
    is_list = len(trailing) > 1 and n_foreign == len(trailing)
    return above if is_list and not any(FULL_STOP.search(line.text) for line in trailing) else body
