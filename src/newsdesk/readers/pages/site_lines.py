"""Tell the lines of a saved page that belong to the site from those of the article."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from newsdesk.readers.pages.captions import FULL_STOP, WEEKDAYS

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
_MIN_SPECIFIC_WORDS = 3
_FIRST_WORD = re.compile(r"\w+|\S")
_LONE_TATWEEL = re.compile(r"(?<=\s)ـ+(?=\s|$)")  # a dash between words
_HOME = {"الرئيسيه", "home"}
_LABELS = {"staff", "byline", "related", "end"}  # may be followed by a colon and more


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page; `kind` is what it is if it belongs to the site, None if to an article."""

    text: str
    kind: str | None
    folded: str  # in one spelling, to compare lines
    n_words: int


def read_lines(raw_lines: Iterable[str]) -> list[Line]:
    """Return the lines that are not blank, with single spaces."""
    lines = []
    for raw in raw_lines:
        if text := clean_line(raw):
            folded = fold(text)
            lines.append(Line(text, _kind_of(raw, folded), folded, len(text.split())))
    return lines


def clean_line(raw: str) -> str:
    """Return a line without invisible characters and with single spaces."""
    return " ".join(INVISIBLE.sub("", raw).split())


def kind_of(line: str) -> str | None:
    """Return the kind of a line of the site, as in `site_lines.tsv`, None for a line of an article."""
    return _kind_of(line, fold(line))


def _kind_of(raw: str, folded: str) -> str | None:
    items = _RUN_OF_SPACES.split(raw.strip())
    if len(items) >= _MIN_TICKER_ITEMS and not any(map(FULL_STOP.search, items)):
        return "menu"  # or a ticker
    n_words = len(folded.split())
    if n_words > _MAX_NOTICE_WORDS or len(folded) > _MAX_CHARS:
        return None
    if not any(map(str.isalpha, folded)):
        return None if "…" in raw or "..." in raw else "weather" if "°" in raw else "date"
    line = clean_line(raw)
    if _ADDRESS.fullmatch(line):
        return "share"
    if line.count("»") > line.count("«"):
        return "menu"  # a path
    if kind := _kind_of_segment(line, folded, n_words):
        return kind
    segments = [part for item in items for part in _SEPARATORS.split(item) if part.strip()]
    if len(segments) > 1:
        return _kind_of_items(segments)
    return _kind_of_words(folded.split()) if n_words <= _MAX_SENTENCE_WORDS else None


def _kind_of_items(segments: list[str]) -> str | None:
    """Return the kind of a menu, a path or a row of buttons."""
    folded = [fold(segment) for segment in segments]
    kinds = [_kind_of_segment(s, f, len(f.split())) for s, f in zip(segments, folded, strict=True)]
    is_menu = len(segments) >= _MIN_MENU_ITEMS and all(len(s.split()) <= _MAX_MENU_WORDS for s in segments)
    if all(kinds) or folded[0] in _HOME:
        return kinds[0]
    return "menu" if is_menu else None


def _kind_of_words(words: list[str]) -> str | None:
    """Return the kind of a line of which every word is a menu's item or a button."""
    exact = _markers().exact
    kinds = [exact.get(word) or exact.get(word.removeprefix("و")) for word in words]
    is_row = len(words) > 1 + ("menu" in kinds) and set(kinds) <= {"menu", "share"}
    return kinds[0] if is_row else None


def _kind_of_segment(segment: str, folded: str, n_words: int) -> str | None:
    """Return the kind of a line, or of an item in one, by the markers of `site_lines.tsv`."""
    markers = _markers()
    if kind := markers.exact.get(folded) or markers.exact.get(fold(_COUNT.sub("", folded))):
        return kind
    label, colon, _ = segment.partition(":")
    kind = markers.exact.get(fold(label)) if colon else None
    if kind in _LABELS and n_words <= _MAX_WORDS.get(kind, n_words):
        return kind
    if kind := _kind_of_opening(folded, n_words, is_sentence=FULL_STOP.search(segment) is not None):
        return kind
    for marker, kind in markers.contained:
        if n_words <= _MAX_CONTAINING_WORDS.get(kind, _MAX_NOTICE_WORDS) and marker in folded:
            return kind
    if "°" in segment and n_words <= _MAX_WORDS["staff"]:
        return "weather"
    return _date(folded) if n_words <= _MAX_OPENED_WORDS else None


def _kind_of_opening(folded: str, n_words: int, *, is_sentence: bool) -> str | None:
    """Return the kind of a line that a marker opens; a marker of three words may open a longer line."""
    first = _FIRST_WORD.match(folded)
    usual = _MAX_SENTENCE_WORDS if is_sentence else _MAX_OPENED_WORDS
    for marker, kind in _markers().opening.get(first[0] if first else "", ()):
        is_whole = not folded[len(marker) : len(marker) + 1].isalnum()
        is_specific = len(marker.split()) >= _MIN_SPECIFIC_WORDS
        limit = _MAX_NOTICE_WORDS if is_specific else _MAX_WORDS.get(kind, usual)
        has_figure = kind != "weather" or any(map(str.isdigit, folded))
        if folded.startswith(marker) and is_whole and n_words <= limit and has_figure:
            return kind
    return None


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
    inner = _INNER.search(_spell(line))
    return inner[0] if inner else ""


def _spell(line: str) -> str:
    line = _MARKS.sub("", _LONE_TATWEEL.sub("-", line))
    return " ".join(line.translate(_VARIANTS).casefold().split())


@dataclass(frozen=True, slots=True)
class _Markers:
    """The markers that are a whole line, that open one (by their first word) and that stand within one."""

    exact: dict[str, str]
    opening: dict[str, list[tuple[str, str]]]
    contained: list[tuple[str, str]]


@cache
def _rows() -> list[list[str]]:
    text = resources.files(__package__).joinpath("site_lines.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


@cache
def _markers() -> _Markers:
    markers = _Markers({}, {}, [])
    for kind, marker in _rows():
        if kind == "date":
            continue
        if marker.startswith("…"):
            markers.contained.append((fold(marker), kind))
        elif marker.endswith("…"):
            opening = _spell(marker.removesuffix("…")).strip()
            first = _FIRST_WORD.match(opening)
            markers.opening.setdefault(first[0] if first else "", []).append((opening, kind))
        markers.exact[fold(marker)] = kind
    return markers


@cache
def _date_words() -> frozenset[str]:
    return frozenset(fold(marker) for kind, marker in _rows() if kind == "date")
