"""Metrics of predictions: precision, recall and F1 with bootstrap intervals, calibration, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

from newsdesk.training.targets import BoolArray, FloatArray, IntArray

MAX_POINTS = 100  # of a curve
N_BINS = 15  # of a reliability diagram
F1_NAMES = ("f1_macro", "f1_micro")
FIRST_NAMES = ("main_label", "first_label")


def evaluate_head(
    y_true: BoolArray,
    y_pred: BoolArray,
    *,
    main: IntArray,
    first: IntArray,
    labels: Sequence[str],
    groups: Sequence[str],
    n_bootstrap: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Measure the predictions of one head, in total and by label.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    main, first : int ndarray of shape (n_articles,)
        As in `draw_first`.
    labels : sequence of str, shape (n_labels,)
    groups : sequence of str, shape (n_articles,)
        Near-duplicate groups. The bootstrap draws whole groups, so that copies of a story do not count as
        independent evidence.
    n_bootstrap : int
        Number of resamples.
    seed : int

    Returns
    -------
    totals : dict
        `n_articles`, `n_groups`; `f1_macro` (over labels with support), `f1_micro`, `exact_match`,
        `main_label` and `first_label`, each with a 95 % percentile interval.
    by_label : dict of str to dict
        Precision, recall, f1 and support of each label.

    Examples
    --------
    >>> y = np.array([[True, False], [False, True]])
    >>> main = np.array([0, 1])
    >>> totals, by_label = evaluate_head(
    ...     y, y, main=main, first=main, labels=["asia", "us"], groups=["g1", "g2"], n_bootstrap=10, seed=0
    ... )
    >>> totals["f1_macro"], totals["main_label"], by_label["us"]["support"]
    (1.0, 1.0, 1)
    """
    drawn: dict[str, Any] = {"groups": groups, "n_bootstrap": n_bootstrap, "seed": seed}
    exact = (y_true == y_pred).all(axis=1)[:, None]
    n_exact, n_drawn = _draw_sums(exact, np.ones_like(exact), **drawn)
    f1, of_first = draw_f1(y_true, y_pred, **drawn), draw_first(y_true, main, first, **drawn)
    draws = np.column_stack([f1, _ratio(n_exact, n_drawn), of_first])
    totals = summarize_draws(draws, (*F1_NAMES, "exact_match", *FIRST_NAMES))
    sizes = {"n_articles": len(y_true), "n_groups": len({*groups})}
    return sizes | totals, measure_labels(y_true, y_pred, labels=labels)


