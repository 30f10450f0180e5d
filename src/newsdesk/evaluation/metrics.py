"""How good predictions are: precision, recall and F1 with bootstrap intervals over groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

Counts = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


def evaluate_head(
    y_true: BoolArray,
    y_pred: BoolArray,
    *,
    labels: Sequence[str],
    groups: Sequence[str],
    n_bootstrap: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Measure one head: as a whole, and label by label.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    groups : sequence of str, shape (n_articles,)
        Near-duplicate groups; the bootstrap draws whole ones, so that copies of a story do not count
        as independent evidence.

    Returns
    -------
    dict
        `n_articles`, `n_groups`; `f1_macro` (over labels with support), `f1_micro` and `exact_match`, each
        with a 95 % percentile interval.
    dict of str to dict
        Precision, recall, f1 and support of each label.
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
    """Precision, recall, f1 and support of each label."""
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
) -> Counts:
    """Macro and micro F1 of the articles as they are, then of bootstrap resamples of whole groups.

    What is drawn depends on the groups and the seed alone. So of two systems on the same articles the
    differences of the draws are a paired bootstrap; and of test sets drawn with seeds of their own, the mean
    of the draws is one of a bootstrap within each.

    Parameters
    ----------
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    groups : sequence of str, shape (n_articles,)
    min_support : int
        The macro average is over the labels that so many of the articles carry.

    Returns
    -------
    ndarray of shape (1 + n_bootstrap, 2)
        Macro F1 is NaN where no label has the support.
    """
    codes, n_groups = _number_groups(groups)
    weights = _draw_weights(n_groups, n_bootstrap, seed)
    # per resample and label: true positives, predicted positives, actual positives
    tp, predicted, actual = (
        weights @ _sum_by_group(m, codes, n_groups) for m in (y_true & y_pred, y_pred, y_true)
    )
    f1 = _ratio(2 * tp, predicted + actual)
    # a resample is averaged over the labels that it holds, as the whole is: one that drew no positive
    # of a rare label says nothing of that label
    kept = y_true.sum(axis=0) >= min_support
    measured = (actual > 0) & kept
    n_measured = measured.sum(axis=1).astype(np.float64)
    macro = (
        _ratio(np.where(measured, f1, 0).sum(axis=1), n_measured) if kept.any() else np.full(len(f1), np.nan)
    )
    micro = _ratio(2 * tp.sum(axis=1), (predicted + actual).sum(axis=1))
    return np.column_stack([macro, micro])


def summarize_draws(draws: Counts, names: Sequence[str] = ("f1_macro", "f1_micro")) -> dict[str, Any]:
    """The value of each column and its 95 % percentile interval; None where there is nothing to measure.

    Parameters
    ----------
    draws : ndarray of shape (1 + n_bootstrap, n_names)
        The value, then those of the resamples: of `draw_f1`, or a difference or mean of such.
    """
    low, high = np.percentile(draws[1:], [2.5, 97.5], axis=0)
    result: dict[str, Any] = {}
    for i, name in enumerate(names):
        for suffix, value in (("", draws[0, i]), ("_low", low[i]), ("_high", high[i])):
            result[f"{name}{suffix}"] = None if np.isnan(value) else _round(value)
    return result


def _draw_weights(n_groups: int, n_bootstrap: int, seed: int | Sequence[int]) -> Counts:
    """How often each group counts: once, then as drawn with replacement."""
    whole = np.ones((1, n_groups))
    if not n_groups:
        return np.repeat(whole, 1 + n_bootstrap, axis=0)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_bootstrap)
    return np.vstack([whole, drawn])


def _number_groups(groups: Sequence[str]) -> tuple[np.ndarray[Any, Any], int]:
    codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    return codes, int(codes.max()) + 1 if len(codes) else 0


def _sum_by_group(matrix: BoolArray, codes: np.ndarray[Any, Any], n_groups: int) -> Counts:
    sums = np.zeros((n_groups, matrix.shape[1]))
    np.add.at(sums, codes, matrix.astype(np.float64))
    return sums


def _ratio(numerator: Counts, denominator: Counts) -> Counts:
    """Elementwise quotient, 0 where the denominator is 0 (scikit-learn's zero_division=0)."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _round(value: float) -> float:
    """Six digits: more than the data can tell, few enough that sums in another order write the same."""
    return round(float(value), 6)


MAX_POINTS = 100
N_BINS = 15


def precision_recall_points(y_true: BoolArray, y_score: Counts) -> list[dict[str, Any]]:
    """Points of the precision-recall curve of all labels counted together, at most `MAX_POINTS`."""
    precision, recall, _ = precision_recall_curve(y_true.ravel(), y_score.ravel())
    keep = np.unique(np.linspace(0, len(recall) - 1, MAX_POINTS).astype(int))
    return [{"recall": _round(recall[i]), "precision": _round(precision[i])} for i in keep]


def main_label_pairs(truth: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """The main label of each article as it is and as predicted, `none` where there is none."""
    return [
        {"actual": t[0] if t else "none", "predicted": p[0] if p else "none"}
        for t, p in zip(truth, said, strict=True)
    ]


def brier_score(y_true: BoolArray, probabilities: Counts) -> float:
    """Mean squared distance of probabilities and truth, over all articles and labels.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950 (his sum over
    the two outcomes of a label is twice ours).
    """
    return _round(np.square(probabilities - y_true).mean())


def reliability_points(y_true: BoolArray, probabilities: Counts) -> list[dict[str, Any]]:
    """What is predicted and what is so, in at most `N_BINS` bins of equally many probabilities of all labels.

    Most labels of most articles are improbable: bins of equal width would leave all but the first nearly
    empty. Each point has the mean probability, the share of true ones and the number `n` of its bin.
    """
    order = np.argsort(probabilities.ravel(), kind="stable")
    p, y = probabilities.ravel()[order], y_true.ravel()[order]
    return [
        {"predicted": _round(p[part].mean()), "observed": _round(y[part].mean()), "n": len(part)}
        for part in np.array_split(np.arange(len(p)), N_BINS)
        if len(part)
    ]


def calibration_error(y_true: BoolArray, probabilities: Counts) -> float:
    """Expected calibration error: mean distance of the `reliability_points` from the diagonal, by their n.

    Source: M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015; with
    bins of equal mass as in K. Nguyen and B. O'Connor, "Posterior calibration and exploratory analysis for
    natural language processing models", 2015.
    """
    points = reliability_points(y_true, probabilities)
    distances = [point["n"] * abs(point["predicted"] - point["observed"]) for point in points]
    return _round(sum(distances) / max(1, y_true.size))


def risk_coverage_points(right: BoolArray, confidence: Counts) -> list[dict[str, Any]]:
    """Share of wrong articles among the most confident ones, at most `MAX_POINTS` points.

    Parameters
    ----------
    right : bool ndarray of shape (n_articles,)
    confidence : ndarray of shape (n_articles,)
        Equal ones are answered together or not at all.
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
    y_true: BoolArray, probabilities: Counts, *, precision: float
) -> list[float | None]:
    """For each label, the largest share of its articles found by a threshold that keeps the precision.

    0 where no threshold does, None where no article carries the label.
    """
    shares: list[float | None] = []
    for j in range(y_true.shape[1]):
        if not y_true[:, j].any():
            shares.append(None)
            continue
        reached, recall, _ = precision_recall_curve(y_true[:, j], probabilities[:, j])
        # the last point is no threshold: nothing said, precision 1 by convention
        shares.append(_round(recall[:-1][reached[:-1] >= precision].max(initial=0.0)))
    return shares
