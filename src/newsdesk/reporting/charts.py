"""Plots as SVG. Their colours are CSS classes of the page, so that they follow its light or dark theme."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from newsdesk.evaluation.tables import format_interval

WIDTH = 440  # units; about the width of a phone, so that letters are readable there
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 40
ROW = 15  # height of one mark of an interval plot
LETTER = 6.6  # mean width of a letter of 12 units
DISC = "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z"
# the series differ by the shape of their marks, not by colour only; those from RING on are not filled
SQUARE, DIAMOND, TRIANGLE = "M-4-4h8v8h-8z", "M0-5.5L5.5 0L0 5.5L-5.5 0z", "M0-5L5 4H-5z"
SHAPES = (DISC, SQUARE, DIAMOND, TRIANGLE) * 2
RING = 4
Scale = Callable[[float], float]  # from a value to its place in the plot
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
STYLE = Path(__file__).with_name("figure.css")  # what the page gives to a chart, for one in its own file


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval, drawn in the colour and shape number `series`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    series: int = 0
    title: str = ""  # the tooltip, or the text behind a bar


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y) joined by a line, with marks on the points if wanted."""

    name: str
    points: Sequence[tuple[float, float]]
    series: int = 0
    marks: bool = False


def mark_interval(
    measured: Mapping[str, Any], name: str, *, title: str, series: int = 0, sign: bool = False
) -> Interval:
    """Make the mark of a measured value, whose tooltip shows its numbers."""
    value, low, high = (measured[f"{name}{suffix}"] for suffix in ("", "_low", "_high"))
    return Interval(value, low, high, series, f"{title}: {format_interval(measured, name, sign=sign)}")


def draw_rows(
    rows: Sequence[tuple[str, Sequence[Interval]]],
    *,
    label: str,
    x_label: str,
    names: Sequence[str] = (),
    zero: bool = False,
    bars: bool = False,
) -> str:
    """Draw values with their intervals, or as bars from 0 to 1, one below the other in each named row.

    `label` describes the plot to screen readers, `names` are those of the series in the legend, and `zero`
    draws the line of no difference.
    """
    left = min(190, 12 + LETTER * max((len(name) for name, _ in rows), default=0))
    right = WIDTH - (76 if bars else RIGHT)
    found = [v for _, marks in rows for m in marks for v in (m.value, m.low, m.high) if v is not None]
    low, high = (0.0, 1.0) if bars else _pad([*found, 0.0] if zero else found)
    x = _scale(low, high, left, right)
    heights = [max(24, ROW * len(marks) + 9) for _, marks in rows]
    legend, top = _draw_legend(names, left=4)
    bottom = top + sum(heights)
    parts = [*legend, *_draw_x_axis(nice_ticks(low, high), x, top, bottom, x_label, (left + right) / 2)]
    if zero:
        parts.append(_line(x(0), top, x(0), bottom, "zero"))
    y = float(top)
    for (name, marks), height in zip(rows, heights, strict=True):
        shown = name if len(name) * LETTER <= left else f"{name[: int(left / LETTER) - 1]}…"
        parts.append(_text(left - 8, y + height / 2 + 4, shown, anchor="end"))
        for i, mark in enumerate(marks):
            if mark.value is not None:
                middle = y + height / 2 + ROW * (i - (len(marks) - 1) / 2)
                parts.append((_draw_bar if bars else _draw_interval)(mark, mark.value, x, middle))
        y += height
        parts.append(_line(left, y, right, y, "grid"))
    return _svg(label, bottom + BOTTOM, parts)


def draw_curves(
    curves: Sequence[Curve],
    *,
    label: str,
    x_label: str,
    y_label: str,
    y_max: float = 1.0,
    diagonal: bool = False,
    small: bool = False,
) -> str:
    """Draw curves over x from 0 to 1 and y from 0 to `y_max`; a `small` plot, for a grid, has no legend."""
    width, height = (200, 150) if small else (WIDTH, 270)
    left, bottom_space = (32, 34) if small else (LEFT, BOTTOM)
    legend, top = ([], TOP) if small else _draw_legend([c.name for c in curves], [c.series for c in curves])
    bottom = top + height - bottom_space
    x = _scale(0, 1, left, width - RIGHT)
    y = _scale(0, y_max, bottom, top)
    x_ticks, y_ticks = ([0, high / 2, high] if small else nice_ticks(0, high) for high in (1, y_max))
    parts = [*legend, *_draw_x_axis(x_ticks, x, top, bottom, x_label, (left + width - RIGHT) / 2)]
    for tick in y_ticks:
        parts.append(_line(left, y(tick), width - RIGHT, y(tick), "grid"))
        parts.append(_text(left - 6, y(tick) + 4, format_tick(tick), anchor="end", style="faint"))
    if not small:
        middle = _n((top + bottom) / 2)
        turned = f'text-anchor="middle" transform="rotate(-90 12 {middle})"'
        parts.append(f'<text x="12" y="{middle}" {turned}>{escape(y_label)}</text>')
    if diagonal:
        parts.append(_line(x(0), y(0), x(1), y(1), "zero"))
    parts += [_draw_curve(curve, x, y) for curve in curves]
    return _svg(label, top + height, parts, width=width)


