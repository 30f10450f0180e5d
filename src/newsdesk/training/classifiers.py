"""One head a task: linear one-vs-rest classifiers, calibration and thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
ClassifierName = Literal["logistic_regression", "linear_svc"]

CLASSIFIERS: dict[ClassifierName, Callable[..., Any]] = {
    # of scikit-learn's solvers the one that is soonest at scores right to 0.01 on our matrices
    "logistic_regression": lambda **kw: LogisticRegression(solver="newton-cg", max_iter=1000, tol=1e-5, **kw),
    "linear_svc": lambda **kw: LinearSVC(max_iter=20_000, random_state=0, **kw),
}
N_FOLDS = 5
TARGET = 0.95  # precision of profile high_precision, recall of high_recall, on out-of-outlet scores
NEVER = -20.0  # intercept of a label without a training example: a probability of 2e-9


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A trained head.

    Attributes
    ----------
    coef : ndarray of shape (n_labels, n_features)
    intercept, slope, offset, thresholds : ndarray of shape (n_labels,)
        The probability of a label is sigmoid(slope * (coef @ x + intercept) + offset).
    profiles : mapping of str to ndarray of shape (n_labels,)
        Thresholds for `high_precision` and `high_recall`.
    """

    labels: tuple[str, ...]
    coef: FloatArray
    intercept: FloatArray
    slope: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    profiles: Mapping[str, FloatArray]

    def decision_function(self, X: sp.csr_matrix) -> FloatArray:
        """Linear scores, shape (n_articles, n_labels)."""
        return np.asarray(X @ self.coef.T + self.intercept)

    def predict_proba(self, X: sp.csr_matrix) -> FloatArray:
        """Probabilities of each label by itself, shape (n_articles, n_labels)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * self.decision_function(X) + self.offset))))


def indicator(label_lists: Sequence[Sequence[str]], labels: Sequence[str]) -> BoolArray:
    """Label lists as a matrix of shape (n_articles, n_labels).

    Raises
    ------
    ValueError
        If an article carries a label that the taxonomy lacks.
    """
    column = {label: i for i, label in enumerate(labels)}
    y = np.zeros((len(label_lists), len(labels)), dtype=bool)
    for row, held in enumerate(label_lists):
        for label in held:
            if label not in column:
                raise ValueError(f"label {label!r} is not in the taxonomy; add it there or mend the row")
            y[row, column[label]] = True
    return y


def assign_folds(
    outlets: Sequence[str], groups: Sequence[str], trusted: BoolArray, *, min_articles: int
) -> Integers:
    """Folds to score each article by a classifier that has not read its outlet.

    An outlet with at least `min_articles` trusted articles is a fold, the small ones are one together. Where
    that leaves trusted articles in one fold alone, near-duplicate groups are dealt out to `N_FOLDS` instead,
    in the order of their hash.

    Parameters
    ----------
    outlets, groups : sequence of str, shape (n_articles,)
    trusted : bool ndarray of shape (n_articles,)

    Returns
    -------
    int ndarray of shape (n_articles,)
    """
    names, codes = np.unique(np.asarray(outlets, dtype=object).astype(str), return_inverse=True)
    large = np.bincount(codes[trusted], minlength=len(names)) >= min_articles
    number = np.where(large, np.cumsum(large), 0)  # 0 for the small ones
    folds: Integers = number[codes].astype(np.int64)
    if len(np.unique(folds[trusted])) > 1:
        return folds
    hashed = sorted({*groups}, key=lambda group: hashlib.sha256(group.encode("utf-8", "replace")).digest())
    fold_of = {group: i % N_FOLDS for i, group in enumerate(hashed)}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


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
    """Train a head on labelled articles; calibrate and set thresholds on out-of-outlet scores of them.

    Each fold of `assign_folds` is left out in turn, with the near-duplicates of its articles; the others
    train and score its trusted articles. Sigmoids and thresholds are fitted on these scores, which are such
    as an article of an unknown outlet gets; the classifiers are then trained on all articles.

    Parameters
    ----------
    X : csr matrix of shape (n_articles, n_features)
    y : bool ndarray of shape (n_articles, n_labels)
    sample_weight : ndarray of shape (n_articles,)
        Articles without weight take no part.
    outlets, groups : sequence of str, shape (n_articles,)
        Outlet and near-duplicate group of each article.
    trusted : bool ndarray of shape (n_articles,)
        Whose labels are taken as the truth to calibrate on.
    min_positives : int
        Fewest positives for a threshold of a label's own, and fewest trusted articles for a fold of an
        outlet's own.
    common_threshold : bool
        Whether all labels share a threshold.

    Raises
    ------
    ValueError
        If there is no article to calibrate on, or none to train on beside it.
    """
    used = sample_weight > 0
    X, y, weight, trusted = X[used], y[used], sample_weight[used], trusted[used]
    own_groups = np.asarray(groups, dtype=object)[used]
    folds = assign_folds(
        np.asarray(outlets, dtype=object)[used].tolist(),
        own_groups.tolist(),
        trusted,
        min_articles=min_positives,
    )
    fits: list[tuple[BoolArray, BoolArray]] = []
    for fold in np.unique(folds[trusted]):
        held = trusted & (folds == fold)
        fits.append((held, (folds != fold) & ~np.isin(own_groups, own_groups[folds == fold])))
    if not fits or not all(rest.any() for _, rest in fits):
        raise ValueError(f"{trusted.sum()} trusted articles in {len(set(own_groups))} groups; two are needed")
    everything = np.ones(len(y), dtype=bool)
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_fit_label)(X_fit, y[rows, j], weight[rows], classifier, C, balanced)
        for rows, X_fit in ((rows, X[rows]) for rows in (*(rest for _, rest in fits), everything))
        for j in range(len(labels))
    )
    n = len(labels)
    scores = np.full(y.shape, np.nan)
    for i, (held, rest) in enumerate(fits):
        coef, intercept = _stack(fitted[i * n : (i + 1) * n])
        # of a label that the others never saw there is no score to calibrate
        scores[held] = np.where(y[rest].any(axis=0), X[held] @ coef.T + intercept, np.nan)
    coef, intercept = _stack(fitted[-n:])
    # margins are no probabilities, and regularization shrinks the scores of rare labels most
    slope, offset = fit_platt(scores[trusted], y[trusted])
    probabilities = 1.0 / (1.0 + np.exp(-(slope * scores[trusted] + offset)))
    own_from = np.inf if common_threshold else min_positives
    thresholds = choose_thresholds(probabilities, y[trusted], min_positives=own_from)
    precise = choose_thresholds(probabilities, y[trusted], min_positives=own_from, best=precise_threshold)
    complete = choose_thresholds(probabilities, y[trusted], min_positives=own_from, best=complete_threshold)
    # each profile's labels are among those of the next
    profiles = {
        "high_precision": np.maximum(precise, thresholds), "high_recall": np.minimum(complete, thresholds),
    }  # fmt: skip
    known = y.any(axis=0)
    return TrainedHead(
        tuple(labels), coef, intercept, slope, offset,
        thresholds=np.where(known, thresholds, 1.0),
        profiles={name: np.where(known, chosen, 1.0) for name, chosen in profiles.items()},
    )  # fmt: skip


def fit_linear(
    X: sp.csr_matrix,
    y: BoolArray,
    *,
    sample_weight: FloatArray,
    classifier: ClassifierName,
    C: float,
    balanced: bool,
    n_jobs: int = -1,
) -> tuple[FloatArray, FloatArray]:
    """Classifiers of all labels, uncalibrated: `coef` (n_labels, n_features) and `intercept` (n_labels,)."""
    used = sample_weight > 0
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_fit_label)(X[used], y[used, j], sample_weight[used], classifier, C, balanced)
        for j in range(y.shape[1])
    )
    return _stack(fitted)


def _stack(fitted: Sequence[tuple[FloatArray, float]]) -> tuple[FloatArray, FloatArray]:
    """Coefficients, rounded as the model stores them: thresholds are set on such scores as it gives."""
    coef = np.vstack([c for c, _ in fitted]).astype(np.float32).astype(np.float64)
    return coef, np.array([b for _, b in fitted])


def _fit_label(
    X: sp.csr_matrix,
    y: BoolArray,
    sample_weight: FloatArray,
    classifier: ClassifierName,
    C: float,
    balanced: bool,
) -> tuple[FloatArray, float]:
    if not y.any():
        return np.zeros(X.shape[1]), NEVER
    if y.all():
        return np.zeros(X.shape[1]), -NEVER
    estimator = CLASSIFIERS[classifier](C=C, class_weight="balanced" if balanced else None)
    with threadpool_limits(1):  # sums in one order, whatever the machine's number of cores
        estimator.fit(X, y, sample_weight=sample_weight)
    return estimator.coef_.ravel().astype(np.float64), float(estimator.intercept_[0])


def fit_platt(scores: FloatArray, y: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Slope and offset of Platt's sigmoid for each label, with his smoothed targets.

    A score of NaN is left out. A label without both positives and negatives keeps slope 1 and offset 0. One
    whose positives score lower than its negatives gets slope 0: the share of its positives.

    Source: J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    slopes, offsets = np.ones(scores.shape[1]), np.zeros(scores.shape[1])
    for j in range(scores.shape[1]):
        scored = ~np.isnan(scores[:, j])
        own, positive = scores[scored, j], y[scored, j]
        n_pos = int(positive.sum())
        n_neg = len(positive) - n_pos
        if not n_pos or not n_neg:
            continue
        high, low = (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2)
        target = np.where(positive, high, low)
        # a target t is t positives and 1 - t negatives
        x = np.concatenate([own, own])[:, None]
        labels = np.concatenate([np.ones(len(own)), np.zeros(len(own))])
        model = LogisticRegression(C=1e6, max_iter=1000).fit(
            x, labels, sample_weight=np.concatenate([target, 1 - target])
        )
        slopes[j], offsets[j] = model.coef_[0, 0], model.intercept_[0]
        if slopes[j] <= 0:  # of scores that rank a label's articles last there is nothing to learn
            share = target.mean()
            slopes[j], offsets[j] = 0.0, np.log(share / (1 - share))
    return slopes, offsets


def best_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """The threshold of the highest F1, halfway to the next lower probability."""
    p, hits, cut = _rank(probabilities, y)
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    return _halfway(p, int(np.argmax(np.where(cut, f1, -1.0))))


def precise_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """The lowest threshold of a precision of `TARGET`, else the lowest of the highest precision there is."""
    p, hits, cut = _rank(probabilities, y)
    precision = np.where(cut, hits / np.arange(1, len(p) + 1), -1.0)
    return _halfway(p, int(np.flatnonzero(precision >= min(TARGET, precision.max()))[-1]))


def complete_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """The highest threshold of a recall of `TARGET`; where there is a positive there always is one."""
    p, hits, cut = _rank(probabilities, y)
    return _halfway(p, int(np.flatnonzero(cut & (hits >= TARGET * y.sum()))[0]))


def choose_thresholds(
    probabilities: FloatArray,
    y: BoolArray,
    *,
    min_positives: float,
    best: Callable[[FloatArray, BoolArray], float] = best_threshold,
) -> FloatArray:
    """Probability thresholds that are best for each label on held-out articles; for F1 unless told.

    A label with fewer than `min_positives` positives takes the threshold that is best for all labels
    counted together (micro-F1): an own one would be fitted to chance. A probability of NaN is left out.
    Shape (n_labels,).
    """
    scored = ~np.isnan(probabilities)
    y = y & scored
    if not y.any():
        return np.full(y.shape[1], 0.5)
    common = best(probabilities[scored], y[scored])
    return np.array(
        [
            best(probabilities[own, j], y[own, j]) if y[:, j].sum() >= min_positives else common
            for j, own in enumerate(scored.T)
        ]
    )


def _rank(probabilities: FloatArray, y: BoolArray) -> tuple[FloatArray, Integers, BoolArray]:
    """Probabilities from the highest, the positives down to each, and where a threshold can part them."""
    order = np.argsort(-probabilities, kind="stable")
    p = probabilities[order]
    return p, np.cumsum(y[order]), np.append(p[1:] < p[:-1], True)


def _halfway(p: FloatArray, last: int) -> float:
    """The threshold that the first `last` + 1 of the ranked probabilities reach."""
    below = p[last + 1] if last + 1 < len(p) else 0.0
    return float((p[last] + below) / 2)
