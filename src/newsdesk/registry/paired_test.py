"""Is the challenger better than the champion: paired differences on one frozen test, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy.stats import norm

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import draw_f1, summarize_draws
from newsdesk.training.targets import indicator

Verdict = Literal["first", "better", "tie", "worse", "worse_label"]
VERDICTS = get_args(Verdict)
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When a challenger takes over.

    Attributes
    ----------
    margin : float
        How much of its F1 a label may lose.
    min_support : int
        Fewest test articles of a label for it to be judged by itself.
    strict : bool
        Whether a label must be shown to lose less than the margin, rather than not be shown to lose more.
    """

    margin: float = 0.02
    min_support: int = 20
    n_bootstrap: int = 2000
    seed: int = 0
    strict: bool = False


def compare(champion: Rows, challenger: Rows, rules: Rules) -> dict[str, Any]:
    """Compare two models by their predictions of the same articles.

    Differences are challenger minus champion with 95 % percentile intervals of a paired bootstrap over
    near-duplicate groups. A head is better if its macro-F1's interval lies above zero, worse if below, else
    a tie. A label with the support is worse if its interval lies below zero and its F1 lost more than the
    margin, non-inferior if its interval lies above minus the margin, else unclear.

    Parameters
    ----------
    champion, challenger : sequence of mapping
        Rows of the same `select_test_set`, in its order.

    Returns
    -------
    dict
        JSON: `verdict`, `blocking` (what stands against a promotion), `rules`, `n_articles`, and `heads` with
        their `labels`. The verdict is `worse` if a head is, else `worse_label` if a label is (with
        `strict`, also if a head or label is not shown to be non-inferior while another head is better),
        else `tie` unless a head is better.
    """
    tasks = [task for task in TASKS if any(row[f"{task}_true"] is not None for row in champion)]
    heads = {task: _compare_head(champion, challenger, task, rules) for task in tasks}
    outcomes = {task: head["outcome"] for task, head in heads.items()}
    better = "better" in outcomes.values()
    worse = [task for task, outcome in outcomes.items() if outcome == "worse"]
    labels = [
        f"{task} {label}"
        for task, head in heads.items()
        for label, told in head["labels"].items()
        if told["outcome"] == "worse" or (rules.strict and better and told["outcome"] == "unclear")
    ]
    if rules.strict and better:
        labels += [
            task
            for task, head in heads.items()
            if head["outcome"] == "tie" and head["difference_low"] <= -rules.margin
        ]
    verdict: Verdict = "worse" if worse else "worse_label" if labels else "better" if better else "tie"
    return {
        "verdict": verdict,
        "blocking": worse + labels,
        "rules": asdict(rules),
        "n_articles": len(champion),
        "heads": heads,
    }


def smallest_visible(standard_error: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that a two-sided test would find with the power.

    (z(1 - alpha / 2) + z(power)) times the standard error of the difference, 2.80 times by default. It tells
    what the test set can see, not what was seen.

    Source: H. S. Bloom, "Minimum detectable effects: a simple way to report the statistical power of
    experimental designs", Evaluation Review 19(5), 1995.
    """
    return float((norm.ppf(1 - alpha / 2) + norm.ppf(power)) * standard_error)


def _compare_head(champion: Rows, challenger: Rows, task: str, rules: Rules) -> dict[str, Any]:
    known = [i for i, row in enumerate(champion) if row[f"{task}_true"] is not None]
    truth = [champion[i][f"{task}_true"] for i in known]
    said = [[rows[i][f"{task}_predicted"] for i in known] for rows in (champion, challenger)]
    groups = [champion[i]["group_id"] for i in known]
    labels = sorted({label for rows in (truth, *said) for row in rows for label in row})
    y_true = indicator(truth, labels)
    y_old, y_new = (indicator(rows, labels) for rows in said)

    def draws(y_pred: np.ndarray[Any, Any], columns: slice, of: int) -> np.ndarray[Any, Any]:
        drawn = draw_f1(
            y_true[:, columns],
            y_pred[:, columns],
            groups=groups,
            n_bootstrap=rules.n_bootstrap,
            seed=rules.seed,
        )
        return drawn[:, of]

    head = _difference(draws(y_old, slice(None), 0), draws(y_new, slice(None), 0))
    low, high = head["difference_low"], head["difference_high"]
    outcome = "better" if low > 0 else "worse" if high < 0 else "tie"
    by_label: dict[str, dict[str, Any]] = {}
    for j, label in enumerate(labels):
        support = int(y_true[:, j].sum())
        # the micro average of one label is its F1
        told = _difference(draws(y_old, slice(j, j + 1), 1), draws(y_new, slice(j, j + 1), 1))
        by_label[label] = {"support": support, **told, "outcome": judge_label(told, support, rules)}
    return {"n_articles": len(known), **head, "outcome": outcome, "labels": by_label}


def _difference(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The values of both, the paired difference with its interval, and what could have been seen."""
    change = new - old
    error = float(np.std(change[1:], ddof=1))
    return {
        "champion": round(float(old[0]), 6),
        "challenger": round(float(new[0]), 6),
        **summarize_draws(change[:, None], ("difference",)),
        "standard_error": round(error, 6),
        "smallest_visible": round(smallest_visible(error), 6),
    }


def judge_label(told: Mapping[str, Any], support: int, rules: Rules) -> str:
    """`worse`, `non_inferior` or `unclear` by the interval, `too_few` below the support."""
    if support < rules.min_support:
        return "too_few"
    if told["difference_high"] < 0 and told["difference"] < -rules.margin:
        return "worse"
    return "non_inferior" if told["difference_low"] > -rules.margin else "unclear"