def measure_labels(
    y_true: BoolArray, y_pred: BoolArray, *, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Compute precision, recall, F1 and support of each label."""
    tp, predicted, actual = (m.sum(axis=0).astype(np.float64) for m in (y_true & y_pred, y_pred, y_true))
    precision, recall, f1 = _ratio(tp, predicted), _ratio(tp, actual), _ratio(2 * tp, predicted + actual)
    return {
        label: {"precision": _round(p), "recall": _round(r), "f1": _round(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, actual, strict=True)
    }


def draw_f1(
    y_true: BoolArray,
    y_pred: BoolArray,
    *,
    groups: Sequence[str],
    n_bootstrap: int,
    seed: int | Sequence[int],
    min_support: int = 0,
) -> FloatArray:
    """Compute macro and micro F1 of the articles and of bootstrap resamples of whole groups.

    The resamples depend on the groups and the seed only. So the differences of the draws of two systems on
    the same articles are a paired bootstrap, and the mean of the draws of several test sets, each with a
    seed of its own, is a bootstrap stratified by test set.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    groups : sequence of str, shape (n_articles,)
    n_bootstrap : int
    seed : int or sequence of int
    min_support : int
        Fewest articles of a label that counts in the macro average.

    Returns
    -------
    ndarray of shape (1 + n_bootstrap, 2)
        F1 of the articles, then of each resample; macro F1 is NaN if no label has the support.

    Examples
    --------
    >>> y_true, y_pred = np.array([[True], [True]]), np.array([[True], [False]])
    >>> draw_f1(y_true, y_pred, groups=["g1", "g2"], n_bootstrap=0, seed=0).round(3).tolist()
    [[0.667, 0.667]]
    """
    tp, predicted, actual = _draw_sums(
        y_true & y_pred, y_pred, y_true, groups=groups, n_bootstrap=n_bootstrap, seed=seed
    )
    f1 = _ratio(2 * tp, predicted + actual)
    # a resample without a positive of a rare label holds no information on it, so the label is left out
    # of the average there, as a label without support is left out of that of all articles
    kept = y_true.sum(axis=0) >= min_support
    measured = (actual > 0) & kept
    macro = _ratio(np.where(measured, f1, 0).sum(axis=1), measured.sum(axis=1).astype(np.float64))
    micro = _ratio(2 * tp.sum(axis=1), (predicted + actual).sum(axis=1))
    return np.column_stack([macro if kept.any() else np.full(len(f1), np.nan), micro])


def draw_first(
    y_true: BoolArray,
    main: IntArray,
    first: IntArray,
    *,
    groups: Sequence[str],
    n_bootstrap: int,
    seed: int | Sequence[int],
) -> FloatArray:
    """Compute how often the first label is the main one, and how often it is a true one.

    Both are shares of the articles that have a label, of all of them and of bootstrap resamples as in
    `draw_f1`.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    main : int ndarray of shape (n_articles,)
        Number of the reader's main label, -1 for none.
    first : int ndarray of shape (n_articles,)
        Number of the first label that is predicted, -1 for none.
    groups : sequence of str, shape (n_articles,)
    n_bootstrap : int
    seed : int or sequence of int

    Returns
    -------
    ndarray of shape (1 + n_bootstrap, 2)
        The shares `main_label` and `first_label`; NaN if no article has a label.

    Examples
    --------
    >>> y_true = np.array([[True, True], [False, True], [False, False]])
    >>> main, first = np.array([0, 1, -1]), np.array([1, 1, -1])
    >>> draw_first(y_true, main, first, groups=["g1", "g2", "g3"], n_bootstrap=0, seed=0).tolist()
    [[0.5, 1.0]]
    """
    labelled = y_true.any(axis=1)
    is_true = (first >= 0) & y_true[np.arange(len(first)), first]
    hits = np.column_stack([labelled & (first == main), is_true])
    n_hits, n_labelled = _draw_sums(
        hits, np.column_stack([labelled, labelled]), groups=groups, n_bootstrap=n_bootstrap, seed=seed
    )
    return _ratio(n_hits, n_labelled) if labelled.any() else np.full(n_hits.shape, np.nan)


def summarize_draws(draws: FloatArray, names: Sequence[str] = F1_NAMES) -> dict[str, Any]:
    """Summarize draws, or differences or means of draws, by name, with 95 % intervals `_low` to `_high`."""
    low, high = np.percentile(draws[1:], [2.5, 97.5], axis=0)
    result: dict[str, Any] = {}
    for i, name in enumerate(names):
        for suffix, value in (("", draws[0, i]), ("_low", low[i]), ("_high", high[i])):
            result[f"{name}{suffix}"] = None if np.isnan(value) else _round(value)
    return result


def _draw_sums(
    *masks: BoolArray, groups: Sequence[str], n_bootstrap: int, seed: int | Sequence[int]
) -> list[FloatArray]:
    """Count the articles of each mask, and those of each resample of groups: (1 + n_bootstrap, n_columns)."""
    names, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    n_groups = len(names)
    weights = np.ones((1 + n_bootstrap, n_groups))
    if n_groups:
        shares = np.full(n_groups, 1 / n_groups)
        weights[1:] = np.random.default_rng(seed).multinomial(n_groups, shares, size=n_bootstrap)
    sums = []
    for mask in masks:
        of_groups = np.zeros((n_groups, mask.shape[1]))
        np.add.at(of_groups, codes, mask.astype(np.float64))
        sums.append(weights @ of_groups)
    return sums


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide elementwise, with 0 where the denominator is 0 (scikit-learn's zero_division=0)."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _round(value: float) -> float:
    """Round to six digits: more than the data supports, and the same if sums change their order."""
    return round(float(value), 6)


def precision_recall_points(y_true: BoolArray, y_score: FloatArray) -> list[dict[str, Any]]:
    """Compute at most `MAX_POINTS` points of the precision-recall curve of all labels together."""
    precision, recall, _ = precision_recall_curve(y_true.ravel(), y_score.ravel())
    kept = spread_evenly(len(recall), MAX_POINTS)
    return [{"recall": _round(recall[i]), "precision": _round(precision[i])} for i in kept]


def spread_evenly(n: int, most: int) -> IntArray:
    """Choose at most `most` of the numbers below `n`, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, most).astype(int))


