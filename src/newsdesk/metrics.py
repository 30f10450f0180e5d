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
    codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    # per group and label: true positives, predicted positives, actual positives
    per_group = [_sum_by_group(m, codes, n_groups) for m in (y_true & y_pred, y_pred, y_true)]
    exact = (y_true == y_pred).all(axis=1)[:, None]
    per_group_exact = _sum_by_group(np.hstack([np.ones_like(exact), exact]), codes, n_groups)

    def summarize(weights: Counts) -> Counts:
        tp, predicted, actual = (weights @ m for m in per_group)
        f1 = _ratio(2 * tp, predicted + actual)
        # a resample is averaged over the labels that it holds, as the whole is: one that drew no positive
        # of a rare label says nothing of that label
        supported = actual > 0
        macro = _ratio(np.where(supported, f1, 0).sum(axis=1), supported.sum(axis=1).astype(np.float64))
        micro = _ratio(2 * tp.sum(axis=1), (predicted + actual).sum(axis=1))
        n_exact = weights @ per_group_exact
        return np.column_stack([macro, micro, _ratio(n_exact[:, 1], n_exact[:, 0])])

    point = summarize(np.ones((1, n_groups)))[0]
    rng = np.random.default_rng(seed)
    if n_groups:
        resamples = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_bootstrap)
        low, high = np.percentile(summarize(resamples.astype(np.float64)), [2.5, 97.5], axis=0)
    else:
        low = high = np.zeros(3)
    tp, predicted, actual = (m.sum(axis=0) for m in per_group)
    precision, recall, f1 = _ratio(tp, predicted), _ratio(tp, actual), _ratio(2 * tp, predicted + actual)
    result: dict[str, Any] = {"n_articles": len(y_true), "n_groups": n_groups}
    for i, name in enumerate(("f1_macro", "f1_micro", "exact_match")):
        result[name] = _round(point[i])
        result[f"{name}_low"], result[f"{name}_high"] = _round(low[i]), _round(high[i])
    return result, {
        label: {
            "precision": _round(precision[j]),
            "recall": _round(recall[j]),
            "f1": _round(f1[j]),
            "support": int(actual[j]),
        }
        for j, label in enumerate(labels)
    }


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
