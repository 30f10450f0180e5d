"""The choice of a head's settings within the training outlets of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from newsdesk.base.settings import Evaluate, Train
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.evaluation.splits import SplitColumns
from newsdesk.inference.decision import decide
from newsdesk.training.calibration import sigmoid
from newsdesk.training.heads import calibrate_scores, score_out_of_outlet
from newsdesk.training.targets import FloatArray, StringArray, Targets

FIT_SETTINGS = ("classifier", "C", "balanced", "field_weight")  # others change only what scores decide


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings of a head with their out-of-outlet scores, and the F1 of these."""

    settings: Train
    scores: FloatArray
    f1: float  # mean of macro and micro F1


def score_candidates(
    candidates: Sequence[Train],
    build_features: Callable[[Train], sp.csr_matrix],
    targets: Targets,
    columns: SplitColumns,
    *,
    settings: Evaluate,
    n_jobs: int,
) -> list[Candidate]:
    """Score the training articles by each candidate; of candidates that are equal for the head, the first.

    Each article is scored by classifiers that did not read its outlet. Candidates that differ only in their
    thresholds or in how many labels an article gets share the classifiers.
    """
    scores: dict[str, FloatArray] = {}
    found: dict[str, Candidate] = {}
    for train in candidates:
        options = head_options(train, targets.task)
        if str(options) in found:
            continue
        fit = str([options[name] for name in FIT_SETTINGS])
        if fit not in scores:
            scores[fit] = score_out_of_outlet(
                build_features(train), targets, settings=train, n_jobs=n_jobs,
                outlets=columns.outlets.tolist(), groups=columns.groups.tolist(),
            )  # fmt: skip
        f1 = inner_f1(scores[fit], targets, columns.outlets, train=train, min_support=settings.min_support)
        found[str(options)] = Candidate(train, scores[fit], f1)
    return [*found.values()]


def head_options(train: Train, task: str) -> dict[str, Any]:
    """Return the settings that candidates may change, by their name in `train`, of the head of a task."""
    decision = train.decision_of(task)
    return {
        "classifier": train.classifier,
        "C": train.C,
        "balanced": train.balanced,
        "field_weight": train.field_weight_of(task),
        "common_thresholds": task in train.common_thresholds,
        "most_labels": decision["most"],
        "floors": decision["floor"],
    }


def inner_f1(
    scores: FloatArray, targets: Targets, outlets: StringArray, *, train: Train, min_support: int
) -> float:
    """Compute the mean of macro and micro F1 of trusted articles, with the thresholds of the head.

    It is the mean over the outlets that have `min_support` articles of a label; without any of these, all
    articles count together.
    """
    calibration = calibrate_scores(scores, targets, settings=train)
    trusted = targets.trusted
    y, of_article = targets.y[trusted], outlets[trusted]
    probabilities = np.nan_to_num(sigmoid(calibration.log_odds[trusted]))
    y_pred = decide(probabilities, calibration.thresholds, **train.decision_of(targets.task))

    def f1(kept: Any, support: int) -> FloatArray:
        groups = of_article[kept].tolist()
        return draw_f1(y[kept], y_pred[kept], groups=groups, n_bootstrap=0, seed=0, min_support=support)

    by_outlet = np.vstack([f1(of_article == outlet, min_support) for outlet in np.unique(of_article)])
    measured = by_outlet[~np.isnan(by_outlet).any(axis=1)]
    return float(np.mean(measured if len(measured) else f1(slice(None), 0)))


def describe_choice(candidates: Sequence[Candidate], chosen: int, task: str) -> dict[str, Any]:
    """Describe the chosen settings and the inner F1 of all candidates, by the settings that they vary."""
    options = [head_options(candidate.settings, task) for candidate in candidates]
    varied = [name for name in options[0] if len({str(each[name]) for each in options}) > 1]
    described: list[Mapping[str, Any]] = [{name: each[name] for name in varied} for each in options]
    inner = [
        {**each, "f1": round(candidate.f1, 6)} for each, candidate in zip(described, candidates, strict=True)
    ]
    return {"chosen": described[chosen], "candidates": inner}
