"""Measures, plots and tables of the headline comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from newsdesk.base.settings import Evaluate
from newsdesk.evaluation.leave_one_outlet_out import (
    OURS,
    OURS_FIXED,
    OURS_HOME,
    SplitPredictions,
    SystemPredictions,
)
from newsdesk.evaluation.metrics import (
    F1_NAMES,
    FIRST_NAMES,
    brier_score,
    calibration_error,
    coverage_at_precision,
    draw_f1,
    draw_first,
    label_set_probability,
    measure_labels,
    reliability_points,
    risk_coverage_points,
    summarize_draws,
)
from newsdesk.evaluation.tables import comparison_rows, unnamed_rows
from newsdesk.training.targets import FloatArray, select_labels

PRECISION = 0.95  # at which coverage is measured
MEASURES = (*F1_NAMES, *FIRST_NAMES)  # the columns of draws
PREDICTIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("protocol", "split", "task", "system", "article_id", "group_id")),
        ("true", pa.list_(pa.string())),
        ("predicted", pa.list_(pa.string())),
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)

SystemMeasures = tuple[FloatArray, Mapping[str, float]]  # draws of the `MEASURES`, and of calibration
Measured = Mapping[str, SystemMeasures]  # by system


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
    """Measure the systems of a task on outlets left out, and on splits within outlets."""
    outlets, within = ([each for each in found if each.task == task] for found in (of_outlets, of_within))
    if not outlets or not within:
        raise ValueError(f"no outlet that may train has a gold {task}; label some articles")
    options = settings.model_dump(include={"n_bootstrap", "seed", "min_support"})
    compared, contrast = compare_systems(outlets, **options), compare_systems(within, **options)
    unnamed = measure_unnamed(outlets, **options)
    joined = join_splits(outlets)
    return TaskComparison(
        {
            "outlets": compared["splits"],
            "mean": compared["mean"],
            "contrast": contrast["splits"],
            **unnamed,
        },
        measure_systems_by_label(outlets),
        {
            "outlets": f1_rows(compared),
            "outlets_reliability": reliability_rows(joined),
            "outlets_risk": risk_rows(joined),
        },
        {
            "outlet": comparison_rows(task, **compared),
            "contrast": comparison_rows(task, **contrast),
            "unnamed": unnamed_rows(task, unnamed.get("unnamed", {})),
        },
    )


def compare_systems(
    predictions: Sequence[SplitPredictions], *, n_bootstrap: int, seed: int, min_support: int
) -> dict[str, Any]:
    """Measure the systems of one task on each of the `splits`, and their `mean`; see `_summarize`.

    The mean of a system, and the difference to it, is over the splits that have predictions of it.
    """
    measured = [
        {
            system: _measure_system(each, system, (seed, i), n_bootstrap=n_bootstrap, min_support=min_support)
            for system in each.by_system
        }
        for i, each in enumerate(predictions)
    ]
    splits = {
        each.split: {
            "n_articles": len(each.y_true),
            "n_groups": len({*each.groups.tolist()}),
            "n_train": each.n_train,
            **({"settings": dict(each.choice)} if each.choice else {}),
        }
        | _summarize(of_split)
        for each, of_split in zip(predictions, measured, strict=True)
    }
    return {"splits": splits, "mean": _summarize_mean(measured)}


def _summarize_mean(measured: Sequence[Measured]) -> dict[str, Any]:
    """Summarize the means over splits; the best baseline is one of the systems of all splits."""
    summary: dict[str, Any] = {"systems": {}, "best_baseline": None, "difference": {}}
    everywhere = {}
    for system in systems_of(measured):
        found = [of_split for of_split in measured if system in of_split]
        ours, own = (_mean_of_splits([of_split[name] for of_split in found]) for name in (OURS, system))
        of_system = _summarize({OURS: ours, system: own})
        summary["systems"][system] = of_system["systems"][system]
        summary["difference"] |= of_system["difference"]
        if len(found) == len(measured):
            everywhere[system] = own
    return summary | {"best_baseline": _best_baseline(everywhere)}


def _mean_of_splits(found: Sequence[SystemMeasures]) -> SystemMeasures:
    """Average the draws and the calibration measures of one system over splits."""
    draws, calibrations = zip(*found, strict=True)
    values = {name: [each[name] for each in calibrations] for name in calibrations[0]}
    rounded = {name: round(float(np.mean(of_splits)), 6) for name, of_splits in values.items()}
    return np.mean(draws, axis=0), rounded


def systems_of(by_split: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the systems that have a value for some split, in their order."""
    return [*dict.fromkeys(system for of_split in by_split for system in of_split)]


def measure_unnamed(
    predictions: Sequence[SplitPredictions], *, n_bootstrap: int, seed: int, min_support: int
) -> dict[str, Any]:
    """Measure our predictions without and with home, by outlet, on its articles with a home and no place."""
    if OURS_HOME not in predictions[0].by_system:
        return {}
    found = {}
    for i, each in enumerate(predictions):
        own = each.filter(each.unnamed)
        if len(own.y_true):
            draws = {
                system: _measure_system(
                    own, system, (seed, i), n_bootstrap=n_bootstrap, min_support=min_support
                )[0]
                for system in (OURS, OURS_HOME)
            }
            found[each.split] = {
                "n_articles": len(own.y_true),
                "systems": {
                    system: summarize_draws(of_system, MEASURES) for system, of_system in draws.items()
                },
                "difference": summarize_draws(draws[OURS_HOME] - draws[OURS], MEASURES),
            }
    return {"unnamed": found}


