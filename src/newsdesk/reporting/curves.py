"""Sections of plots: precision and recall, reliability, main labels confused, risk and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    reliability_points,
    risk_coverage_points,
)
from newsdesk.reporting.blocks import Block, Cell, Figure, Section, Smalls, Table, cells, missing, shade, show
from newsdesk.reporting.charts import Curve, draw_curves
from newsdesk.reporting.findings import Findings, Rows
from newsdesk.reporting.scored import Scored, confidence
from newsdesk.training.targets import BoolArray, FloatArray

NO_PREDICTIONS = "data/predictions.parquet is missing: run `dvc repro`."
NONE = "none"
MAX_POINTS = 60
SHARES = (0.25, 0.5, 0.75, 1.0)


def precision_recall(findings: Findings) -> Section:
    """Precision and recall at every threshold, all labels together and each by itself."""
    blocks: list[Block] = []
    together = [
        Curve(task, [(p["recall"], p["precision"]) for p in points], i)
        for i, task in enumerate(TASKS)
        if (points := findings.plots.get(f"precision_recall_{task}"))
    ]
    if together:
        svg = draw_curves(
            together, label="precision by recall of both heads", x_label="recall", y_label="precision"
        )
        caption = "All labels of a head counted together, on the test split."
        blocks.append(Figure("precision_recall", caption, svg))
    for task, scored in findings.scored.items():
        charts = []
        for j, label in enumerate(scored.labels):
            truth, scores = scored.y_true[:, j], scored.scores[:, j]
            if truth.any():
                curve = Curve(label, recall_steps(truth, scores))
                said = f"{label}: precision by recall"
                average = average_precision_score(truth, scores)
                svg = draw_curves([curve], label=said, x_label="recall", y_label="", small=True)
                charts.append((f"{label}: {average:.2f}, n={int(truth.sum())}", svg))
        caption = f"{task}: precision (up) by recall (right) of each label, with its average precision."
        blocks.append(Smalls(f"precision_recall_{task}", caption, charts))
    if not findings.scored:
        blocks.append(missing(NO_PREDICTIONS))
    intro = "What a higher threshold would give in precision and take in recall."
    return Section("precision-recall", "Precision and recall", intro, blocks)


def recall_steps(truth: BoolArray, scores: FloatArray) -> list[tuple[float, float]]:
    """The best precision at each recall of one label, at most `MAX_POINTS` points."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    best: dict[float, float] = {}
    for r, p in zip(recall.tolist(), precision.tolist(), strict=True):
        best[r] = max(p, best.get(r, 0.0))
    points = sorted(best.items())
    keep = np.unique(np.linspace(0, len(points) - 1, MAX_POINTS).astype(int))
    return [points[i] for i in keep]


def reliability(findings: Findings) -> Section:
    """How often what is predicted with a probability is so."""
    blocks: list[Block] = []
    for task in TASKS:
        if points := findings.plots.get(f"outlets_reliability_{task}"):
            curves = [
                _reliability_curve("before calibration", points, False, 3),
                _reliability_curve("as shipped", points, True, 0),
            ]
            caption = f"{task}: on outlets never read."
            blocks.append(_reliability_figure(f"reliability_outlets_{task}", caption, curves))
    smalls: list[Block] = []
    for task, scored in findings.scored.items():
        own = reliability_points(scored.y_true, scored.scores)
        caption = (
            f"{task}: the articles of this run's test; calibration error "
            f"{show(calibration_error(scored.y_true, scored.scores))}, "
            f"Brier score {show(brier_score(scored.y_true, scored.scores))}."
        )
        curve = Curve("all labels", [(p["predicted"], p["observed"]) for p in own], 0, marks=True)
        blocks.append(_reliability_figure(f"reliability_{task}", caption, [curve]))
        charts = [
            (f"{label}, n={int(scored.y_true[:, j].sum())}", _small_reliability(scored, j))
            for j, label in enumerate(scored.labels)
            if scored.y_true[:, j].any()
        ]
        caption = f"{task}: observed (up) by predicted (right) of each label, in bins of as many articles."
        smalls.append(Smalls(f"reliability_labels_{task}", caption, charts))
    if not findings.scored:
        smalls.append(missing(NO_PREDICTIONS))
    intro = (
        "On the dashed line a probability of 0.8 is right four times of five; below it the model is too sure."
    )
    return Section("reliability", "Reliability", intro, [*blocks, *smalls])


def _reliability_curve(name: str, points: Rows, calibrated: bool, series: int) -> Curve:
    own = [(p["predicted"], p["observed"]) for p in points if p["calibrated"] is calibrated]
    return Curve(name, own, series, marks=True)


