"""Sections of curves: precision and recall, reliability, confusion, risk and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sklearn.metrics import average_precision_score, precision_recall_curve

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    label_set_probability,
    main_label_pairs,
    reliability_points,
    risk_coverage_points,
    spread_evenly,
)
from newsdesk.evaluation.tables import format_score
from newsdesk.reporting.blocks import Block, Cell, Figure, Row, SmallMultiples, Table, format_count, shade
from newsdesk.reporting.charts import Curve, draw_curves
from newsdesk.reporting.run_files import Rows, RunContent
from newsdesk.training.targets import BoolArray, FloatArray

NONE = "none"
MAX_POINTS = 60
COVERAGES = (0.25, 0.5, 0.75, 1.0)
Points = Sequence[tuple[float, float]]


def show_precision_recall(run: RunContent) -> Iterator[Block]:
    """Draw precision by recall of each head, and of each label."""
    axes = {"x_label": "recall", "y_label": "precision"}
    curves = [
        Curve(task, _points(rows, "recall", "precision"), i)
        for i, (task, rows) in enumerate(run.plots_of("precision_recall").items())
    ]
    if curves:
        caption = "All labels of a head counted together, on the test split."
        yield _plot("precision_recall", caption, curves, **axes)
    for task in run.predictions:
        caption = f"{task}: precision (y) by recall (x) of each label, with its average precision."
        yield _plot_labels(f"precision_recall_{task}", caption, run, task, _precision_recall_of_label, **axes)


def _precision_recall_of_label(truth: BoolArray, scores: FloatArray) -> tuple[str, Points]:
    """Compute the average precision of a label, and the best precision at each recall."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    best: dict[float, float] = {}
    for r, p in zip(recall.tolist(), precision.tolist(), strict=True):
        best[r] = max(p, best.get(r, 0.0))
    points = sorted(best.items())
    kept = [points[i] for i in spread_evenly(len(points), MAX_POINTS)]
    return f": {average_precision_score(truth, scores):.2f}", kept


def show_reliability(run: RunContent) -> Iterator[Block]:
    """Draw the observed share by the predicted probability of each head, and of each label."""
    axes: dict[str, Any] = {"x_label": "predicted", "y_label": "observed", "diagonal": True}
    for task, rows in run.plots_of("outlets_reliability").items():
        curves = [
            Curve(name, _points(own, "predicted", "observed"), series, marks=True)
            for name, calibrated, series in (("before calibration", False, 3), ("calibrated", True, 0))
            if (own := [row for row in rows if row["calibrated"] is calibrated])
        ]
        caption = f"{task}: on outlets left out of training."
        yield _plot(f"reliability_outlets_{task}", caption, curves, **axes)
    for task, head in run.predictions.items():
        y_true = head.y_true
        error = format_score(calibration_error(y_true, head.scores))
        brier = format_score(brier_score(y_true, head.scores))
        caption = f"{task}: on the test articles of this run; calibration error {error}, Brier score {brier}."
        _, points = _reliability_of_label(y_true, head.scores)
        yield _plot(f"reliability_{task}", caption, [Curve("all labels", points, marks=True)], **axes)
    for task in run.predictions:
        caption = f"{task}: observed (y) by predicted (x) of each label, in bins of equal size."
        yield _plot_labels(f"reliability_labels_{task}", caption, run, task, _reliability_of_label, **axes)


def _reliability_of_label(truth: BoolArray, scores: FloatArray) -> tuple[str, Points]:
    return "", _points(reliability_points(truth, scores), "predicted", "observed")


def show_confusion(run: RunContent) -> Iterator[Block]:
    """Tabulate true main labels by predicted ones: from the plots of the run, or its predictions."""
    plots = run.plots_of("confusion")
    for task in TASKS:
        if task in plots:
            yield _confusion_table(task, plots[task], run)
        elif head := run.predictions.get(task):
            pairs = main_label_pairs(head.true_labels, head.predicted_labels)
            yield _confusion_table(task, pairs, run)


