"""Tell the lines of a saved page that belong to the site from those of the article."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from newsdesk.readers.formats.captions import FULL_STOP, WEEKDAYS

INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_VARIANTS = str.maketrans("أإآٱىة", "اااايه")
_INNER = re.compile(r"[\w©+](?:.*[\w©+])?")
_RUN_OF_SPACES = re.compile(r"\s{3,}|\t")
_SEPARATORS = re.compile(r" ?[|»›•·] ?| [>/] ")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[^\s@]+@[^\s@]+|(?:[#@]\S+\s)*[#@]\S+")
_COUNT = re.compile(r"^\d+\W*\s|\s\W*\d+$")
_DATE_PART = re.compile(r"\d+|[^\W\d_]+")
_MAX_WORDS = {"staff": 7, "byline": 8}
_MAX_CONTAINING_WORDS = {"related": 5}
_MAX_OPENED_WORDS, _MAX_SENTENCE_WORDS, _MAX_NOTICE_WORDS = 20, 12, 60
_MAX_CHARS = 800  # of a line that is looked up
_MIN_TICKER_ITEMS, _MIN_MENU_ITEMS, _MAX_MENU_WORDS = 5, 4, 4
_HOME = {"الرئيسيه", "home"}
_LABELS = {"staff", "byline", "related", "end"}  # may be followed by a colon and more


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page and what it is if it belongs to the site, None if to an article."""

    text: str
    kind: str | None

    @property
    def n_words(self) -> int:
        """The number of words."""
        return len(self.text.split())


def read_lines(raw_lines: list[str]) -> list[Line]:
    """Return the lines that are not blank, with single spaces."""
    return [Line(text, kind_of(raw)) for raw in raw_lines if (text := clean_line(raw))]


def clean_line(raw: str) -> str:
    """Return a line without invisible characters and with single spaces."""
    return " ".join(INVISIBLE.sub("", raw).split())


def kind_of(raw: str) -> str | None:
    """Return the kind of a line of the site, as in `site_lines.tsv`, None for a line of an article."""
    line = INVISIBLE.sub("", raw).strip()
    items = _RUN_OF_SPACES.split(line)
    if len(items) >= _MIN_TICKER_ITEMS and not any(map(FULL_STOP.search, items)):
        return "menu"  # or a ticker
    if len(line) > _MAX_CHARS:
        return None
    if not any(map(str.isalpha, line)):
        return None if "…" in line or "..." in line else "weather" if "°" in line else "date"
    if _ADDRESS.fullmatch(line):
        return "share"
    if line.count("»") > line.count("«"):
        return "menu"  # a path
    segments = [part for item in items for part in _SEPARATORS.split(item) if part.strip()]
    return _kind_of_segment(line) or (
        _kind_of_items(segments) if len(segments) > 1 else _kind_of_words(fold(line).split())
    )


def _kind_of_items(segments: list[str]) -> str | None:
    """Return the kind of a menu, a path or a row of buttons."""
    kinds = [_kind_of_segment(segment) for segment in segments]
    is_menu = len(segments) >= _MIN_MENU_ITEMS and all(len(s.split()) <= _MAX_MENU_WORDS for s in segments)
    if all(kinds) or fold(segments[0]) in _HOME:
        return kinds[0]
    return "menu" if is_menu else None


def _kind_of_words(words: list[str]) -> str | None:
    """Return the kind of a line of which every word is a menu's item or a button."""
    exact = _markers()[0]
    kinds = [exact.get(word) or exact.get(word.removeprefix("و")) for word in words]
    is_row = len(words) > 1 + ("menu" in kinds) and set(kinds) <= {"menu", "share"}
    return kinds[0] if is_row else None


def _kind_of_segment(segment: str) -> str | None:
    folded = fold(segment)
    exact, opening, contained = _markers()
    if kind := exact.get(folded) or exact.get(fold(_COUNT.sub("", folded))):
        return kind
    label, colon, _ = segment.partition(":")
    n_words = len(folded.split())
    if colon and (kind := exact.get(fold(label))) in _LABELS and n_words <= _MAX_WORDS.get(kind, n_words):
        return kind
    for marker, kind in _openings(folded, opening):
        is_specific = len(marker.split()) >= 3
        shortest = _MAX_SENTENCE_WORDS if FULL_STOP.search(segment) else _MAX_OPENED_WORDS
        limit = _MAX_NOTICE_WORDS if is_specific else _MAX_WORDS.get(kind, shortest)
        if n_words <= limit and (kind != "weather" or re.search(r"\d", folded)):
            return kind
    for marker, kind in contained:
        if n_words <= _MAX_CONTAINING_WORDS.get(kind, _MAX_NOTICE_WORDS) and marker in folded:
            return kind
    return "weather" if "°" in segment and n_words <= _MAX_WORDS["staff"] else _date(folded)


def _openings(folded: str, opening: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the markers of one to six words that open a line, longest first."""
    words = folded.split()
    for n in range(min(len(words), 6), 0, -1):
        marker = " ".join(words[:n])
        if kind := opening.get(fold(marker)):
            yield marker, kind


def _date(folded: str) -> str | None:
    """Return "date" for a line of a date or a time, with at most two other words in a long one."""
    parts = _DATE_PART.findall(folded)
    n_numbers = sum(part.isdigit() for part in parts)
    n_known = n_numbers + sum(part in _date_words() for part in parts)
    n_other = len(parts) - n_known
    if n_other == 0 and (n_numbers or len(parts) > 1 or folded in map(fold, WEEKDAYS.split("|"))):
        return "date"
    return "date" if 0 < n_other <= 2 and n_known >= 2 * n_other + 1 and n_numbers >= 2 else None


def fold(line: str) -> str:
    """Return a line with one spelling of alef, yeh and teh marbuta, without marks and outer punctuation."""
    inner = _INNER.search(" ".join(_MARKS.sub("", line).translate(_VARIANTS).casefold().split()))
    return inner[0] if inner else ""


@cache
def _rows() -> list[tuple[str, str]]:
    text = resources.files(__package__).joinpath("site_lines.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return [(kind, marker) for kind, marker in rows]


@cache
def _markers() -> tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]:
    """Return the markers that are a whole line, that open one and that stand within one, with their kinds."""
    exact, opening, contained = {}, {}, []
    for kind, marker in _rows():
        folded = fold(marker)
        if kind == "date":
            continue
        if marker.startswith("…"):
            contained.append((folded, kind))
        elif marker.endswith("…"):
            opening[folded] = kind
        exact[folded] = kind
    return exact, opening, contained


@cache
def _date_words() -> frozenset[str]:
    return frozenset(fold(marker) for kind, marker in _rows() if kind == "date")
