"""Paired differences, the verdict on them, and the hash of the frozen test."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.evaluation.test_set import hash_test_set, select_test_set, source_spans
from newsdesk.registry.paired_test import Rules, compare, judge_label, smallest_visible
from tests.stores import make_predictions

RULES = Rules(n_bootstrap=500)


def rows(**options: float) -> list[dict]:
    return select_test_set(make_predictions(**options), origins=["gold"])


def test_the_smallest_visible_difference_is_bloom_s() -> None:
    """Bloom 1995: 2.80 standard errors for a power of 80 % at 5 %, two-sided; 2.49 one-sided."""
    assert smallest_visible(1.0) == pytest.approx(2.80, abs=0.005)
    assert smallest_visible(0.01, alpha=0.1) == pytest.approx(0.0249, abs=0.0001)


def test_the_difference_is_paired() -> None:
    """Of two models that err alike nothing is doubtful, however few the articles."""
    same = rows(errors=0.3, seed=1, n=40)
    head = compare(same, same, RULES)["heads"]["topic"]
    assert (head["difference"], head["difference_low"], head["difference_high"]) == (0, 0, 0)
    other = compare(same, rows(errors=0.3, seed=2, n=40), RULES)["heads"]["topic"]
    assert other["standard_error"] > 0.02
    assert other["smallest_visible"] == pytest.approx(2.8 * other["standard_error"], abs=0.001)


def test_swapping_the_models_turns_the_sign() -> None:
    old, new = rows(errors=0.2, seed=1), rows(errors=0.05, seed=2)
    there, back = compare(old, new, RULES), compare(new, old, RULES)
    assert (there["verdict"], back["verdict"]) == ("better", "worse")
    for task in ("region", "topic"):
        a, b = there["heads"][task], back["heads"][task]
        assert a["difference"] == -b["difference"]
        assert a["difference_low"] == pytest.approx(-b["difference_high"], abs=1e-6)


def test_few_articles_of_a_label_judge_nothing() -> None:
    lost = {"difference": -0.2, "difference_low": -0.3, "difference_high": -0.1}
    assert judge_label(lost, 19, RULES) == "too_few"
    assert judge_label(lost, 20, RULES) == "worse"
    assert judge_label({**lost, "difference_high": 0.01}, 20, RULES) == "unclear"
    assert judge_label({**lost, "difference": -0.01}, 20, RULES) == "unclear"
    assert judge_label({**lost, "difference_low": -0.019, "difference": -0.01}, 20, RULES) == "non_inferior"


def test_a_head_without_truth_is_not_compared() -> None:
    told = rows(errors=0.2, seed=1)
    for row in told:
        row["region_true"] = None
    assert list(compare(told, told, RULES)["heads"]) == ["topic"]


def test_the_hash_is_of_ids_groups_and_trusted_truths() -> None:
    made = make_predictions(errors=0.1, seed=1)

    def sha256(table: pa.Table, *origins: str) -> str:
        return hash_test_set(select_test_set(table, origins=origins))

    first = sha256(made, "gold")
    shuffled = made.take(np.random.default_rng(0).permutation(len(made)))
    assert first == sha256(shuffled, "gold") == sha256(make_predictions(errors=0.3, seed=2), "gold")
    assert first != sha256(made.slice(1), "gold")
    assert first != sha256(make_predictions(errors=0.1, seed=1, test_seed=1), "gold")
    for column, value in (("group_id", "g"), ("topic_true", ["sport"])):
        at = made.schema.get_field_index(column)
        changed = [value, *made[column].to_pylist()[1:]]
        assert first != sha256(made.set_column(at, made.schema.field(at), [changed]), "gold")
    untrusted = made.set_column(
        made.schema.get_field_index("topic_origin"), "topic_origin", pa.array(["silver"] * len(made))
    )
    assert select_test_set(untrusted, origins=["gold"])[0]["topic_true"] is None
    assert sha256(untrusted, "gold") != sha256(untrusted, "gold", "silver") == first


def test_sources_have_their_days() -> None:
    day = pa.array([None, 86_400_000_000, 0], pa.timestamp("us", tz="UTC"))
    spans = source_spans(pa.table({"source": ["b", "a", "a"], "published": day}))
    assert spans == {
        "a": {"n": 2, "first": "1970-01-01", "last": "1970-01-02"},
        "b": {"n": 1, "first": None, "last": None},
    }
