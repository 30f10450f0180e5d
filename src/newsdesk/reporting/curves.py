"""Sections of curves: precision and recall, reliability, confusion, risk and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    main_label_pairs,
    reliability_points,
    risk_coverage_points,
)
from newsdesk.reporting.blocks import Block, Cell, Figure, Row, SmallMultiples, Table, format_score, shade
from newsdesk.reporting.charts import Curve, draw_curves
from newsdesk.reporting.predictions import confidence
from newsdesk.reporting.run_files import Rows, RunContent
from newsdesk.training.targets import BoolArray, FloatArray

NONE = "none"
MAX_POINTS = 60
COVERAGES = (0.25, 0.5, 0.75, 1.0)
Points = Sequence[tuple[float, float]]


def show_precision_recall(run: RunContent) -> Iterator[Block]:
    """Draw precision by recall of each head, and of each label."""
    curves = [
        Curve(task, _points(rows, "recall", "precision"), i)
        for i, task in enumerate(TASKS)
        if (rows := run.plots.get(f"precision_recall_{task}"))
    ]
    if curves:
        svg = draw_curves(
            curves, label="precision by recall of both heads", x_label="recall", y_label="precision"
        )
        caption = "All labels of a head counted together, on the test split."
        yield Figure("precision_recall", caption, svg)
    for task, head in run.predictions.items():
        y_true = head.y_true
        charts = []
        for j, label in enumerate(head.labels):
            truth, scores = y_true[:, j], head.scores[:, j]
            if truth.any():
                average = average_precision_score(truth, scores)
                svg = _draw_small(Curve(label, recall_steps(truth, scores)), "precision by recall", "recall")
                charts.append((f"{label}: {average:.2f}, n={int(truth.sum())}", svg))
        caption = f"{task}: precision (y) by recall (x) of each label, with its average precision."
        yield SmallMultiples(f"precision_recall_{task}", caption, charts)


def recall_steps(truth: BoolArray, scores: FloatArray) -> list[tuple[float, float]]:
    """Return the best precision at each recall of one label, at most `MAX_POINTS` points."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    best: dict[float, float] = {}
    for r, p in zip(recall.tolist(), precision.tolist(), strict=True):
        best[r] = max(p, best.get(r, 0.0))
    points = sorted(best.items())
    keep = np.unique(np.linspace(0, len(points) - 1, MAX_POINTS).astype(int))
    return [points[i] for i in keep]


def show_reliability(run: RunContent) -> Iterator[Block]:
    """Draw the observed share by the predicted probability of each head, and of each label."""
    for task in TASKS:
        if rows := run.plots.get(f"outlets_reliability_{task}"):
            curves = [
                Curve(name, _points(own, "predicted", "observed"), series, marks=True)
                for name, calibrated, series in (("before calibration", False, 3), ("calibrated", True, 0))
                if (own := [row for row in rows if row["calibrated"] is calibrated])
            ]
            caption = f"{task}: on outlets left out of training."
            yield _draw_reliability(f"reliability_outlets_{task}", caption, curves)
    for task, head in run.predictions.items():
        y_true = head.y_true
        caption = (
            f"{task}: on the test articles of this run; calibration error "
            f"{format_score(calibration_error(y_true, head.scores))}, "
            f"Brier score {format_score(brier_score(y_true, head.scores))}."
        )
        points = _points(reliability_points(y_true, head.scores), "predicted", "observed")
        yield _draw_reliability(f"reliability_{task}", caption, [Curve("all labels", points, marks=True)])
    for task, head in run.predictions.items():
        charts = []
        for j, label in enumerate(head.labels):
            truth = head.y_true[:, [j]]
            if truth.any():
                points = _points(reliability_points(truth, head.scores[:, [j]]), "predicted", "observed")
                svg = _draw_small(Curve(label, points), "observed share by probability", "predicted", True)
                charts.append((f"{label}, n={int(truth.sum())}", svg))
        caption = f"{task}: observed (y) by predicted (x) of each label, in bins of equal size."
        yield SmallMultiples(f"reliability_labels_{task}", caption, charts)


