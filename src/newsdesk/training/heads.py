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
    assign_folds,
    choose_thresholds,
    f1_threshold,
    fit_platt,
    precision_threshold,
    recall_threshold,
    sigmoid,
)
from newsdesk.training.classifiers import ClassifierName, fit_subsets
from newsdesk.training.targets import BoolArray, FloatArray, StringArray, Targets


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A trained head.

    Attributes
    ----------
    coef : ndarray of shape (n_labels, n_features)
    intercept, slope, offset, thresholds : ndarray of shape (n_labels,)
        The probability of a label is sigmoid(slope * (coef @ x + intercept) + offset).
    profiles : mapping of str to ndarray of shape (n_labels,)
        Thresholds of `high_precision` and `high_recall`.
    """

    labels: tuple[str, ...]
    coef: FloatArray
    intercept: FloatArray
    slope: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    profiles: Mapping[str, FloatArray]

    def decision_function(self, X: sp.csr_matrix) -> FloatArray:
        """Compute linear scores, shape (n_articles, n_labels)."""
        return np.asarray(X @ self.coef.T + self.intercept)

    def predict_proba(self, X: sp.csr_matrix) -> FloatArray:
        """Compute the probability of each label by itself, shape (n_articles, n_labels)."""
        return sigmoid(self.slope * self.decision_function(X) + self.offset)


def train_head(
    matrix: sp.csr_matrix,
    targets: Targets,
    *,
    n_terms: int,
    fields: sp.csr_matrix,
    outlets: Sequence[str],
    groups: Sequence[str],
    settings: Train,
) -> TrainedHead:
    """Train the head of a task on the feature blocks that the settings give it.

    Parameters
    ----------
    matrix : csr matrix of shape (n_articles, n_features)
        Terms, and place features behind them.
    fields : csr matrix of shape (n_terms, n_fields)
        See `field_matrix`.
    outlets, groups : sequence of str, shape (n_articles,)

    Returns
    -------
    TrainedHead
        Coefficients have a column for each feature, 0 for the features that the head does not use.
    """
    n_used = matrix.shape[1] if targets.task in settings.place_tasks else n_terms
    field_weight = settings.field_weight_of(targets.task)
    head = fit_head(
        add_fields(matrix[:, :n_used], matrix[:, :n_terms], fields, field_weight),
        targets.y,
        labels=targets.labels,
        sample_weight=targets.weights,
        outlets=outlets,
        groups=groups,
        trusted=targets.trusted,
        classifier=settings.classifier,
        C=settings.C,
        balanced=settings.balanced,
        min_positives=settings.min_positives,
        common_threshold=targets.task in settings.common_thresholds,
    )
    coef = np.zeros((len(targets.labels), matrix.shape[1]))
    coef[:, :n_used] = spread_fields(head.coef, fields, field_weight)
    return replace(head, coef=coef)


def describe_head(
    head: TrainedHead, targets: Targets, origins: Sequence[str | None], *, settings: Train
) -> dict[str, Any]:
    """Describe a trained head as `head.json` stores it: labels, thresholds and training counts.

    Parameters
    ----------
    origins : sequence of shape (n_articles,)
        Origin of each article's label.
    """
    used = targets.weights > 0
    n_by_origin = Counter(origin for origin, is_used in zip(origins, used, strict=True) if is_used)
    n_positives = {
        name: dict(zip(head.labels, targets.y[rows].sum(axis=0).tolist(), strict=True))
        for name, rows in (("train", used), ("trusted", targets.trusted))
    }
    return {
        "task": targets.task,
        "labels": list(head.labels),
        "thresholds": [round(t, 6) for t in head.thresholds],
        "profiles": {name: [round(t, 6) for t in chosen] for name, chosen in head.profiles.items()},
        **settings.decision_of(targets.task),
        "n_train": {origin: n_by_origin[origin] for origin in sorted(settings.origin_weights)},
        "n_trusted": int(targets.trusted.sum()),
        "n_train_positives": n_positives["train"],
        "n_trusted_positives": n_positives["trusted"],
    }


def fit_head(
    X: sp.csr_matrix,
    y: BoolArray,
    *,
    labels: Sequence[str],
    sample_weight: FloatArray,
    outlets: Sequence[str],
    groups: Sequence[str],
    trusted: BoolArray,
    classifier: ClassifierName,
    C: float,
    balanced: bool,
    min_positives: int,
    common_threshold: bool,
    n_jobs: int = -1,
) -> TrainedHead:
    """Train a head on labelled articles, and calibrate it on their out-of-outlet scores.

    Each fold of `assign_folds` is left out in turn, with the near-duplicates of its articles. The other
    articles train classifiers that score the trusted articles of the fold. Sigmoids and thresholds are
    fitted to these scores, which are like those of an article from an unknown outlet. The classifiers of
    the head are then trained on all articles.

    Parameters
    ----------
    X : csr matrix of shape (n_articles, n_features)
    y : bool ndarray of shape (n_articles, n_labels)
    labels : sequence of str, shape (n_labels,)
    sample_weight : ndarray of shape (n_articles,)
        Articles of weight 0 are left out.
    outlets, groups : sequence of str, shape (n_articles,)
        Outlet and near-duplicate group of each article.
    trusted : bool ndarray of shape (n_articles,)
        Articles to calibrate on.
    classifier, C, balanced
        See `fit_linear`.
    min_positives : int
        Fewest positives of a label with its own threshold, and fewest trusted articles of an outlet with
        its own fold.
    common_threshold : bool
        Whether all labels share a threshold.

    Raises
    ------
    ValueError
        If there is no article to calibrate on, or no other article to train on.
    """
    used = sample_weight > 0
    X, y, weight, trusted = X[used], y[used], sample_weight[used], trusted[used]
    own_outlets, own_groups = (np.asarray(names, dtype=object)[used] for names in (outlets, groups))
    folds = _split_folds(own_outlets.tolist(), own_groups, trusted, min_articles=min_positives)
    fitted = fit_subsets(
        X, y, [*(train for _, train in folds), np.ones(len(y), dtype=bool)],
        sample_weight=weight, classifier=classifier, C=C, balanced=balanced, n_jobs=n_jobs,
    )  # fmt: skip
    scores = np.full(y.shape, np.nan)
    for (held_out, train), (coef, intercept) in zip(folds, fitted[:-1], strict=True):
        # a label without a training article has no score to calibrate
        scores[held_out] = np.where(y[train].any(axis=0), X[held_out] @ coef.T + intercept, np.nan)
    # margins are no probabilities, and regularization shrinks the scores of rare labels most
    slope, offset = fit_platt(scores[trusted], y[trusted])
    thresholds, profiles = _choose_profiles(
        sigmoid(slope * scores[trusted] + offset),
        y[trusted],
        min_positives=np.inf if common_threshold else min_positives,
    )
    known = y.any(axis=0)
    coef, intercept = fitted[-1]
    return TrainedHead(
        tuple(labels), coef, intercept, slope, offset,
        thresholds=np.where(known, thresholds, 1.0),
        profiles={name: np.where(known, chosen, 1.0) for name, chosen in profiles.items()},
    )  # fmt: skip


def _split_folds(
    outlets: Sequence[str], groups: StringArray, trusted: BoolArray, *, min_articles: int
) -> list[tuple[BoolArray, BoolArray]]:
    """Articles to score and articles to train on, for each fold with trusted articles."""
    numbers = assign_folds(outlets, groups.tolist(), trusted, min_articles=min_articles)
    folds = []
    for number in np.unique(numbers[trusted]):
        own = numbers == number
        folds.append((trusted & own, ~own & ~np.isin(groups, groups[own])))
    if not folds or not all(train.any() for _, train in folds):
        raise ValueError(
            f"{trusted.sum()} trusted articles in {len(set(groups))} groups: "
            "calibration needs at least two groups; label more articles"
        )
    return folds


def _choose_profiles(
    probabilities: FloatArray, y: BoolArray, *, min_positives: float
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Choose the thresholds of the highest F1, and those of each profile."""
    thresholds, precise, complete = (
        choose_thresholds(probabilities, y, min_positives=min_positives, choose=choose)
        for choose in (f1_threshold, precision_threshold, recall_threshold)
    )
    # the labels of each profile are a subset of those of the next
    return thresholds, {
        "high_precision": np.maximum(precise, thresholds),
        "high_recall": np.minimum(complete, thresholds),
    }
