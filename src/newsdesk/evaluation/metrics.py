"""Metrics of predictions: precision, recall and F1 with bootstrap intervals, calibration, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

from newsdesk.training.targets import BoolArray, FloatArray, IntArray

MAX_POINTS = 100  # of a curve
N_BINS = 15  # of a reliability diagram


def evaluate_head(
    y_true: BoolArray,
    y_pred: BoolArray,
    *,
    labels: Sequence[str],
    groups: Sequence[str],
    n_bootstrap: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Measure the predictions of one head, in total and by label.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
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
        `n_articles`, `n_groups`; `f1_macro` (over labels with support), `f1_micro` and `exact_match`, each
        with a 95 % percentile interval.
    by_label : dict of str to dict
        Precision, recall, f1 and support of each label.

    Examples
    --------
    >>> y = np.array([[True, False], [False, True]])
    >>> totals, by_label = evaluate_head(
    ...     y, y, labels=["asia", "us"], groups=["g1", "g2"], n_bootstrap=10, seed=0
    ... )
    >>> totals["f1_macro"], by_label["us"]["support"]
    (1.0, 1)
    """
    codes, n_groups = _number_groups(groups)
    exact = (y_true == y_pred).all(axis=1)[:, None]
    per_group_exact = _sum_by_group(np.hstack([np.ones_like(exact), exact]), codes, n_groups)
    n_exact = _draw_weights(n_groups, n_bootstrap, seed) @ per_group_exact
    f1 = draw_f1(y_true, y_pred, groups=groups, n_bootstrap=n_bootstrap, seed=seed)
    draws = np.column_stack([f1, _ratio(n_exact[:, 1], n_exact[:, 0])])
    result: dict[str, Any] = {"n_articles": len(y_true), "n_groups": n_groups}
    return result | summarize_draws(draws, ("f1_macro", "f1_micro", "exact_match")), measure_labels(
        y_true, y_pred, labels=labels
    )


def measure_labels(
    y_true: BoolArray, y_pred: BoolArray, *, labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Compute precision, recall, F1 and support of each label.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    labels : sequence of str, shape (n_labels,)

    Examples
    --------
    >>> y_true, y_pred = np.array([[True], [True]]), np.array([[True], [False]])
    >>> measure_labels(y_true, y_pred, labels=["us"])
    {'us': {'precision': 1.0, 'recall': 0.5, 'f1': 0.666667, 'support': 2}}
    """
    tp, predicted, actual = (m.sum(axis=0).astype(np.float64) for m in (y_true & y_pred, y_pred, y_true))
    precision, recall, f1 = _ratio(tp, predicted), _ratio(tp, actual), _ratio(2 * tp, predicted + actual)
    return {
        label: {
            "precision": _round(precision[j]),
            "recall": _round(recall[j]),
            "f1": _round(f1[j]),
            "support": int(actual[j]),
        }
        for j, label in enumerate(labels)
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
    codes, n_groups = _number_groups(groups)
    weights = _draw_weights(n_groups, n_bootstrap, seed)
    # per resample and label: true positives, predicted positives, actual positives
    tp, predicted, actual = (
        weights @ _sum_by_group(m, codes, n_groups) for m in (y_true & y_pred, y_pred, y_true)
    )
    f1 = _ratio(2 * tp, predicted + actual)
    # a resample without a positive of a rare label holds no information on it, so the label is left out
    # of the average there, as a label without support is left out of that of all articles
    kept = y_true.sum(axis=0) >= min_support
    measured = (actual > 0) & kept
    n_measured = measured.sum(axis=1).astype(np.float64)
    macro = (
        _ratio(np.where(measured, f1, 0).sum(axis=1), n_measured) if kept.any() else np.full(len(f1), np.nan)
    )
    micro = _ratio(2 * tp.sum(axis=1), (predicted + actual).sum(axis=1))
    return np.column_stack([macro, micro])


def summarize_draws(draws: FloatArray, names: Sequence[str] = ("f1_macro", "f1_micro")) -> dict[str, Any]:
    """Summarize draws as values with 95 % percentile intervals.

    Parameters
    ----------
    draws : ndarray of shape (1 + n_bootstrap, n_names)
        Of `draw_f1`, or a difference or mean of such draws.
    names : sequence of str, shape (n_names,)

    Returns
    -------
    dict
        For each name the value, and the ends of its interval as `{name}_low` and `{name}_high`; None for
        NaN.

    Examples
    --------
    >>> summarize_draws(np.array([[0.5], [0.4], [0.6]]), ["f1"])
    {'f1': 0.5, 'f1_low': 0.405, 'f1_high': 0.595}
    """
    low, high = np.percentile(draws[1:], [2.5, 97.5], axis=0)
    result: dict[str, Any] = {}
    for i, name in enumerate(names):
        for suffix, value in (("", draws[0, i]), ("_low", low[i]), ("_high", high[i])):
            result[f"{name}{suffix}"] = None if np.isnan(value) else _round(value)
    return result


def _draw_weights(n_groups: int, n_bootstrap: int, seed: int | Sequence[int]) -> FloatArray:
    """Weights of the groups: 1 in the first row, then the counts of each draw with replacement."""
    whole = np.ones((1, n_groups))
    if not n_groups:
        return np.repeat(whole, 1 + n_bootstrap, axis=0)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_bootstrap)
    return np.vstack([whole, drawn])


def _number_groups(groups: Sequence[str]) -> tuple[IntArray, int]:
    codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    return codes, int(codes.max()) + 1 if len(codes) else 0


def _sum_by_group(matrix: BoolArray, codes: IntArray, n_groups: int) -> FloatArray:
    sums = np.zeros((n_groups, matrix.shape[1]))
    np.add.at(sums, codes, matrix.astype(np.float64))
    return sums


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide elementwise, with 0 where the denominator is 0 (scikit-learn's zero_division=0)."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _round(value: float) -> float:
    """Round to six digits: more than the data supports, and the same if sums change their order."""
    return round(float(value), 6)


def precision_recall_points(y_true: BoolArray, y_score: FloatArray) -> list[dict[str, Any]]:
    """Compute at most `MAX_POINTS` points of the micro-averaged precision-recall curve.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    y_score : ndarray of shape (n_articles, n_labels)
    """
    precision, recall, _ = precision_recall_curve(y_true.ravel(), y_score.ravel())
    keep = np.unique(np.linspace(0, len(recall) - 1, MAX_POINTS).astype(int))
    return [{"recall": _round(recall[i]), "precision": _round(precision[i])} for i in keep]


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
    """Compare predicted probabilities with observed shares in at most `N_BINS` bins of equal size.

    The bins have equally many probabilities of all labels: most are near 0, so that of bins of equal width
    all but the first would be nearly empty.

    Parameters
    ----------
    y_true : bool ndarray of shape (n_articles, n_labels)
    probabilities : ndarray of shape (n_articles, n_labels)

    Returns
    -------
    list of dict
        For each bin its mean probability `predicted`, its share of true labels `observed` and its size `n`.
    """
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


def risk_coverage_points(right: BoolArray, confidence: FloatArray) -> list[dict[str, Any]]:
    """Compute the share of wrong articles among the most confident ones, at most `MAX_POINTS` points.

    Parameters
    ----------
    right : bool ndarray of shape (n_articles,)
    confidence : ndarray of shape (n_articles,)
        Articles of equal confidence enter the curve together.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True)[: len(order)])
    if len(ends) > MAX_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MAX_POINTS).astype(int))]
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
