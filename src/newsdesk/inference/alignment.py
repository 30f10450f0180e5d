"""Map a normalized text back to the original: which characters does each normalized character come from?"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .text import SENTENCE_END, TOKEN, normalize

MAX_CUTS = 32  # tried for a piece that cannot be normalized character by character
WINDOW = 100  # characters around the middle of a piece, in which cuts are tried
TATWEEL = "\u0640"

TranslationTable = Mapping[int, int | str | None]


@dataclass(frozen=True, slots=True)
class AlignedText:
    """A text and its normalized form: `normalized[i]` comes from `original[starts[i]:stops[i]]`."""

    original: str
    normalized: str
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return the span of the original that `normalized[start:stop]` comes from."""
        return self.starts[start], self.stops[stop - 1]


def align(text: str, table: TranslationTable) -> AlignedText:
    """Normalize a text, by pieces whose normalized forms, joined, equal that of the whole text."""
    normalized = normalize(text, table)
    spans: list[tuple[int, int, int]] = []  # where a piece starts and stops, and the length of its form
    at = 0
    for piece, form in _pieces(text, normalized, table, {}):
        end = at + len(piece)
        if form:
            spans.append((at, end, len(form)))
        elif spans and spans[-1][1] == at and _belongs_to_letter(piece):  # a removed mark or tatweel
            start, _, length = spans[-1]
            spans[-1] = start, end, length
        at = end
    starts = tuple(start for start, _, length in spans for _ in range(length))
    stops = tuple(stop for _, stop, length in spans for _ in range(length))
    return AlignedText(text, normalized, starts, stops)


def token_spans(normalized: str, *, scope: str) -> list[list[tuple[int, int]]]:
    """Return the spans of the tokens of `text.tokenize_sentences`."""
    ends = [m.start() for m in SENTENCE_END.finditer(normalized)] if scope == "sentence" else []
    starts = [0, *(end + 1 for end in ends)]
    return [
        [match.span() for match in TOKEN.finditer(normalized, start, stop)]
        for start, stop in zip(starts, [*ends, len(normalized)], strict=True)
    ]


def _belongs_to_letter(piece: str) -> bool:
    return all(c == TATWEEL or unicodedata.category(c).startswith("M") for c in piece)


def _pieces(
    text: str, form: str, table: TranslationTable, cache: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Cut a text, whose normalized form is given, into the smallest pieces possible, each with its form."""
    forms = [cache[c] if c in cache else cache.setdefault(c, normalize(c, table)) for c in text]
    if "".join(forms) == form:
        yield from zip(text, forms, strict=True)
        return
    for cut in _cuts(text):
        before, after = normalize(text[:cut], table), normalize(text[cut:], table)
        if before + after == form:
            yield from _pieces(text[:cut], before, table, cache)
            yield from _pieces(text[cut:], after, table, cache)
            return
    yield text, form


def _cuts(text: str) -> list[int]:
    """Return positions to try to cut at: spaces first, then positions near the middle."""
    middle = len(text) // 2
    near = range(max(1, middle - WINDOW), min(len(text), middle + WINDOW + 1))
    return sorted(near, key=lambda cut: (not text[cut].isspace(), abs(cut - middle)))[:MAX_CUTS]
