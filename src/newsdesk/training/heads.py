"""A head: the calibrated linear classifiers of one task, with their thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from newsdesk.base.settings import Train
from newsdesk.features.lexical_fields import add_fields, spread_fields
from newsdesk.training.calibration import (
    Choose,
    assign_folds,
    choose_thresholds,
    f1_threshold,
    fit_platt,
    precision_threshold,
    recall_threshold,
    sigmoid,
)
from newsdesk.training.classifiers import build_classifier, fit_linear, fit_subsets
from newsdesk.training.home import HOME_TASK, fit_home, home_coef
from newsdesk.training.targets import BoolArray, FloatArray, StringArray, Targets, is_in

# A doubtful label is seldom the main one: its log-odds, times this, are added to those of being it.
LABEL_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A trained head; the probability of a label is sigmoid(slope * (coef @ x + intercept) + offset).

    Of the labels that an article gets, that of the largest main_coef @ x + main_intercept is the main one.
    """

    labels: tuple[str, ...]
    coef: FloatArray
    intercept: FloatArray
    main_coef: FloatArray
    main_intercept: FloatArray
    slope: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    profiles: Mapping[str, FloatArray]
    out_of_outlet: FloatArray  # log-odds of the training articles that calibrated the head, NaN for others

    def decision_function(self, X: sp.csr_matrix) -> FloatArray:
        """Compute linear scores, shape (n_articles, n_labels)."""
        return np.asarray(X @ self.coef.T + self.intercept)

    def main_scores(self, X: sp.csr_matrix) -> FloatArray:
        """Compute linear scores of each label as the main one, shape (n_articles, n_labels)."""
        return np.asarray(X @ self.main_coef.T + self.main_intercept)

    def predict_proba(self, X: sp.csr_matrix) -> FloatArray:
        """Compute the probability of each label by itself, shape (n_articles, n_labels)."""
        return sigmoid(self.slope * self.decision_function(X) + self.offset)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sigmoids and thresholds of a head, with the calibrated scores that they were chosen on."""

    slope: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    profiles: Mapping[str, FloatArray]
    log_odds: FloatArray  # of shape (n_articles, n_labels)


def train_head(
    matrix: sp.csr_matrix, targets: Targets, *, n_terms: int, fields: sp.csr_matrix, outlets: Sequence[str],
    groups: Sequence[str], settings: Train, n_home: int = 0,
) -> TrainedHead:  # fmt: skip
    """Train a head on the columns of `matrix` (terms, places, `n_home` of homes) that it uses."""
    n_base = matrix.shape[1] - n_home
    n_used = n_base if targets.task in settings.place_tasks else n_terms
    field_weight = settings.field_weight_of(targets.task)
    X = add_fields(matrix[:, :n_used], matrix[:, :n_terms], fields, field_weight)
    head = fit_head(X, targets, outlets=outlets, groups=groups, settings=settings)
    coef, main_coef = np.zeros((2, len(targets.labels), n_base))
    coef[:, :n_used] = spread_fields(head.coef, fields, field_weight)
    main_coef[:, :n_used] = spread_fields(head.main_coef, fields, field_weight)
    head = replace(head, coef=coef, main_coef=main_coef)
    if n_home and targets.task == HOME_TASK:
        return add_home(head, matrix[:, n_base:], targets.y)
    return _append_home(head, np.zeros((len(coef), n_home)))


def add_home(head: TrainedHead, homes: sp.csr_matrix, y: BoolArray) -> TrainedHead:
    """Append to a head the coefficients of the home features, fitted on its training articles."""
    return _append_home(head, home_coef(*fit_home(homes, head.out_of_outlet, y), head.slope))


def _append_home(head: TrainedHead, coef: FloatArray) -> TrainedHead:
    """Append coefficients of the home features, which do not change which label is the main one."""
    main_coef = np.hstack([head.main_coef, np.zeros_like(coef)])
    return replace(head, coef=np.hstack([head.coef, coef]), main_coef=main_coef)


def describe_head(
    head: TrainedHead, targets: Targets, origins: Sequence[str | None], *, settings: Train
) -> dict[str, Any]:
    """Describe a head as `head.json` stores it: labels, thresholds and training counts."""
    used = targets.weights > 0
    n_by_origin = Counter(origin for origin, is_used in zip(origins, used, strict=True) if is_used)
    n_positives = {
        name: dict(zip(head.labels, targets.y[rows].sum(axis=0).tolist(), strict=True))
        for name, rows in (("n_train_positives", used), ("n_trusted_positives", targets.trusted))
    }
    return {
        "task": targets.task,
        "labels": list(head.labels),
        "thresholds": [round(t, 6) for t in head.thresholds],
        "profiles": {name: [round(t, 6) for t in chosen] for name, chosen in head.profiles.items()},
        **settings.decision_of(targets.task),
        "n_train": {origin: n_by_origin[origin] for origin in sorted(settings.origin_weights)},
        "n_trusted": int(targets.trusted.sum()),
        **n_positives,
    }


def fit_head(
    X: sp.csr_matrix, targets: Targets, *, outlets: Sequence[str], groups: Sequence[str], settings: Train,
    scores: FloatArray | None = None, n_jobs: int = -1,
) -> TrainedHead:  # fmt: skip
    """Train a head on articles with a weight, and calibrate it on their out-of-outlet scores.

    `scores` are those of `score_out_of_outlet`, which are computed unless they are given.
    """
    if scores is None:
        scores = score_out_of_outlet(
            X, targets, outlets=outlets, groups=groups, settings=settings, n_jobs=n_jobs
        )
    calibration = calibrate_scores(scores, targets, settings=settings)
    classifier = build_classifier(settings.classifier, C=settings.C, balanced=settings.balanced)
    is_main = targets.main[:, None] == np.arange(len(targets.labels))
    (coef, intercept), (main_coef, main_intercept) = (
        fit_linear(classifier, X, y, sample_weight=targets.weights, n_jobs=n_jobs)
        for y in (targets.y, is_main)
    )
    slope, offset = calibration.slope, calibration.offset
    return TrainedHead(
        targets.labels, coef, intercept,
        slope[:, None] * (main_coef + LABEL_WEIGHT * coef),
        slope * (main_intercept + LABEL_WEIGHT * intercept) + (1 + LABEL_WEIGHT) * offset,
        slope, offset, calibration.thresholds, calibration.profiles, calibration.log_odds,
    )  # fmt: skip


def score_out_of_outlet(
    X: sp.csr_matrix, targets: Targets, *, outlets: Sequence[str], groups: Sequence[str], settings: Train,
    n_jobs: int = -1,
) -> FloatArray:  # fmt: skip
    """Compute linear scores of trusted articles by classifiers that did not read their outlet.

    Returns an ndarray of shape (n_articles, n_labels), NaN for other articles and for a label without a
    training article.
    """
    used = np.flatnonzero(targets.weights > 0)
    X, own = X[used], targets.filter(targets.weights > 0)
    own_outlets, own_groups = (np.asarray(names, dtype=object)[used] for names in (outlets, groups))
    folds = _split_folds(own_outlets.tolist(), own_groups, own.trusted, min_articles=settings.min_positives)
    classifier = build_classifier(settings.classifier, C=settings.C, balanced=settings.balanced)
    fitted = fit_subsets(
        classifier, X, own.y, [train for _, train in folds], sample_weight=own.weights, n_jobs=n_jobs
    )
    scores = np.full(targets.y.shape, np.nan)
    for (held_out, train), (coef, intercept) in zip(folds, fitted, strict=True):
        # a label without a training article has no score to calibrate
        learned = own.y[train].any(axis=0)
        scores[used[held_out]] = np.where(learned, X[held_out] @ coef.T + intercept, np.nan)
    return scores


def calibrate_scores(scores: FloatArray, targets: Targets, *, settings: Train) -> Calibration:
    """Fit the sigmoids and choose the thresholds of a head, on the scores of `score_out_of_outlet`."""
    used = targets.weights > 0
    y, trusted = targets.y, targets.trusted & used
    # margins are no probabilities, and regularization shrinks the scores of rare labels most
    slope, offset = fit_platt(scores[trusted], y[trusted])
    log_odds = slope * scores + offset
    probabilities = sigmoid(log_odds[trusted])
    least = np.inf if targets.task in settings.common_thresholds else settings.min_positives

    def thresholds(choose: Choose) -> FloatArray:
        chosen = choose_thresholds(probabilities, y[trusted], min_positives=least, choose=choose)
        return np.where(y[used].any(axis=0), chosen, 1.0)

    balanced = thresholds(f1_threshold)
    # the labels of each profile are a subset of those of the next
    profiles = {
        "high_precision": np.maximum(thresholds(precision_threshold), balanced),
        "high_recall": np.minimum(thresholds(recall_threshold), balanced),
    }
    return Calibration(slope, offset, balanced, profiles, log_odds)


def _split_folds(
    outlets: Sequence[str], groups: StringArray, trusted: BoolArray, *, min_articles: int
) -> list[tuple[BoolArray, BoolArray]]:
    """Select the articles to score and those to train on, for each fold with trusted articles."""
    numbers = assign_folds(outlets, groups.tolist(), trusted, min_articles=min_articles)
    folds = []
    for number in np.unique(numbers[trusted]):
        own = numbers == number
        folds.append((trusted & own, ~own & ~is_in(groups, groups[own])))
    if not folds or not all(train.any() for _, train in folds):
        found = f"{trusted.sum()} trusted articles in {len(set(groups))} groups"
        raise ValueError(f"{found}: calibration needs at least two groups; label more articles")
    return folds
