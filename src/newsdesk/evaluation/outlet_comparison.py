"""Measures, plots and tables of the headline comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from newsdesk.base.settings import Evaluate
from newsdesk.evaluation.leave_one_outlet_out import OURS, SplitPredictions
from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    coverage_at_precision,
    draw_f1,
    measure_labels,
    reliability_points,
    risk_coverage_points,
    summarize_draws,
)
from newsdesk.evaluation.tables import comparison_rows
from newsdesk.training.targets import FloatArray, select_labels

PRECISION = 0.95  # at which coverage is measured
PREDICTIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("protocol", "split", "task", "system", "article_id", "group_id")),
        ("true", pa.list_(pa.string())),
        ("predicted", pa.list_(pa.string())),
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """The measures of one task, the rows of its plots by name, and the rows of its tables by protocol."""

    measured: dict[str, Any]
    by_label: dict[str, Any]
    plots: dict[str, list[dict[str, Any]]]
    tables: dict[str, list[dict[str, str]]]


def compare_task(
    task: str,
    of_outlets: Sequence[SplitPredictions],
    of_within: Sequence[SplitPredictions],
    settings: Evaluate,
) -> TaskComparison:
    """Measure the systems of a task on outlets left out, and on splits within outlets.

    Raises
    ------
    ValueError
        If no article was tested.
    """
    outlets, within = ([each for each in found if each.task == task] for found in (of_outlets, of_within))
    if not outlets or not within:
        raise ValueError(f"no outlet that may train has a gold {task}; label some articles")
    options = settings.model_dump(include={"n_bootstrap", "seed", "min_support"})
    compared, contrast = compare_systems(outlets, **options), compare_systems(within, **options)
    return TaskComparison(
        {"outlets": compared["splits"], "mean": compared["mean"], "contrast": contrast["splits"]},
        measure_systems_by_label(outlets),
        {
            "outlets": f1_rows(compared),
            "outlets_reliability": reliability_rows(outlets),
            "outlets_risk": risk_rows(outlets),
        },
        {"outlet": comparison_rows(task, **compared), "contrast": comparison_rows(task, **contrast)},
    )


def compare_systems(
    predictions: Sequence[SplitPredictions], *, n_bootstrap: int, seed: int, min_support: int
) -> dict[str, Any]:
    """Measure the systems of one task on each split, and their mean over the splits.

    Returns
    -------
    dict
        `splits` by name and `mean`. Each has `systems` (macro and micro F1 with intervals; Brier score and
        calibration error of systems that give probabilities), the `best_baseline`, and the `difference` of
        our system to each other one with its paired interval. Macro F1 is over labels with `min_support`
        test articles.
    """
    draws = {
        system: [
            draw_f1(
                each.y_true, each.by_system[system].labels, groups=each.groups.tolist(),
                n_bootstrap=n_bootstrap, seed=(seed, i), min_support=min_support,
            )
            for i, each in enumerate(predictions)
        ]
        for system in predictions[0].by_system
    }  # fmt: skip
    calibration = {system: [_calibration(each, system) for each in predictions] for system in draws}
    splits: dict[str, Any] = {}
    for i, each in enumerate(predictions):
        sizes = {
            "n_articles": len(each.y_true),
            "n_groups": len({*each.groups.tolist()}),
            "n_train": each.n_train,
        }
        splits[each.split] = sizes | _summarize(
            {system: of_system[i] for system, of_system in draws.items()},
            {system: of_system[i] for system, of_system in calibration.items()},
        )
    mean = _summarize(
        {system: np.mean(of_system, axis=0) for system, of_system in draws.items()},
        {
            system: {name: round(float(np.mean([m[name] for m in of_system])), 6) for name in of_system[0]}
            for system, of_system in calibration.items()
        },
    )
    return {"splits": splits, "mean": mean}


def _calibration(predictions: SplitPredictions, system: str) -> dict[str, float]:
    of_system = predictions.by_system[system]
    if of_system.probabilities is None or of_system.uncalibrated is None:
        return {}
    return {
        f"{name}{suffix}": measure(predictions.y_true, probabilities)
        for name, measure in (("ece", calibration_error), ("brier", brier_score))
        for suffix, probabilities in (("_before", of_system.uncalibrated), ("", of_system.probabilities))
    }


def _summarize(
    draws: Mapping[str, FloatArray], calibration: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    others = [system for system in draws if system != OURS]
    return {
        "systems": {
            system: summarize_draws(each) | dict(calibration[system]) for system, each in draws.items()
        },
        "best_baseline": max(others, key=lambda system: tuple(np.nan_to_num(draws[system][0]))),
        "difference": {system: summarize_draws(draws[OURS] - draws[system]) for system in others},
    }


def measure_systems_by_label(predictions: Sequence[SplitPredictions]) -> dict[str, Any]:
    """Measure precision, recall, F1 and support by system, split and label; `all` counts splits together.

    Systems with probabilities also have `coverage`: the recall at a precision of `PRECISION`.
    """
    return {
        system: {each.split: _measure_labels([each], system) for each in predictions}
        | {"all": _measure_labels(predictions, system)}
        for system in predictions[0].by_system
    }


def _measure_labels(predictions: Sequence[SplitPredictions], system: str) -> dict[str, dict[str, Any]]:
    y_true = np.vstack([each.y_true for each in predictions])
    y_pred = np.vstack([each.by_system[system].labels for each in predictions])
    by_label = measure_labels(y_true, y_pred, labels=predictions[0].labels)
    if predictions[0].by_system[system].probabilities is not None:
        probabilities = _stack_probabilities(predictions, system)
        coverage = coverage_at_precision(y_true, probabilities, precision=PRECISION)
        for of_label, share in zip(by_label.values(), coverage, strict=True):
            of_label["coverage"] = share
    return by_label


def _stack_probabilities(
    predictions: Sequence[SplitPredictions], system: str, *, calibrated: bool = True
) -> FloatArray:
    of_system = [each.by_system[system] for each in predictions]
    found = [each.probabilities if calibrated else each.uncalibrated for each in of_system]
    return np.vstack([probabilities for probabilities in found if probabilities is not None])


def f1_rows(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List macro and micro F1 with intervals: a row for each split, their mean, and system."""
    measures = [f"f1_{name}{suffix}" for name in ("macro", "micro") for suffix in ("", "_low", "_high")]
    return [
        {"split": split, "system": system} | {name: measured[name] for name in measures}
        for split, found in (*compared["splits"].items(), ("mean", compared["mean"]))
        for system, measured in found["systems"].items()
    ]