def main_label_pairs(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[dict[str, str]]:
    """Pair the actual and the predicted main label of each article, `none` for an article without one."""
    return [
        {"actual": t[0] if t else "none", "predicted": p[0] if p else "none"}
        for t, p in zip(truth, predicted, strict=True)
    ]


def brier_score(y_true: BoolArray, probabilities: FloatArray) -> float:
    """Compute the mean squared difference of probabilities and truth over all articles and labels.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    probabilities : ndarray of shape (n_articles, n_labels)

    Returns
    -------
    float
        In [0, 1]; lower is better.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950. His score sums over
    both outcomes of a label, and is twice this one.

    Examples
    --------
    >>> brier_score(np.array([[True, False]]), np.array([[0.9, 0.3]]))
    0.05
    """
    return _round(np.square(probabilities - y_true).mean())


def reliability_points(y_true: BoolArray, probabilities: FloatArray) -> list[dict[str, Any]]:
    """Compare mean probabilities with shares of true labels in at most `N_BINS` bins of equal size."""
    # most probabilities are near 0: of bins of equal width all but the first would be nearly empty
    order = np.argsort(probabilities.ravel(), kind="stable")
    p, y = probabilities.ravel()[order], y_true.ravel()[order]
    return [
        {"predicted": _round(p[part].mean()), "observed": _round(y[part].mean()), "n": len(part)}
        for part in np.array_split(np.arange(len(p)), N_BINS)
        if len(part)
    ]


def calibration_error(y_true: BoolArray, probabilities: FloatArray) -> float:
    """Compute the expected calibration error over bins of equal size.

    It is the mean distance of the `reliability_points` from the diagonal, weighted by their size.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    probabilities : ndarray of shape (n_articles, n_labels)

    References
    ----------
    M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015; bins of equal
    size as in K. Nguyen and B. O'Connor, "Posterior calibration and exploratory analysis for natural language
    processing models", 2015.

    Examples
    --------
    >>> calibration_error(np.array([[True, False]]), np.array([[0.9, 0.3]]))
    0.2
    """
    points = reliability_points(y_true, probabilities)
    distances = [point["n"] * abs(point["predicted"] - point["observed"]) for point in points]
    return _round(sum(distances) / max(1, y_true.size))


def label_set_probability(y_pred: BoolArray, probabilities: FloatArray) -> FloatArray:
    """Compute the probability that an article's whole label set is right if labels are independent."""
    return np.asarray(np.where(y_pred, probabilities, 1 - probabilities).prod(axis=1))


def risk_coverage_points(right: BoolArray, confidence: FloatArray) -> list[dict[str, Any]]:
    """Compute the share of wrong articles among the most confident ones, at most `MAX_POINTS` points."""
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    # articles of equal confidence enter the curve together
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True)[: len(order)])
    if len(ends) > MAX_POINTS:
        ends = ends[spread_evenly(len(ends), MAX_POINTS)]
    return [
        {"coverage": _round((i + 1) / len(order)), "risk": _round(wrong[i] / (i + 1))} for i in ends.tolist()
    ]


def coverage_at_precision(
    y_true: BoolArray, probabilities: FloatArray, *, precision: float
) -> list[float | None]:
    """Compute the highest recall of each label at a precision.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    probabilities : ndarray of shape (n_articles, n_labels)
    precision : float

    Returns
    -------
    list of shape (n_labels,)
        0 for a label that no threshold gives the precision, None for one without articles.

    Examples
    --------
    >>> y_true = np.array([[True], [True], [False]])
    >>> coverage_at_precision(y_true, np.array([[0.9], [0.4], [0.6]]), precision=0.95)
    [0.5]
    """
    shares: list[float | None] = []
    for j in range(y_true.shape[1]):
        if not y_true[:, j].any():
            shares.append(None)
            continue
        reached, recall, _ = precision_recall_curve(y_true[:, j], probabilities[:, j])
        # the last point belongs to no threshold: nothing is predicted, precision is 1 by convention
        shares.append(_round(recall[:-1][reached[:-1] >= precision].max(initial=0.0)))
    return shares
