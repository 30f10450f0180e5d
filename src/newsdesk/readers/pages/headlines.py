"""Find the headline of a saved page and the lines under it, among menus, dates, names and captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from newsdesk.readers.pages.captions import (
    FULL_STOP,
    SENTENCE_BREAK,
    SENTENCE_END,
    final_parenthesis,
    is_caption,
    names_agency,
)
from newsdesk.readers.pages.paragraphs import (
    RELATED_SHARE,
    is_paragraph,
    is_unended,
    paragraph_stems,
    share_of_words,
    stems,
)
from newsdesk.readers.pages.site_lines import Line

MIN_HEADLINE_WORDS = 4  # shorter lines are mostly sections, names and captions
MAX_HEADLINE_WORDS = 25
_USUAL_WORDS = 7
_MAX_SENTENCE_WORDS = 15  # of a headline that ends in a full stop
_MAX_SOURCE_WORDS = 5
_MIN_FIRST_WORDS = 8  # of the first paragraph, if the page has one as long
_MIN_LISTED = 4  # lines above the first paragraph that may be a list of other articles
_MIN_SITE_LINES = 3
_MAX_LINES_ABOVE, _MAX_PARAGRAPHS_ABOVE = 300, 20  # so that no page takes long

_BELOW_HEADLINES = {"date", "byline", "source", "share"}
_SOURCE = re.compile(r"\s[-–ـ]\s|[:\-–ـ|]$|^[|/]")
_STRUNG = re.compile(r"(?:\S\s*(?:\||\*{2,}|•|/{2,}|#)\s*\S.*){2}")  # headlines of a ticker between signs
_LINK = re.compile(r"https?://|www\.|pic\.twitter\.com")


def find_first_paragraph(lines: list[Line]) -> int | None:
    """Return the index of the first paragraph of the article, past tickers and what describes the site."""
    found = [index for index, line in enumerate(lines) if is_paragraph(line)]
    found = [index for index in found if lines[index].n_words >= _MIN_FIRST_WORDS] or found
    for index, following in pairwise(found[:_MAX_PARAGRAPHS_ABOVE]):
        is_other = _is_ticker(lines, index) or _is_stopped_headline(lines, index)
        if not is_other and not _describes_site(lines, index, following):
            return index
    return found[-1] if len(found) <= _MAX_PARAGRAPHS_ABOVE and found else next(iter(found), None)


def find_headline(lines: list[Line], first: int) -> int | None:
    """Return the index of the headline of an article whose first paragraph is at `first`."""
    start = max(0, first - _MAX_LINES_ABOVE)
    above = lines[start : first + 1]
    candidates = [index for index in range(len(above) - 1) if _may_be_headline(above, index)]
    if not candidates:
        return None
    body = paragraph_stems(lines[first:])
    shares = {index: share_of_words(above[index].text, body) for index in candidates}
    last_site = max((i for i, line in enumerate(above) if line.kind not in {None, "notice"}), default=-1)
    together = [i for i in candidates if i > last_site and above[i].n_words >= MIN_HEADLINE_WORDS]
    is_listed = len(together) >= _MIN_LISTED
    if is_listed and max(shares.values()) < 2 * RELATED_SHARE:
        return None  # the headlines of other articles
    opening = None if is_listed or not together else together[0]
    scores = {index: _score(above, index, shares[index], opening) for index in candidates}
    if start == 0 and 0 in scores and not is_listed and _has_few_site_lines(above):
        scores[0] += 0.4 * (above[0].n_words >= MIN_HEADLINE_WORDS)
    return start + max(scores, key=lambda index: (scores[index], -index))


def find_headline_below(lines: list[Line], first: int) -> int | None:
    """Return the index of a headline that stands below the text, before its date."""
    found = (index for index in range(len(lines) - 2, first, -1) if lines[index].kind is None)
    if (index := next(found, None)) is None:
        return None
    line = lines[index]
    is_headline = MIN_HEADLINE_WORDS <= line.n_words <= MAX_HEADLINE_WORDS and not FULL_STOP.search(line.text)
    is_dated = lines[index + 1].kind == "date"
    is_related = share_of_words(line.text, paragraph_stems(lines[first:])) >= 2 * RELATED_SHARE
    return index if is_headline and is_dated and is_related else None


def find_decks(lines: list[Line], headline: int, first: int) -> list[str]:
    """Return the lines under a headline that are neither captions nor names nor other headlines."""
    between = lines[headline + 1 : first][:_MAX_LINES_ABOVE]
    counts = Counter(line.text for line in lines)
    pairs = [(line.text, below.text) for line, below in pairwise(between)]
    captions = {text for pair in pairs if _is_longer_caption(*pair) for text in pair}
    title = lines[headline].folded
    decks = [
        line.text
        for line in between
        if line.kind is None and line.n_words >= MIN_HEADLINE_WORDS and line.text not in captions
        and not (is_unended(line) or _names_source(line) or line.folded.startswith(title))
        and not _STRUNG.search(line.text)
        and not is_caption(line.text, counts[line.text], repeated_in_a_row=False)
    ]  # fmt: skip
    is_text_alone = headline == 0 and _has_few_site_lines(lines[:first])
    if len(decks) < _MIN_LISTED or is_text_alone:
        return decks
    body = paragraph_stems(lines[first:])
    return [deck for deck in decks if share_of_words(deck, body) >= 2 * RELATED_SHARE]


def _score(above: Sequence[Line], index: int, share: float, opening: int | None) -> float:
    """Return how much a line looks like the headline; the weights were set on pages of 70 sites."""
    line = above[index]
    is_long = line.n_words >= MIN_HEADLINE_WORDS
    is_repeated = sum(other.folded == line.folded for other in above) > 1
    return (
        2 * share * min(1, line.n_words / _USUAL_WORDS)
        + 0.5 * is_long
        + 0.6 * (is_long and is_repeated)
        + 0.6 * (above[index + 1].kind in _BELOW_HEADLINES)
        - 0.8 * (line.n_words < 3)
        - 0.4 * line.text.endswith(":")
        - 0.6 * (opening is not None and index > opening)  # a deck follows its headline
    )


def _may_be_headline(lines: Sequence[Line], index: int) -> bool:
    line, below = lines[index], lines[index + 1].text
    if line.kind is not None or not 1 < line.n_words <= MAX_HEADLINE_WORDS or _LINK.search(line.text):
        return False
    if FULL_STOP.search(line.text) and not _is_stopped_headline(lines, index):
        return False
    words = line.text.split()
    half = len(words) // 2
    is_doubled = words[:half] == words[half:]  # a site's name, as its logo and as text
    credit = final_parenthesis(line.text)
    has_agency = credit is not None and names_agency(credit["inside"])
    is_strung = _STRUNG.search(line.text) is not None
    return not (
        is_doubled or is_strung or has_agency or _names_source(line) or _is_longer_caption(line.text, below)
    )


def _is_stopped_headline(lines: Sequence[Line], index: int) -> bool:
    """Return whether a sentence stands above a date or an author, as a headline does."""
    line = lines[index]
    is_sentence = FULL_STOP.search(line.text) and not SENTENCE_BREAK.search(line.text)
    is_short = line.n_words <= _MAX_SENTENCE_WORDS
    return bool(is_sentence) and is_short and lines[index + 1].kind in {"date", "byline"}


def _is_ticker(lines: list[Line], index: int) -> bool:
    """Return whether a long line without an end strings together what the rest does not speak of."""
    line, rest = lines[index], [line for line in lines[index + 1 :] if is_paragraph(line)]
    if SENTENCE_END.search(line.text):
        return False
    is_above_text = index == 0 and bool(rest) and lines[1] is rest[0]
    if is_above_text and line.n_words > 2 * sum(other.n_words for other in rest):
        return False  # most of a text of two paragraphs
    own = stems([line.text])
    if any(share_of_words(above.text, own) >= 2 * RELATED_SHARE for above in lines[:index][-2:]):
        return False  # it speaks of its headline
    return share_of_words(line.text, paragraph_stems(rest)) < RELATED_SHARE


def _describes_site(lines: list[Line], index: int, following: int) -> bool:
    """Return whether a paragraph stands above the menus and the headline of a longer text."""
    between = lines[index + 1 : following]
    has_headline = any(line.kind is None and line.n_words >= MIN_HEADLINE_WORDS for line in between)
    n_words_below = sum(line.n_words for line in lines[following:] if is_paragraph(line))
    return has_headline and not _has_few_site_lines(between) and lines[index].n_words < n_words_below


def _has_few_site_lines(lines: Sequence[Line]) -> bool:
    return sum(line.kind is not None for line in lines) < _MIN_SITE_LINES


def _is_longer_caption(line: str, below: str) -> bool:
    """Return whether the line below a short caption prints it again, with more."""
    return len(line.split()) <= MIN_HEADLINE_WORDS and line != below and below.startswith(line)


def _names_source(line: Line) -> bool:
    """Return whether a short line names a place and who reports: «القاهرة - وكالات»."""
    return line.n_words <= _MAX_SOURCE_WORDS and _SOURCE.search(line.text) is not None
