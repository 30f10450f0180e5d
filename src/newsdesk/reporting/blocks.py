"""The building blocks of the report: values only, which `render` turns into HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    level: int = 0  # the strength of its shading, from 0 to 10
    bold: bool = False


Row = Sequence[Cell | str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first cell of a row is its heading."""

    kind: ClassVar = "tables"
    caption: str
    header: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with a caption."""

    kind: ClassVar = "figures"
    name: str  # of its file in MLflow, without the suffix
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class SmallMultiples:
    """Many small plots in a grid."""

    kind: ClassVar = "small-multiples"
    name: str  # as for a figure
    caption: str
    charts: Sequence[tuple[str, str]]  # caption and SVG


@dataclass(frozen=True, slots=True)
class Note:
    """A line of text; a warning stands in a box."""

    kind: ClassVar = "notes"
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A main result, in large digits if it is `primary`."""

    kind: ClassVar = "key-figures"
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
    """One wrong label of one article."""

    article_id: str
    task: str
    label: str
    outlet: str
    kind: str  # `missed` or `spurious`
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
    """Wrong labels with filters and a search."""

    kind: ClassVar = "mistakes"
    shown: Sequence[Mistake]
    n_left_out: int  # more mistakes, which are not on the page


Block = Table | Figure | SmallMultiples | Note | KeyFigure | Mistakes


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under a heading."""

    id: str
    title: str
    blocks: Sequence[Block]


def format_count(n: int) -> str:
    """Format a count of a table, zero as a dot."""
    return f"{n:,}" if n else "\u00b7"


def shade(value: float, *, low: float = 0.0, high: float = 1.0) -> int:
    """Return the level of shading of a value between `low` and `high`, from 0 to 10."""
    return round(10 * min(1.0, max(0.0, (value - low) / (high - low))))
