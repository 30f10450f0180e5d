"""Compare challenger and champion on the same frozen test: paired differences and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import norm

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import draw_f1, summarize_draws
from newsdesk.training.targets import indicator

Verdict = Literal["first", "better", "tie", "worse", "worse_label"]
Rows = Sequence[Mapping[str, Any]]
FloatArray = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class PromotionRules:
    """Conditions under which a challenger becomes champion."""

    margin: float = 0.02  # largest loss of F1 that is allowed for a label
    min_support: int = 20  # fewest test articles of a label that is judged
    n_bootstrap: int = 2000
    seed: int = 0
    strict: bool = False  # each label must be shown to lose less than the margin, else none to lose more


def compare(champion: Rows, challenger: Rows, rules: PromotionRules) -> dict[str, Any]:
    """Compare two models by their predictions for the same articles.

    Differences are challenger minus champion, with 95 % percentile intervals of a paired bootstrap over
    near-duplicate groups. A head is `better` if the interval of its macro F1 lies above zero, `worse` if it
    lies below, else a `tie`. A label with `min_support` is `worse` if its interval lies below zero and its F1
    lost more than the margin, `non_inferior` if its interval lies above minus the margin, else `unclear`.

    Parameters
    ----------
    champion, challenger : sequence of mapping
        Rows of the same `newsdesk.evaluation.test_set.select_test_set`, in its order.
    rules : PromotionRules

    Returns
    -------
    dict
        JSON types: `verdict`, `blocking` (heads and labels that prevent a promotion), `rules`, `n_articles`,
        and `heads` with their `labels`. The verdict is `worse` if a head is worse; else `worse_label` if a
        label is worse or, with `strict` and another head better, a head or label is not shown to be
        non-inferior; else `better` if a head is better; else `tie`.

    Examples
    --------
    >>> row = {"group_id": "g", "region_true": None, "topic_true": ["sport"], "topic_predicted": ["sport"]}
    >>> compare([row] * 30, [row] * 30, PromotionRules())["verdict"]
    'tie'
    """
    tasks = [task for task in TASKS if any(row[f"{task}_true"] is not None for row in champion)]
    heads = {task: _compare_head(champion, challenger, task, rules) for task in tasks}
    worse_heads = [task for task, head in heads.items() if head["outcome"] == "worse"]
    any_better = any(head["outcome"] == "better" for head in heads.values())
    strict = rules.strict and any_better
    blocking = worse_heads + [
        f"{task} {name}"
        for task, head in heads.items()
        for name, label in head["labels"].items()
        if label["outcome"] == "worse" or (strict and label["outcome"] == "unclear")
    ]
    if strict:
        blocking += [
            task
            for task, head in heads.items()
            if head["outcome"] == "tie" and head["difference_low"] <= -rules.margin
        ]
    verdict: Verdict = (
        "worse" if worse_heads else "worse_label" if blocking else "better" if any_better else "tie"
    )
    return {
        "verdict": verdict,
        "blocking": blocking,
        "rules": asdict(rules),
        "n_articles": len(champion),
        "heads": heads,
    }


def smallest_visible(standard_error: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest true difference that a two-sided test detects with the given power."""
    # H. S. Bloom, "Minimum detectable effects", Evaluation Review 19(5), 1995
    return float((norm.ppf(1 - alpha / 2) + norm.ppf(power)) * standard_error)


def _compare_head(champion: Rows, challenger: Rows, task: str, rules: PromotionRules) -> dict[str, Any]:
    known = [i for i, row in enumerate(champion) if row[f"{task}_true"] is not None]
    truth = [champion[i][f"{task}_true"] for i in known]
    predicted = [[rows[i][f"{task}_predicted"] for i in known] for rows in (champion, challenger)]
    groups = [champion[i]["group_id"] for i in known]
    labels = sorted({label for rows in (truth, *predicted) for row in rows for label in row})
    y_true = indicator(truth, labels)
    y_old, y_new = (indicator(rows, labels) for rows in predicted)

    def difference(columns: slice, average: int) -> dict[str, Any]:
        old, new = (
            draw_f1(
                y_true[:, columns], y_pred[:, columns],
                groups=groups, n_bootstrap=rules.n_bootstrap, seed=rules.seed,
            )[:, average]
            for y_pred in (y_old, y_new)
        )  # fmt: skip
        return _summarize_difference(old, new)

    head = difference(slice(None), 0)  # macro F1
    outcome = "better" if head["difference_low"] > 0 else "worse" if head["difference_high"] < 0 else "tie"
    by_label: dict[str, dict[str, Any]] = {}
    for j, label in enumerate(labels):
        support = int(y_true[:, j].sum())
        measured = difference(slice(j, j + 1), 1)  # micro F1 of one label is its F1
        by_label[label] = {"support": support, **measured, "outcome": judge_label(measured, support, rules)}
    return {"n_articles": len(known), **head, "outcome": outcome, "labels": by_label}


def _summarize_difference(old: FloatArray, new: FloatArray) -> dict[str, Any]:
    """Return both values, their difference with its interval, and the smallest visible difference."""
    change = new - old
    standard_error = float(np.std(change[1:], ddof=1))
    return {
        "champion": round(float(old[0]), 6),
        "challenger": round(float(new[0]), 6),
        **summarize_draws(change[:, None], ("difference",)),
        "standard_error": round(standard_error, 6),
        "smallest_visible": round(smallest_visible(standard_error), 6),
    }


def judge_label(measured: Mapping[str, Any], support: int, rules: PromotionRules) -> str:
    """Return `worse`, `non_inferior`, `unclear`, or `too_few` below the required support."""
    if support < rules.min_support:
        return "too_few"
    if measured["difference_high"] < 0 and measured["difference"] < -rules.margin:
        return "worse"
    return "non_inferior" if measured["difference_low"] > -rules.margin else "unclear"
