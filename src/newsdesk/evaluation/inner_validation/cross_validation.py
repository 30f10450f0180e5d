"""Each outlet of the training and validation articles left out in turn, with one fit for each head.

Sigmoids and threshold of an outlet are fitted to the scores of the other outlets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from newsdesk.base.settings import Settings
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.features.lexical_fields import add_fields, spread_fields
from newsdesk.inference.decision import decide
from newsdesk.training.calibration import f1_threshold, fit_platt, sigmoid
from newsdesk.training.targets import BoolArray, FloatArray, IntArray, StringArray, Targets

# coef (n_labels, n_features) and intercept (n_labels,) for X, y and sample weights
Fit = Callable[[sp.csr_matrix, BoolArray, FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class Fold:
    """One outlet left out."""

    outlet: str
    train: BoolArray
    held_out: BoolArray
    term_names: list[str]
    terms: sp.csr_matrix  # TF-IDF of all articles, with the vocabulary of the training articles
    fields: sp.csr_matrix  # of shape (n_terms, n_fields)

    def join_places(self, places: sp.csr_matrix | None) -> sp.csr_matrix:
        """Join the terms and the weighted place features, if there are any."""
        return self.terms if places is None else sp.hstack([self.terms, places], format="csr")

    def fit(
        self, fit: Fit, X: sp.csr_matrix, targets: Targets, *, field_weight: float
    ) -> tuple[FloatArray, FloatArray]:
        """Fit a head to the features `join_places`: coefficients (n_labels, n_features) and intercepts."""
        train = self.train & (targets.weights > 0)
        design = add_fields(X, self.terms, self.fields, field_weight)
        coef, intercept = fit(design[train], targets.y[train], targets.weights[train])
        return spread_fields(coef, self.fields, field_weight), intercept


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Linear scores of articles by classifiers that did not read their outlet."""

    rows: IntArray  # row numbers in the corpus
    y_true: BoolArray
    scores: FloatArray  # (n_scored, n_labels), NaN if no training article had the label
    outlets: StringArray
    groups: StringArray
    coefs: tuple[FloatArray, ...] = ()  # of each fold, (n_labels, n_features)


def score_folds(
    folds: Sequence[Fold],
    targets: Targets,
    fit: Fit,
    *,
    groups: StringArray,
    places: sp.csr_matrix | None,
    field_weight: float,
) -> HeldOutScores:
    """Fit a head without each outlet, and score the trusted articles of the outlet."""
    rows, scores, outlets, coefs = [], [], [], []
    for fold in folds:
        X = fold.join_places(places)
        coef, intercept = fold.fit(fit, X, targets, field_weight=field_weight)
        held_out = np.flatnonzero(fold.held_out & targets.trusted)
        learned = targets.y[fold.train & (targets.weights > 0)].any(axis=0)
        scores.append(np.where(learned, X[held_out] @ coef.T + intercept, np.nan))
        coefs.append(coef)
        rows.append(held_out)
        outlets += [fold.outlet] * len(held_out)
    found = np.concatenate(rows)
    return HeldOutScores(
        found, targets.y[found], np.vstack(scores), np.array(outlets, dtype=object), groups[found],
        tuple(coefs),
    )  # fmt: skip


def calibrate(
    scored: HeldOutScores,
    *,
    trusted: BoolArray | None = None,
    most: int | None = None,
    floor: float | None = None,
) -> tuple[FloatArray, BoolArray]:
    """Convert scores to probabilities and labels, each of shape (n_scored, n_labels).

    Sigmoids and one threshold for each outlet are fitted to the `trusted` scores of the other outlets (all by
    default). A label without a training article has probability 0. See `decide` for `most` and `floor`.
    """
    trusted = np.ones(len(scored.rows), dtype=bool) if trusted is None else trusted
    probabilities = np.zeros(scored.scores.shape)
    y_pred = np.zeros(scored.scores.shape, dtype=bool)
    for outlet in np.unique(scored.outlets):
        own = scored.outlets == outlet
        others = ~own & trusted
        slope, offset = fit_platt(scored.scores[others], scored.y_true[others])
        of_others, probabilities[own] = (
            np.nan_to_num(sigmoid(slope * scored.scores[rows] + offset)) for rows in (others, own)
        )
        threshold = f1_threshold(of_others.ravel(), scored.y_true[others].ravel())
        thresholds = np.full(scored.scores.shape[1], threshold)
        y_pred[own] = decide(probabilities[own], thresholds, most=most, floor=floor)
    return probabilities, y_pred


def draw_mean_f1(scored: HeldOutScores, y_pred: BoolArray, settings: Settings) -> FloatArray:
    """Compute macro and micro F1, the mean over outlets, and their resamples: shape (1 + n_bootstrap, 2)."""
    draws = [
        draw_f1(
            scored.y_true[own], y_pred[own], groups=scored.groups[own].tolist(),
            **settings.evaluate.model_dump(include={"n_bootstrap", "min_support"}),
            seed=(settings.evaluate.seed, i),
        )
        for i, own in enumerate(scored.outlets == outlet for outlet in np.unique(scored.outlets))
    ]  # fmt: skip
    return np.asarray(np.mean(draws, axis=0))