def _confusion_table(task: str, pairs: Rows, run: RunContent) -> Table:
    counts = Counter((run.name(str(pair["actual"])), run.name(str(pair["predicted"]))) for pair in pairs)
    totals = Counter(run.name(str(pair["actual"])) for pair in pairs)
    found = {label for pair in counts for label in pair}
    labels = sorted(found, key=lambda name: (name == NONE, -totals[name], name))
    rows: list[Row] = []
    for actual in labels:
        row: list[Cell | str] = [Cell(actual, bold=True)]
        for predicted in labels:
            n = counts[actual, predicted]
            level = shade(n / max(1, totals[actual]))
            row.append(Cell(format_count(n), level, bold=actual == predicted))
        rows.append([*row, f"{totals[actual]:,}"])
    n_correct = sum(counts[label, label] for label in labels)
    caption = f"{task}: {n_correct:,} of {len(pairs):,} main labels right ({n_correct / len(pairs):.1%})"
    return Table(caption, ["true \\ predicted", *labels, "articles"], rows)


def show_coverage(run: RunContent) -> Iterator[Block]:
    """Draw the share of articles with a wrong label among the most confident ones."""
    own: dict[str, Rows] = {}
    for task, head in run.predictions.items():
        correct = (head.y_true == head.y_pred).all(axis=1)
        own[task] = risk_coverage_points(correct, label_set_probability(head.y_pred, head.scores))
    unseen = run.plots_of("outlets_risk")
    shown = [("unseen", "on outlets left out of training", unseen)] if unseen else []
    shown += [("own", "on the test articles of this run", own)] if own else []
    for name, where, by_task in shown:
        curves = [
            Curve(task, _points(rows, "coverage", "risk"), i)
            for i, (task, rows) in enumerate(by_task.items())
        ]
        high = max(risk for curve in curves for _, risk in curve.points)
        y_max = max(0.05, -(-high // 0.05) * 0.05)
        caption = f"Risk by coverage {where}."
        yield _plot(f"risk_{name}", caption, curves, x_label="coverage", y_label="risk", y_max=y_max)
    header = ["head", *(f"at {share:.0%} coverage" for share in COVERAGES)]
    for _, where, by_task in shown:
        risks = [[task, *(_risk_at(rows, share) for share in COVERAGES)] for task, rows in by_task.items()]
        yield Table(f"Risk {where}", header, risks)


def _risk_at(rows: Rows, coverage: float) -> str:
    return format_score(next((row["risk"] for row in rows if row["coverage"] >= coverage - 1e-9), None))


def _plot(
    name: str, caption: str, curves: Sequence[Curve], *, x_label: str, y_label: str, **options: Any
) -> Figure:
    label = f"{caption} {y_label} by {x_label}"
    return Figure(
        name, caption, draw_curves(curves, label=label, x_label=x_label, y_label=y_label, **options)
    )


def _plot_labels(
    name: str,
    caption: str,
    run: RunContent,
    task: str,
    measure: Callable[[BoolArray, FloatArray], tuple[str, Points]],
    *,
    x_label: str,
    y_label: str,
    **options: Any,
) -> SmallMultiples:
    """Draw a small plot for each label with articles, of the value and the points that `measure` returns."""
    charts = []
    head = run.predictions[task]
    for label, truth, scores in zip(map(run.name, head.labels), head.y_true.T, head.scores.T, strict=True):
        if truth.any():
            value, points = measure(truth, scores)
            svg = draw_curves(
                [Curve(label, points)], label=f"{label}: {y_label} by {x_label}",
                x_label=x_label, y_label=y_label, small=True, **options,
            )  # fmt: skip
            charts.append((f"{label}{value}, n={int(truth.sum())}", svg))
    return SmallMultiples(name, caption, charts)


def _points(rows: Rows, x: str, y: str) -> Points:
    return [(row[x], row[y]) for row in rows]
