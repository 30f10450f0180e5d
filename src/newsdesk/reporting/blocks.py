"""The building blocks of the report: values only, which `render` turns into HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `level` is the strength of its shading, from 0 to 10."""

    text: str
    level: int = 0
    bold: bool = False


Row = list[Cell | str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first cell of a row is its heading."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with a caption; `name` is its file name in MLflow, without the suffix."""

    name: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class SmallMultiples:
    """Many small plots in a grid, as pairs of caption and SVG; `name` as for a figure."""

    name: str
    caption: str
    charts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Note:
    """A line of text; a warning stands in a box."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A main result, in large digits if it is `primary`."""

    title: str
    value: str
    interval: str
    details: Sequence[str]
    primary: bool = True


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """Characters of a text and their contribution: above 0 for a label, below 0 against it."""

    start: int
    stop: int
    value: float


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text with the spans that contributed to a label."""

    text: str
    spans: Sequence[MarkedSpan] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong label of one article; `kind` is `missed` or `spurious`."""

    article_id: str
    task: str
    label: str
    outlet: str
    kind: str
    probability: float
    threshold: float | None
    true_labels: Sequence[str]
    predicted_labels: Sequence[str]
    title: MarkedText | None = None  # None in a report without texts
    text: MarkedText | None = None
    n_characters_left_out: int = 0  # of the text
    terms: Sequence[tuple[str, float]] = ()  # words and their contributions, the largest first


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Wrong labels with filters and a search; `n_left_out` more are not on the page."""

    shown: Sequence[Mistake]
    n_left_out: int


Block = Table | Figure | SmallMultiples | Note | KeyFigure | Mistakes


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under a heading."""

    id: str
    title: str
    intro: str
    blocks: Sequence[Block]


def format_score(value: float | None, *, sign: bool = False) -> str:
    """Format a number with three digits, `-` for None."""
    return "-" if value is None else f"{value:{'+' if sign else ''}.3f}"


def shade(value: float | None, *, low: float = 0.0, high: float = 1.0) -> int:
    """Return the level of shading of a value between `low` and `high`, from 0 to 10."""
    if value is None or high <= low:
        return 0
    return round(10 * min(1.0, max(0.0, (value - low) / (high - low))))
