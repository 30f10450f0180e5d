"""Split the text of a page into lines, and tell paragraphs and what a line shares with others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from newsdesk.readers.pages.captions import FULL_STOP, SENTENCE_END
from newsdesk.readers.pages.site_lines import Line, fold

MIN_SENTENCE_WORDS = 5  # of a line that ends in a full stop and counts as a paragraph
MIN_LONG_WORDS = 25  # of one that does not
RELATED_SHARE = 0.25  # of a line's words that the text on the same subject has too
_WRAPPED_CHARS = (55, 85)  # a text browser breaks lines at 80 columns
_MIN_WRAPPED_LINES = 3

_ARABIC, _LATIN = re.compile("[\u0621-\u064a]"), re.compile("[A-Za-z]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_ARTICLE = re.compile(r"^[وفبك]?(?:ال|لل)(?=\w\w)")
_AND = re.compile(r"^و(?=\w{4})")
_STEM_CHARS = 4
_MAX_COMPARED = 200  # paragraphs, so that no page takes long
_FUNCTION_WORDS = frozenset(
    "الى على من في مع بعد قبل بين هذا هذه ذلك التي الذي كما كان".split()  # noqa: SIM905 - a line, not twenty
)


def unwrap(text: str) -> list[str]:
    """Split a text into lines, and join the lines of a paragraph that a text browser broke."""
    raw = text.splitlines()
    shortest, longest = _WRAPPED_CHARS
    n_full = sum(shortest <= len(line) <= longest for line in raw)
    n_lines = sum(bool(line.strip()) for line in raw)
    is_wrapped = n_full >= max(_MIN_WRAPPED_LINES, n_lines / 3) and max(map(len, raw)) <= longest
    if not is_wrapped:
        return raw
    blocks: list[list[str]] = []
    continues = False
    for line in raw:
        if continues and line.strip():
            blocks[-1].append(line.strip())
        else:
            blocks.append([line])
        continues = shortest <= len(line) <= longest
    return [" ".join(block) for block in blocks]


def drop_foreign_lines(lines: list[Line]) -> list[Line]:
    """Drop the lines without an Arabic letter of a page that is mostly Arabic."""
    text = "".join(line.text for line in lines)
    if len(_LATIN.findall(text)) > len(_ARABIC.findall(text)):
        return lines
    return [line for line in lines if _ARABIC.search(line.text) or not _LATIN.search(line.text)]


def is_paragraph(line: Line) -> bool:
    """Return whether a line is a sentence or as long as a paragraph."""
    is_sentence = FULL_STOP.search(line.text) is not None
    return line.kind is None and line.n_words >= (MIN_SENTENCE_WORDS if is_sentence else MIN_LONG_WORDS)


def is_unended(line: Line) -> bool:
    """Return whether a line is as long as a paragraph and does not end as a sentence, as tickers do."""
    return line.n_words >= MIN_LONG_WORDS and not SENTENCE_END.search(line.text)


def stems(texts: Iterable[str]) -> set[str]:
    """Return the starts of the words of texts, without articles and frequent words."""
    words = (word for text in texts for word in _WORD.findall(fold(text)) if word not in _FUNCTION_WORDS)
    return {_AND.sub("", _ARTICLE.sub("", word))[:_STEM_CHARS] for word in words}


def share_of_words(line: str, known: set[str]) -> float:
    """Return the share of a line's words whose stems are known."""
    own = stems([line])
    return len(own & known) / len(own) if own else 0.0


def paragraph_stems(lines: Sequence[Line]) -> set[str]:
    """Return the stems of the first paragraphs among lines."""
    return stems(islice((line.text for line in lines if is_paragraph(line)), _MAX_COMPARED))