def _reliability_figure(name: str, caption: str, curves: Sequence[Curve]) -> Figure:
    svg = draw_curves(
        curves, label=f"{caption} Share that is so by probability", x_label="predicted", y_label="observed",
        diagonal=True,
    )  # fmt: skip
    return Figure(name, caption, svg)


def _small_reliability(scored: Scored, j: int) -> str:
    points = reliability_points(scored.y_true[:, [j]], scored.scores[:, [j]])
    curve = Curve("", [(p["predicted"], p["observed"]) for p in points])
    label = f"{scored.labels[j]}: share that is so by probability"
    return draw_curves([curve], label=label, x_label="predicted", y_label="", diagonal=True, small=True)


def confusion(findings: Findings) -> Section:
    """Main label as it is by main label as predicted."""
    blocks: list[Block] = [
        _confusion_table(task, rows) for task in TASKS if (rows := findings.plots.get(f"confusion_{task}"))
    ]
    for task, scored in findings.scored.items():
        if f"confusion_{task}" not in findings.plots:
            pairs = [
                {"actual": (t or [NONE])[0], "predicted": (s or [NONE])[0]}
                for t, s in zip(scored.truth, scored.said, strict=True)
            ]
            blocks.append(_confusion_table(task, pairs))
    if not blocks:
        blocks.append(
            missing("plots/confusion_region.csv and confusion_topic.csv are missing: run `dvc repro`.")
        )
    intro = (
        "Rows are the truth, columns what the model says, shaded by the share of the row. Only the main "
        "label of an article counts here; as a further label it may well have been found."
    )
    return Section("confusion", "Main labels confused", intro, blocks)


def _confusion_table(task: str, pairs: Rows) -> Table:
    counts = Counter((str(pair["actual"]), str(pair["predicted"])) for pair in pairs)
    totals = Counter(str(pair["actual"]) for pair in pairs)
    predicted = {said for _, said in counts}
    names = sorted({*totals, *predicted}, key=lambda name: (name == NONE, -totals[name], name))
    rows = [
        [
            Cell(actual, strong=True),
            *(
                Cell(
                    f"{n:,}" if (n := counts[actual, said]) else "\u00b7",
                    shade(n / max(1, totals[actual])),
                    actual == said,
                )
                for said in names
            ),
            Cell(f"{totals[actual]:,}"),
        ]
        for actual in names
    ]
    right = sum(counts[name, name] for name in names)
    caption = f"{task}: {right:,} of {len(pairs):,} main labels right ({right / max(1, len(pairs)):.1%})"
    return Table(caption, ["truth \\ said", *names, "articles"], rows)


def coverage(findings: Findings) -> Section:
    """Share of wrong articles among the surest ones."""
    blocks: list[Block] = []
    own = {
        task: [
            (p["coverage"], p["risk"])
            for p in risk_coverage_points((s.y_true == s.y_pred).all(axis=1), confidence(s))
        ]
        for task, s in findings.scored.items()
    }
    unseen = {
        task: [(p["coverage"], p["risk"]) for p in points]
        for task in TASKS
        if (points := findings.plots.get(f"outlets_risk_{task}"))
    }
    told = [("unseen", "on outlets never read", unseen), ("own", "on the articles of this run's test", own)]
    blocks += [_draw_risk(*each) for each in told if each[2]]
    blocks += [_tell_risk(caption, curves) for _, caption, curves in told if curves]
    if not blocks:
        blocks.append(missing(NO_PREDICTIONS))
    intro = (
        "If the surest articles alone were labelled by the model and the others left to a person: the share "
        "of articles labelled (coverage) and the share of these with a label too many or too few (risk)."
    )
    return Section("coverage", "Risk and coverage", intro, blocks)


def _draw_risk(name: str, caption: str, curves: Mapping[str, list[tuple[float, float]]]) -> Figure:
    high = max(risk for points in curves.values() for _, risk in points)
    svg = draw_curves(
        [Curve(task, points, i) for i, (task, points) in enumerate(curves.items())],
        label=f"risk by coverage {caption}", x_label="coverage", y_label="risk",
        y_limits=(0.0, max(0.05, -(-high // 0.05) * 0.05)),
    )  # fmt: skip
    return Figure(f"risk_{name}", f"Risk by coverage {caption}.", svg)


def _tell_risk(caption: str, curves: Mapping[str, list[tuple[float, float]]]) -> Table:
    rows = [
        cells([task, *(show(_risk_at(points, share)) for share in SHARES)]) for task, points in curves.items()
    ]
    header = ["head", *(f"at {share:.0%} coverage" for share in SHARES)]
    return Table(f"Risk {caption}", header, rows)


def _risk_at(points: Sequence[tuple[float, float]], share: float) -> float | None:
    reached: list[Any] = [risk for covered, risk in points if covered >= share - 1e-9]
    return reached[0] if reached else None
