"""The plots of the report as SVG files, for stage `track`, which does not import the other sections."""

from __future__ import annotations

from collections.abc import Iterable

from newsdesk.reporting import curves, scores
from newsdesk.reporting.blocks import Block, Figure, SmallMultiples
from newsdesk.reporting.charts import join_small, standalone
from newsdesk.reporting.run_files import RunContent

EVALUATION = (
    scores.show_labels,
    curves.show_precision_recall,
    curves.show_reliability,
    curves.show_coverage,
)


def draw_figures(blocks: Iterable[Block]) -> dict[str, str]:
    """Return the plots among the blocks as SVG files, by file name."""
    figures = {}
    for block in blocks:
        if isinstance(block, Figure):
            figures[f"{block.name}.svg"] = standalone(block.svg)
        elif isinstance(block, SmallMultiples) and block.charts:
            figures[f"{block.name}.svg"] = standalone(join_small(block.charts, label=block.caption))
    return figures


def draw_evaluation(run: RunContent) -> dict[str, str]:
    """Draw the plots of a run's evaluation, which are kept with its MLflow run; they show no text."""
    return draw_figures(block for show in EVALUATION for block in show(run))