def standalone(svg: str) -> str:
    """Turn a chart of the page into the content of an SVG file, which has a size of its own.

    The page of MLflow shows an image without one as nothing.
    """
    opening, rest = svg.split(">", 1)
    width, height = re.findall(r'viewBox="0 0 (\S+) (\S+)"', opening)[0]
    style = STYLE.read_text(encoding="utf-8")
    return f'{opening} width="{width}" height="{height}" {NAMESPACE}><style>\n{style}</style>{rest}\n'


def join_small(charts: Sequence[tuple[str, str]], *, label: str, columns: int = 4) -> str:
    """Join small charts and their captions into one."""
    width, height = 210, 180
    parts = []
    for i, (caption, svg) in enumerate(charts):
        left, top = width * (i % columns), height * (i // columns)
        placed = svg.replace("<svg", f'<svg x="{left}" y="{top + 20}" width="200" height="160"', 1)
        parts += [_text(left + 32, top + 16, caption), placed]
    n_rows = -(-len(charts) // columns)
    return _svg(label, height * n_rows, parts, width=width * min(columns, max(1, len(charts))))


def nice_ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Return about `about` round numbers from `low` to `high`."""
    if high <= low:
        return [low]
    step = (high - low) / about
    size = 10.0 ** math.floor(math.log10(step))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= step - 1e-12)
    first = -(-(low - 1e-9) // step)
    return [round((first + i) * step, 10) for i in range(int((high - first * step) / step + 1e-6) + 1)]


def format_tick(value: float) -> str:
    """Format a number of an axis with at most four decimals."""
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _pad(found: Sequence[float]) -> tuple[float, float]:
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    room = (high - low or 1.0) * 0.06
    return low - room, high + room


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (min(max(value, low), high) - low) / ((high - low) or 1.0) * (end - start)


def _draw_legend(
    names: Sequence[str], series: Iterable[int] | None = None, left: float = LEFT
) -> tuple[list[str], int]:
    """Draw the legend above a plot, in as many lines as needed; return where the plot begins too."""
    parts, x, y = [], left, 12
    for name, colour in zip(names, series or range(len(names)), strict=False):
        width = 30 + LETTER * len(name)
        if x > left and x + width > WIDTH:
            x, y = left, y + 18
        parts += [_in_colour(colour, _draw_mark(x + 6, y, colour)), _text(x + 16, y + 4, name)]
        x += width
    return parts, y + 14 if names else TOP


def _draw_x_axis(
    ticks: Sequence[float], x: Scale, top: float, bottom: float, label: str, middle: float
) -> list[str]:
    parts = []
    for tick in ticks:
        parts.append(_line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(_text(x(tick), bottom + 15, format_tick(tick), anchor="middle", style="faint"))
    return [*parts, _text(middle, bottom + 31, label, anchor="middle")]


def _draw_interval(mark: Interval, value: float, x: Scale, y: float) -> str:
    parts = [f"<title>{escape(mark.title)}</title>"]
    if mark.low is not None and mark.high is not None:
        parts.append(_line(x(mark.low), y, x(mark.high), y, "whisker"))
    return _in_colour(mark.series, *parts, _draw_mark(x(value), y, mark.series))


def _draw_bar(mark: Interval, value: float, x: Scale, y: float) -> str:
    size = f'width="{_n(x(value) - x(0))}" height="14" rx="2"'
    bar = f'<rect fill="currentColor" x="{_n(x(0))}" y="{_n(y - 7)}" {size}/>'
    return _in_colour(mark.series, bar) + _text(x(value) + 5, y + 4, mark.title, style="faint")


def _draw_curve(curve: Curve, x: Scale, y: Scale) -> str:
    points = [(x(px), y(py)) for px, py in curve.points]
    path = " ".join(f"{_n(px)},{_n(py)}" for px, py in points)
    line = f'<polyline class="curve" points="{path}"/>'
    marks = [_draw_mark(px, py, curve.series) for px, py in points] if curve.marks else []
    return _in_colour(curve.series, line, *marks)


def _draw_mark(x: float, y: float, series: int) -> str:
    kind = series % len(SHAPES)
    fill = "none" if kind >= RING else "currentColor"
    place = f"translate({_n(x)} {_n(y)})"
    return f'<path transform="{place}" d="{SHAPES[kind]}" fill="{fill}" stroke="currentColor"/>'


def _in_colour(series: int, *parts: str) -> str:
    return f'<g class="s{series % len(SHAPES)}">{"".join(parts)}</g>'


def _svg(label: str, height: float, parts: Iterable[str], *, width: int = WIDTH) -> str:
    opening = f'<svg viewBox="0 0 {width} {_n(height)}" role="img" aria-label="{escape(label)}">'
    return f"{opening}{''.join(parts)}</svg>"


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _n(value: float) -> str:
    """Format a coordinate; a tenth of a unit is finer than any screen."""
    return f"{value:.1f}".removesuffix(".0")
