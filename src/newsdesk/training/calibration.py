"""Calibration: folds by outlet, Platt's sigmoid and probability thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from newsdesk.training.targets import BoolArray, FloatArray, IntArray

N_FOLDS = 5
Choose = Callable[[FloatArray, BoolArray], float]  # a threshold for probabilities and truth
PROFILE_TARGET = 0.95  # precision of `high_precision` and recall of `high_recall`, on out-of-outlet scores


def assign_folds(
    outlets: Sequence[str], groups: Sequence[str], trusted: BoolArray, *, min_articles: int
) -> IntArray:
    """Assign articles to folds, so that each is scored by a classifier that did not read its outlet.

    An outlet with at least `min_articles` trusted articles is a fold, all smaller ones together are one fold.
    If these are more than `N_FOLDS` folds, large outlets share one, dealt from the largest on. If it is one
    fold only, near-duplicate groups are dealt to `N_FOLDS` folds by their hash.

    Parameters
    ----------
    outlets, groups : sequence of str, shape (n_articles,)
    trusted : bool ndarray of shape (n_articles,)

    Returns
    -------
    int ndarray of shape (n_articles,)

    Examples
    --------
    >>> outlets = ["a", "a", "b", "b", "c"]
    >>> assign_folds(outlets, list("vwxyz"), np.ones(5, dtype=bool), min_articles=2).tolist()
    [1, 1, 2, 2, 0]
    """
    names, codes = np.unique(np.asarray(outlets, dtype=object).astype(str), return_inverse=True)
    n_trusted = np.bincount(codes[trusted], minlength=len(names))
    large = n_trusted >= min_articles
    fold_of_outlet = np.where(large, np.cumsum(large), 0)  # 0 for the small outlets
    room = N_FOLDS - int(not large.all())
    if large.sum() > room:
        by_size = np.argsort(-n_trusted, kind="stable")[: large.sum()]
        fold_of_outlet[by_size] = 1 + np.arange(len(by_size)) % room
    folds: IntArray = fold_of_outlet[codes].astype(np.int64)
    if len(np.unique(folds[trusted])) > 1:
        return folds
    hashed = sorted({*groups}, key=lambda group: hashlib.sha256(group.encode("utf-8", "replace")).digest())
    fold_of_group = {group: i % N_FOLDS for i, group in enumerate(hashed)}
    return np.array([fold_of_group[group] for group in groups], dtype=np.int64)


def sigmoid(x: FloatArray) -> FloatArray:
    """Return the logistic function of `x`."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def fit_platt(scores: FloatArray, y: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Fit Platt's sigmoid to the scores of each label, with his smoothed targets.

    Parameters
    ----------
    scores : ndarray of shape (n_articles, n_labels)
        Linear scores; NaN is left out.
    y : bool ndarray of shape (n_articles, n_labels)

    Returns
    -------
    slope, offset : ndarray of shape (n_labels,)
        The probability is sigmoid(slope * score + offset). A label with only positives or negatives has slope
        1 and offset 0; one whose positives score lower than its negatives has slope 0.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> scores = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> slope, offset = fit_platt(scores, scores > 0)
    >>> bool(slope[0] > 0)
    True
    """
    slopes, offsets = np.ones(scores.shape[1]), np.zeros(scores.shape[1])
    for j in range(scores.shape[1]):
        scored = ~np.isnan(scores[:, j])
        own, positive = scores[scored, j], y[scored, j]
        n_pos, n_neg = int(positive.sum()), int((~positive).sum())
        if not n_pos or not n_neg:
            continue
        target = np.where(positive, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        # a target t counts as t positives and 1 - t negatives
        x = np.tile(own, 2)[:, None]
        labels = np.repeat([1.0, 0.0], len(own))
        weights = np.concatenate([target, 1 - target])
        with threadpool_limits(1):  # sums in one order on any number of cores
            model = LogisticRegression(C=1e6, max_iter=1000).fit(x, labels, sample_weight=weights)
        slopes[j], offsets[j] = model.coef_[0, 0], model.intercept_[0]
        if slopes[j] <= 0:  # the scores hold no information: the probability is the share of positives
            share = target.mean()
            slopes[j], offsets[j] = 0.0, np.log(share / (1 - share))
    return slopes, offsets


def f1_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """Choose the threshold of the highest F1, halfway to the next lower probability."""
    p, hits, cut = _rank(probabilities, y)
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    return _halfway(p, int(np.argmax(np.where(cut, f1, -1.0))))


def precision_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """Choose the lowest threshold of precision `PROFILE_TARGET`, or of the highest precision below it."""
    p, hits, cut = _rank(probabilities, y)
    precision = np.where(cut, hits / np.arange(1, len(p) + 1), -1.0)
    return _halfway(p, int(np.flatnonzero(precision >= min(PROFILE_TARGET, precision.max()))[-1]))


def recall_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """Choose the highest threshold of recall `PROFILE_TARGET`; it exists if there is a positive."""
    p, hits, cut = _rank(probabilities, y)
    return _halfway(p, int(np.flatnonzero(cut & (hits >= PROFILE_TARGET * y.sum()))[0]))


def choose_thresholds(
    probabilities: FloatArray, y: BoolArray, *, min_positives: float, choose: Choose = f1_threshold
) -> FloatArray:
    """Choose the probability threshold of each label on held-out articles.

    Parameters
    ----------
    probabilities : ndarray of shape (n_articles, n_labels)
        NaN is left out.
    y : bool ndarray of shape (n_articles, n_labels)
    min_positives : float
        A label with fewer positives gets the threshold chosen for all labels counted together.
    choose : callable
        One threshold for probabilities and truth; `f1_threshold` by default.

    Returns
    -------
    ndarray of shape (n_labels,)

    Examples
    --------
    >>> p = np.array([[0.9, 0.8], [0.6, 0.1], [0.2, 0.1]])
    >>> y = np.array([[True, True], [True, False], [False, False]])
    >>> choose_thresholds(p, y, min_positives=1).round(3).tolist()
    [0.4, 0.45]
    """
    scored = ~np.isnan(probabilities)
    y = y & scored
    if not y.any():
        return np.full(y.shape[1], 0.5)
    common = choose(probabilities[scored], y[scored])
    return np.array(
        [
            choose(probabilities[own, j], y[own, j]) if y[:, j].sum() >= min_positives else common
            for j, own in enumerate(scored.T)
        ]
    )


def _rank(probabilities: FloatArray, y: BoolArray) -> tuple[FloatArray, IntArray, BoolArray]:
    """Rank probabilities, count the positives down to each, and mark where a threshold can separate them."""
    order = np.argsort(-probabilities, kind="stable")
    p = probabilities[order]
    return p, np.cumsum(y[order]), np.append(p[1:] < p[:-1], True)


def _halfway(p: FloatArray, last: int) -> float:
    """Return the threshold that the first `last` + 1 of the ranked probabilities reach."""
    below = p[last + 1] if last + 1 < len(p) else 0.0
    return float((p[last] + below) / 2)