def _draw_reliability(name: str, caption: str, curves: Sequence[Curve]) -> Figure:
    label = f"{caption} Observed share by probability"
    svg = draw_curves(curves, label=label, x_label="predicted", y_label="observed", diagonal=True)
    return Figure(name, caption, svg)


def _draw_small(curve: Curve, content: str, x_label: str, diagonal: bool = False) -> str:
    label = f"{curve.name}: {content}"
    return draw_curves([curve], label=label, x_label=x_label, y_label="", diagonal=diagonal, small=True)


def show_confusion(run: RunContent) -> Iterator[Block]:
    """Tabulate true main labels by predicted ones: from the plots of the run, or its predictions."""
    pairs = {
        task: main_label_pairs(head.true_labels, head.predicted_labels)
        for task, head in run.predictions.items()
    }
    for task in TASKS:
        if rows := run.plots.get(f"confusion_{task}") or pairs.get(task):
            yield _confusion_table(task, rows)


def _confusion_table(task: str, pairs: Rows) -> Table:
    counts = Counter((str(pair["actual"]), str(pair["predicted"])) for pair in pairs)
    totals = Counter(str(pair["actual"]) for pair in pairs)
    labels = sorted(
        {label for pair in counts for label in pair}, key=lambda name: (name == NONE, -totals[name], name)
    )
    rows: list[Row] = []
    for actual in labels:
        row: Row = [Cell(actual, bold=True)]
        for predicted in labels:
            n = counts[actual, predicted]
            level = shade(n / max(1, totals[actual]))
            row.append(Cell(f"{n:,}" if n else "\u00b7", level, bold=actual == predicted))
        rows.append([*row, f"{totals[actual]:,}"])
    n_correct = sum(counts[label, label] for label in labels)
    caption = (
        f"{task}: {n_correct:,} of {len(pairs):,} main labels right ({n_correct / max(1, len(pairs)):.1%})"
    )
    return Table(caption, ["true \\ predicted", *labels, "articles"], rows)


def show_coverage(run: RunContent) -> Iterator[Block]:
    """Draw the share of articles with a wrong label among the most confident ones."""
    own = {}
    for task, head in run.predictions.items():
        correct = (head.y_true == head.y_pred).all(axis=1)
        own[task] = _points(risk_coverage_points(correct, confidence(head)), "coverage", "risk")
    unseen = {
        task: _points(rows, "coverage", "risk")
        for task in TASKS
        if (rows := run.plots.get(f"outlets_risk_{task}"))
    }
    shown = [
        ("unseen", "on outlets left out of training", unseen),
        ("own", "on the test articles of this run", own),
    ]
    for name, caption, curves in shown:
        if curves:
            yield _draw_risk(f"risk_{name}", caption, curves)
    for _, caption, curves in shown:
        if curves:
            yield _table_of_risks(caption, curves)


def _table_of_risks(caption: str, curves: Mapping[str, Points]) -> Table:
    rows = [
        [task, *(format_score(_risk_at(points, coverage)) for coverage in COVERAGES)]
        for task, points in curves.items()
    ]
    header = ["head", *(f"at {coverage:.0%} coverage" for coverage in COVERAGES)]
    return Table(f"Risk {caption}", header, rows)


def _draw_risk(name: str, caption: str, curves: Mapping[str, Points]) -> Figure:
    high = max(risk for points in curves.values() for _, risk in points)
    svg = draw_curves(
        [Curve(task, points, i) for i, (task, points) in enumerate(curves.items())],
        label=f"risk by coverage {caption}", x_label="coverage", y_label="risk",
        y_max=max(0.05, -(-high // 0.05) * 0.05),
    )  # fmt: skip
    return Figure(name, f"Risk by coverage {caption}.", svg)


def _risk_at(points: Points, coverage: float) -> float | None:
    return next((risk for covered, risk in points if covered >= coverage - 1e-9), None)


def _points(rows: Rows, x: str, y: str) -> Points:
    return [(row[x], row[y]) for row in rows]
