"""Inner validation: articles of each outlet that may be read, scored by classifiers that read the others.

What chooses settings and tells what helps. It is cheaper than the headline comparison: one fit an outlet
and head. Sigmoids and the threshold of an outlet are fitted on the scores of the other outlets. No row of the
test split, of an evaluation outlet or of one without a public import takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from newsdesk.base.settings import Settings
from newsdesk.evaluation.leave_one_outlet_out import Task, build_features
from newsdesk.evaluation.metrics import draw_f1, summarize_draws
from newsdesk.evaluation.splits import BoolArray, FloatArray, Names, Rows, leave_out
from newsdesk.features.lexical_fields import add_fields, field_matrix, spread_fields
from newsdesk.inference.scorer import decide
from newsdesk.training.classifiers import best_threshold, fit_platt

SPLITS = ("train", "valid")
# coef (n_labels, n_features) and intercept (n_labels,), of a matrix, its truth and its weights
Fit = Callable[[sp.csr_matrix, BoolArray, FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class Fold:
    """One outlet left out: who trains, who is scored (shape (n_articles,)), and the features of all.

    Attributes
    ----------
    terms : csr matrix of shape (n_articles, n_terms)
        Vocabulary and IDF are of the training articles alone.
    fields : csr matrix of shape (n_terms, n_fields)
        Which terms are words of which lexical fields.
    """

    outlet: str
    train: BoolArray
    held: BoolArray
    terms: sp.csr_matrix
    fields: sp.csr_matrix


@dataclass(frozen=True, slots=True)
class Scored:
    """Linear scores of articles by classifiers that did not read their outlet.

    Attributes
    ----------
    rows : int ndarray of shape (n_scored,)
        Their places among all articles.
    y_true, scores : ndarray of shape (n_scored, n_labels)
        A score is NaN where no training article had the label.
    outlets, groups : object ndarray of shape (n_scored,)
    """

    rows: np.ndarray[Any, np.dtype[np.int64]]
    y_true: BoolArray
    scores: FloatArray
    outlets: Names
    groups: Names


def may_be_read(articles: pa.Table) -> pa.Table:
    """The articles of training and validation."""
    return articles.filter(pc.is_in(articles["split"], pa.array(SPLITS)))


def build_folds(
    articles: pa.Table,
    rows: Rows,
    settings: Settings,
    *,
    outlets: Sequence[str],
    fields: Mapping[str, Sequence[str]],
    n_jobs: int = -1,
) -> list[Fold]:
    """Leave each outlet out of the articles, and count the terms of all by the vocabulary of the others."""
    folds = []
    for outlet in outlets:
        split = leave_out(rows, outlet)
        terms, names = build_features(
            articles, split.train, normalization=settings.text, features=settings.features, n_jobs=n_jobs
        )
        shared = field_matrix(fields, names, normalization=settings.text, stem=settings.features.stem)
        folds.append(Fold(outlet, split.train, split.test, terms, shared))
    return folds


def score_outlets(
    folds: Sequence[Fold],
    task: Task,
    fit: Fit,
    *,
    groups: Names,
    beside: sp.csr_matrix | None = None,
    field_weight: float = 0.0,
) -> Scored:
    """Fit a head without each outlet, and score the outlet's trusted articles.

    Parameters
    ----------
    beside : csr matrix of shape (n_articles, n_values) or None
        Features that need no fitting, those of places: columns behind the terms.
    field_weight : float
        Weight of lexical fields, columns behind these; 0 for none.
    """
    rows, scores, outlets = [], [], []
    for fold in folds:
        X = fold.terms if beside is None else sp.hstack([fold.terms, beside], format="csr")
        learn, held = fold.train & (task.weights > 0), np.flatnonzero(fold.held & task.trusted)
        design = add_fields(X, fold.terms, fold.fields, field_weight)
        coef, intercept = fit(design[learn], task.y[learn], task.weights[learn])
        coef = spread_fields(coef, fold.fields, field_weight)
        seen = task.y[learn].any(axis=0)
        scores.append(np.where(seen, X[held] @ coef.T + intercept, np.nan))
        rows.append(held)
        outlets += [fold.outlet] * len(held)
    found = np.concatenate(rows)
    return Scored(found, task.y[found], np.vstack(scores), np.array(outlets, dtype=object), groups[found])


def calibrate(
    scored: Scored, *, known: BoolArray | None = None, most: int | None = None, floor: float | None = None
) -> tuple[FloatArray, BoolArray]:
    """Probabilities and labels: sigmoids and one threshold for each outlet from the scores of the others.

    Shapes (n_scored, n_labels). A label that could not be learned has probability 0.

    Parameters
    ----------
    known : bool ndarray of shape (n_scored,) or None
        Whose labels are taken as the truth to calibrate on; None for all.
    most, floor
        Those of `scorer.decide`.
    """
    known = np.ones(len(scored.rows), dtype=bool) if known is None else known
    probabilities = np.zeros(scored.scores.shape)
    said = np.zeros(scored.scores.shape, dtype=bool)
    for outlet in np.unique(scored.outlets):
        own = scored.outlets == outlet
        others = ~own & known
        slope, offset = fit_platt(scored.scores[others], scored.y_true[others])
        other, probabilities[own] = (
            np.nan_to_num(1 / (1 + np.exp(-(slope * scored.scores[side] + offset)))) for side in (others, own)
        )
        threshold = best_threshold(other.ravel(), scored.y_true[others].ravel())
        thresholds = np.full(scored.scores.shape[1], threshold)
        said[own] = decide(probabilities[own], thresholds, most=most, floor=floor)
    return probabilities, said


def draw_mean_f1(scored: Scored, said: BoolArray, settings: Settings) -> FloatArray:
    """Macro and micro F1, the mean over outlets, as measured and by resample: shape (1 + n_bootstrap, 2)."""
    draws = [
        draw_f1(
            scored.y_true[own], said[own], groups=scored.groups[own].tolist(),
            **settings.evaluate.model_dump(include={"n_bootstrap", "min_support"}),
            seed=(settings.evaluate.seed, i),
        )
        for i, own in enumerate(scored.outlets == outlet for outlet in np.unique(scored.outlets))
    ]  # fmt: skip
    return np.asarray(np.mean(draws, axis=0))


def measure(scored: Scored, settings: Settings, *, task: str) -> dict[str, Any]:
    """Macro and micro F1, the mean over outlets, each with a 95 % interval over groups."""
    said = calibrate(scored, **settings.train.decision_of(task))[1]
    return summarize_draws(draw_mean_f1(scored, said, settings))