def _measure_system(
    predictions: SplitPredictions, system: str, seed: tuple[int, int], *, n_bootstrap: int, min_support: int
) -> SystemMeasures:
    """Draw the `MEASURES` of a system, and measure its calibration if it gives probabilities."""
    y_true, of_system = predictions.y_true, predictions.by_system[system]
    drawn: dict[str, Any] = {
        "groups": predictions.groups.tolist(), "n_bootstrap": n_bootstrap, "seed": seed,
    }  # fmt: skip
    f1 = draw_f1(y_true, of_system.labels, **drawn, min_support=min_support)
    if of_system.first is None:
        of_first = np.full(f1.shape, np.nan)
    else:
        of_first = draw_first(y_true, predictions.main, of_system.first, **drawn)
    calibration = {
        f"{name}{suffix}": measure(y_true, probabilities)
        for name, measure in (("ece", calibration_error), ("brier", brier_score))
        for suffix, probabilities in (("_before", of_system.uncalibrated), ("", of_system.probabilities))
        if probabilities is not None
    }
    return np.hstack([f1, of_first]), calibration


def _summarize(measured: Measured) -> dict[str, Any]:
    """Summarize each system, find the best baseline, and compute our paired difference to each other one."""
    draws = {system: of_system for system, (of_system, _) in measured.items()}
    others = [system for system in draws if system != OURS]
    return {
        "systems": {
            system: summarize_draws(of_system, MEASURES) | dict(calibration)
            for system, (of_system, calibration) in measured.items()
        },
        "best_baseline": _best_baseline(measured),
        "difference": {system: summarize_draws(draws[OURS] - draws[system], MEASURES) for system in others},
    }


def _best_baseline(measured: Measured) -> str | None:
    """Find the system of the highest F1 that is none of ours."""
    others = [system for system in measured if system not in (OURS, OURS_FIXED, OURS_HOME)]
    return max(others, key=lambda system: tuple(np.nan_to_num(measured[system][0][0])), default=None)


def join_splits(predictions: Sequence[SplitPredictions]) -> SplitPredictions:
    """Join several splits to one, `all`, with the predictions of the systems that all of them have."""

    def join(arrays: Sequence[Any]) -> Any:
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    by_system = {}
    for system in predictions[0].by_system:
        found = [each.by_system.get(system) for each in predictions]
        if all(found):
            by_system[system] = SystemPredictions(
                *(join([getattr(each, field.name) for each in found]) for field in fields(SystemPredictions))
            )
    return replace(
        predictions[0],
        split="all",
        n_train=sum(each.n_train for each in predictions),
        article_ids=np.concatenate([each.article_ids for each in predictions]),
        groups=np.concatenate([each.groups for each in predictions]),
        y_true=np.vstack([each.y_true for each in predictions]),
        main=np.concatenate([each.main for each in predictions]),
        by_system=by_system,
        unnamed=np.concatenate([each.unnamed for each in predictions]),
    )


def measure_systems_by_label(predictions: Sequence[SplitPredictions]) -> dict[str, Any]:
    """Measure precision, recall, F1, support and, of probabilities, coverage: by system, split and label.

    The splits of a system are those that have predictions of it, and all of these together (`all`).
    """
    measured = {}
    for system in systems_of([each.by_system for each in predictions]):
        found = [each for each in predictions if system in each.by_system]
        measured[system] = {
            each.split: _measure_labels(each, system) for each in (*found, join_splits(found))
        }
    return measured


def _measure_labels(predictions: SplitPredictions, system: str) -> dict[str, dict[str, Any]]:
    of_system = predictions.by_system[system]
    by_label = measure_labels(predictions.y_true, of_system.labels, labels=predictions.labels)
    if of_system.probabilities is not None:
        coverage = coverage_at_precision(predictions.y_true, of_system.probabilities, precision=PRECISION)
        for of_label, share in zip(by_label.values(), coverage, strict=True):
            of_label["coverage"] = share
    return by_label


def f1_rows(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List macro and micro F1 with intervals: a row for each split, their mean, and system."""
    measures = [f"{name}{suffix}" for name in F1_NAMES for suffix in ("", "_low", "_high")]
    return [
        {"split": split, "system": system} | {name: measured[name] for name in measures}
        for split, found in (*compared["splits"].items(), ("mean", compared["mean"]))
        for system, measured in found["systems"].items()
    ]


def reliability_rows(predictions: SplitPredictions) -> list[dict[str, Any]]:
    """List the reliability of our probabilities before and after calibration."""
    ours = predictions.by_system[OURS]
    return [
        {"calibrated": calibrated} | point
        for calibrated, probabilities in ((False, ours.uncalibrated), (True, ours.probabilities))
        if probabilities is not None
        for point in reliability_points(predictions.y_true, probabilities)
    ]


def risk_rows(predictions: SplitPredictions) -> list[dict[str, Any]]:
    """List the share of articles with a wrong label set among those with the most probable label sets."""
    ours = predictions.by_system[OURS]
    assert ours.probabilities is not None
    confidence = label_set_probability(ours.labels, ours.probabilities)
    return risk_coverage_points((predictions.y_true == ours.labels).all(axis=1), confidence)


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
