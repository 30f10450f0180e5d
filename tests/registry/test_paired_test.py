"""Paired differences of two models, and the verdict."""

from __future__ import annotations

import pytest

from newsdesk.evaluation.test_set import select_test_set
from newsdesk.registry.paired_test import PromotionRules, compare, judge_label, smallest_visible
from tests.recorded_runs import make_predictions

RULES = PromotionRules(n_bootstrap=500)


def rows(**options: float) -> list[dict]:
    return select_test_set(make_predictions(**options), origins=["gold"])


def test_smallest_visible_difference_as_published() -> None:
    """Bloom 1995: 2.80 standard errors for a power of 80 % at 5 %, two-sided; 2.49 one-sided."""
    assert smallest_visible(1.0) == pytest.approx(2.80, abs=0.005)
    assert smallest_visible(0.01, alpha=0.1) == pytest.approx(0.0249, abs=0.0001)


def test_the_difference_is_paired() -> None:
    """Two models with the same errors have an interval of width 0, for any number of articles."""
    same = rows(errors=0.3, seed=1, n=40)
    head = compare(same, same, RULES)["heads"]["topic"]
    assert (head["difference"], head["difference_low"], head["difference_high"]) == (0, 0, 0)
    other = compare(same, rows(errors=0.3, seed=2, n=40), RULES)["heads"]["topic"]
    assert other["standard_error"] > 0.02
    assert other["smallest_visible"] == pytest.approx(2.8 * other["standard_error"], abs=0.001)


def test_swapped_models_change_the_sign() -> None:
    old, new = rows(errors=0.2, seed=1), rows(errors=0.05, seed=2)
    forward, backward = compare(old, new, RULES), compare(new, old, RULES)
    assert (forward["verdict"], backward["verdict"]) == ("better", "worse")
    for task in ("region", "topic"):
        a, b = forward["heads"][task], backward["heads"][task]
        assert a["difference"] == -b["difference"]
        assert a["difference_low"] == pytest.approx(-b["difference_high"], abs=1e-6)


def test_outcomes_of_a_label() -> None:
    lost = {"difference": -0.2, "difference_low": -0.3, "difference_high": -0.1}
    assert judge_label(lost, 19, RULES) == "too_few"
    assert judge_label(lost, 20, RULES) == "worse"
    assert judge_label({**lost, "difference_high": 0.01}, 20, RULES) == "unclear"
    assert judge_label({**lost, "difference": -0.01}, 20, RULES) == "unclear"
    assert judge_label({**lost, "difference_low": -0.019, "difference": -0.01}, 20, RULES) == "non_inferior"


def test_a_head_without_true_labels_is_not_compared() -> None:
    unlabelled = rows(errors=0.2, seed=1)
    for row in unlabelled:
        row["region_true"] = None
    assert list(compare(unlabelled, unlabelled, RULES)["heads"]) == ["topic"]
