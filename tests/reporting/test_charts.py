"""Plots as SVG."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from newsdesk.reporting import charts
from newsdesk.reporting.charts import (
    Curve,
    Interval,
    draw_curves,
    draw_rows,
    format_tick,
    join_small,
    nice_ticks,
    standalone,
)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 0.05, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (-0.03, 0.11, [0, 0.05, 0.1]),
        (0.2, 0.2, [0.2]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.5, "0.5"), (-0.0125, "-0.0125"), (1.0, "1")])
def test_a_tick_has_no_trailing_zeros(value: float, text: str) -> None:
    assert format_tick(value) == text


def test_eight_systems_have_marks_of_their_own() -> None:
    names = [f"system {i}" for i in range(8)]
    svg = draw_rows(
        [("north", [Interval(0.5, series=i) for i in range(8)])], label="", x_label="", names=names
    )
    legend = list(ET.fromstring(svg).iter("g"))[:8]
    marks = {(group[0].attrib["d"], group[0].attrib["fill"]) for group in legend}
    assert len(marks) == 8
    for sheet in Path(charts.__file__).parent.glob("*.css"):
        rules = sheet.read_text(encoding="utf-8").replace(" ", "")
        assert all(f".{group.attrib['class']}{{color:" in rules for group in legend), sheet.name


def test_plots_are_xml_and_escape_names() -> None:
    name = "<b>&amp;"
    small = draw_curves([Curve(name, [(0, 0), (1, 1)])], label=name, x_label=name, y_label="", small=True)
    plots = [
        draw_rows([(name, [Interval(0.5, 0.4, 0.6, title=name), Interval(None)])], label=name, x_label=name),
        draw_curves(
            [Curve(name, [(0, 0)], marks=True)], label=name, x_label=name, y_label=name, diagonal=True
        ),
        draw_rows([(name, [Interval(0.5, title=name)])], label=name, x_label=name, bars=True),
        join_small([(name, small)] * 5, label=name),
    ]
    for plot in plots:
        root = ET.fromstring(standalone(plot))
        assert root.attrib["aria-label"] == name
        assert not [element for element in root.iter() if element.tag.endswith("}b")]
