"""Each outlet of the training and validation articles left out in turn, with one fit for each head.

Sigmoids and threshold of an outlet are fitted to the scores of the other outlets. No article of the test
split, of an evaluation outlet or of a test-only corpus takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from newsdesk.base.settings import Settings
from newsdesk.evaluation.labelled_corpus import LabelledCorpus
from newsdesk.evaluation.leave_one_outlet_out import build_terms
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.evaluation.splits import leave_outlet_out
from newsdesk.features.lexical_fields import add_fields, field_matrix, spread_fields
from newsdesk.inference.decision import decide
from newsdesk.training.calibration import f1_threshold, fit_platt, sigmoid
from newsdesk.training.targets import BoolArray, FloatArray, IntArray, StringArray, Targets

SPLITS = ("train", "valid")
# coef (n_labels, n_features) and intercept (n_labels,) for X, y and sample weights
Fit = Callable[[sp.csr_matrix, BoolArray, FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class Fold:
    """One outlet left out.

    `terms` is the TF-IDF of all articles, with the vocabulary of the training articles; `fields` has the
    shape (n_terms, n_fields).
    """

    outlet: str
    train: BoolArray
    held_out: BoolArray
    term_names: list[str]
    terms: sp.csr_matrix
    fields: sp.csr_matrix


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Linear scores of articles by classifiers that did not read their outlet, (n_scored, n_labels).

    A score is NaN if no training article had the label. `rows` are row numbers in the corpus, and `coefs` the
    coefficients of each fold, (n_labels, n_features).
    """

    rows: IntArray
    y_true: BoolArray
    scores: FloatArray
    outlets: StringArray
    groups: StringArray
    coefs: tuple[FloatArray, ...] = ()


def select_validation_articles(articles: pa.Table) -> pa.Table:
    """Select the articles of the training and validation splits."""
    return articles.filter(pc.is_in(articles["split"], pa.array(SPLITS)))


def build_folds(
    corpus: LabelledCorpus,
    settings: Settings,
    *,
    outlets: Sequence[str],
    fields: Mapping[str, Sequence[str]],
    n_jobs: int = -1,
) -> list[Fold]:
    """Leave each outlet out, and compute the terms of all articles with the vocabulary of the others."""
    folds = []
    for outlet in outlets:
        split = leave_outlet_out(corpus.columns, outlet)
        terms, names = build_terms(
            corpus.articles, split.train,
            normalization=settings.text, features=settings.features, n_jobs=n_jobs,
        )  # fmt: skip
        of_fields = field_matrix(fields, names, normalization=settings.text, stem=settings.features.stem)
        folds.append(Fold(outlet, split.train, split.test, names, terms, of_fields))
    return folds


def score_folds(
    folds: Sequence[Fold],
    targets: Targets,
    fit: Fit,
    *,
    groups: StringArray,
    places: sp.csr_matrix | None = None,
    field_weight: float = 0.0,
) -> HeldOutScores:
    """Fit a head without each outlet, and score the trusted articles of the outlet.

    The weighted features of `places` are columns behind the terms, lexical fields are behind both.
    """
    rows, scores, outlets, coefs = [], [], [], []
    for fold in folds:
        X = fold.terms if places is None else sp.hstack([fold.terms, places], format="csr")
        train = fold.train & (targets.weights > 0)
        held_out = np.flatnonzero(fold.held_out & targets.trusted)
        design = add_fields(X, fold.terms, fold.fields, field_weight)
        coef, intercept = fit(design[train], targets.y[train], targets.weights[train])
        coefs.append(spread_fields(coef, fold.fields, field_weight))
        learned = targets.y[train].any(axis=0)
        scores.append(np.where(learned, X[held_out] @ coefs[-1].T + intercept, np.nan))
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
