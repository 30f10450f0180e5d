"""What a section of the page is made of; values only, HTML is made of them in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `level` 0 to 10 is how strongly it is shaded, `strong` sets it in bold."""

    text: str
    level: int = 0
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first cell of a row is its heading."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot and what it shows; `name` is its file's in MLflow."""

    name: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Smalls:
    """Many small plots beside each other, each with its caption."""

    name: str
    caption: str
    charts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Note:
    """A line of text; `kind` is `said`, `caution`, or `missing` where something could not be shown."""

    text: str
    kind: str = "said"


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure to be read first, or second where there is a fairer one."""

    title: str
    value: str
    interval: str
    details: Sequence[str]
    first: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a text that speak for a label (`value` above 0) or against it."""

    start: int
    stop: int
    value: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A text with what in it speaks for and against a label."""

    text: str
    spans: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong label of one article.

    `kind` is `missed` or `spurious`; `title` and `text` are None where texts are left out, `terms` are what
    spoke for the label most, or against it.
    """

    article_id: str
    task: str
    label: str
    outlet: str
    kind: str
    probability: float
    threshold: float | None
    truth: Sequence[str]
    said: Sequence[str]
    title: Shown | None = None
    text: Shown | None = None
    n_left_out: int = 0
    terms: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Wrong labels to filter and search; `n_left_out` more were not taken in."""

    shown: Sequence[Mistake]
    n_left_out: int


Block = Table | Figure | Smalls | Note | Headline | Mistakes


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under a heading."""

    id: str
    title: str
    intro: str
    blocks: Sequence[Block]


def missing(text: str) -> Note:
    """The line that stands where something could not be shown."""
    return Note(text, "missing")


def show(value: float | None, *, sign: bool = False) -> str:
    """A figure with three digits, `-` for none."""
    if value is None:
        return "-"
    return f"{value:{'+' if sign else ''}.3f}".replace("-", MINUS)


def show_interval(measured: Mapping[str, Any], name: str, *, sign: bool = False) -> str:
    """A figure and its interval: `0.812 (0.790 to 0.833)`."""
    value, low, high = (measured.get(f"{name}{suffix}") for suffix in ("", "_low", "_high"))
    if value is None:
        return "-"
    return f"{show(value, sign=sign)} ({show(low, sign=sign)} to {show(high, sign=sign)})"


def shade(value: float | None, *, low: float = 0.0, high: float = 1.0) -> int:
    """How strongly to shade a cell, 0 to 10."""
    if value is None or high <= low:
        return 0
    return round(10 * min(1.0, max(0.0, (value - low) / (high - low))))


def cells(row: Sequence[str]) -> list[Cell]:
    """Plain cells."""
    return [Cell(text) for text in row]