def reliability_rows(predictions: Sequence[SplitPredictions]) -> list[dict[str, Any]]:
    """List the reliability of our probabilities on all splits, before and after calibration."""
    y_true = np.vstack([each.y_true for each in predictions])
    return [
        {"calibrated": calibrated} | point
        for calibrated in (False, True)
        for point in reliability_points(
            y_true, _stack_probabilities(predictions, OURS, calibrated=calibrated)
        )
    ]


def risk_rows(predictions: Sequence[SplitPredictions]) -> list[dict[str, Any]]:
    """List the share of articles with a wrong label set among those with the most probable label sets."""
    y_true = np.vstack([each.y_true for each in predictions])
    y_pred = np.vstack([each.by_system[OURS].labels for each in predictions])
    probabilities = _stack_probabilities(predictions, OURS)
    confidence = np.where(y_pred, probabilities, 1 - probabilities).prod(axis=1)
    return risk_coverage_points((y_true == y_pred).all(axis=1), confidence)


def prediction_table(predictions: Sequence[SplitPredictions], protocol: str) -> pa.Table:
    """Tabulate truth and predictions without text: a row for each article, task and system."""
    rows = [
        {
            "protocol": protocol, "split": each.split, "task": each.task, "system": system,
            "article_id": each.article_ids[i], "group_id": each.groups[i],
            "true": select_labels(each.labels, each.y_true[i]),
            "predicted": select_labels(each.labels, of_system.labels[i]),
            "scores": None
            if of_system.probabilities is None
            else list(zip(each.labels, of_system.probabilities[i].tolist(), strict=True)),
        }
        for each in predictions
        for system, of_system in each.by_system.items()
        for i in range(len(each.y_true))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)
