"""The splits: what is left out reaches no training, nor does what is like it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.splits import CONTRASTS, Rows, contrast, leave_out, outlet_by_source, weigh

OUTLETS = ["a"] * 10 + ["b"] * 10 + ["starter"] * 5 + ["aawsat"] * 5


def made() -> Rows:
    """Article 10 (b) is like 0 (a), 11 (b) like the unlabelled 9 (a), 12 (b) like 25 (aawsat), 2 like 3."""
    groups = [f"g{i}" for i in range(30)]
    groups[10], groups[11], groups[12], groups[3] = "g0", "g9", "g25", "g2"
    labelled = np.ones(30, dtype=bool)
    labelled[9] = False
    return Rows(
        article_ids=np.array([f"id{i}" for i in range(30)], dtype=object),
        outlets=np.array(OUTLETS, dtype=object),
        groups=np.array(groups, dtype=object),
        published=[datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(30)],
        labelled=labelled,
        gold=labelled & (np.array(OUTLETS) != "aawsat"),
        barred=np.array(OUTLETS) == "aawsat",
    )


def test_what_is_left_out_trains_nothing_nor_what_is_like_it() -> None:
    rows = made()
    split = leave_out(rows, "a")
    assert np.flatnonzero(split.test).tolist() == list(range(9))
    assert np.flatnonzero(split.train).tolist() == [*range(13, 20), *range(20, 25)]
    assert not {*rows.groups[split.train]} & {*rows.groups[np.isin(rows.outlets, ["a", "aawsat"])]}


def test_what_is_only_tested_on_trains_nothing() -> None:
    rows = made()
    barred = rows.barred | (rows.outlets == "b")
    split = leave_out(replace(rows, barred=barred), "a")
    assert {*rows.outlets[split.train]} == {"starter"}
    assert leave_out(replace(rows, barred=barred), "b").test.sum() == 10


@pytest.mark.parametrize("kind", CONTRASTS)
def test_contrasts_test_as_many_and_keep_their_promise(kind: str) -> None:
    rows = made()
    split = contrast(rows, kind, outlets=["a", "b"], seed=0)
    assert not (split.train & split.test).any()
    assert not split.train[rows.barred].any()
    assert {*rows.outlets[split.test]} == {"a", "b"}
    assert split.test.sum() == 4 or kind == "group"
    if kind != "random":
        assert not {*rows.groups[split.train]} & {*rows.groups[split.test]}
    if kind == "time":
        assert np.flatnonzero(split.test).tolist() == [7, 8, 18, 19]


def test_time_lets_nothing_as_late_train() -> None:
    """A labelled article that is no test, but as late as one."""
    rows = made()
    gold = rows.gold.copy()
    gold[8] = False
    split = contrast(replace(rows, gold=gold), "time", outlets=["a", "b"], seed=0)
    assert np.flatnonzero(split.test).tolist() == [6, 7, 18, 19]
    assert not split.train[8]


def test_group_contrast_draws_whole_groups() -> None:
    for seed in range(20):
        split = contrast(made(), "group", outlets=["a"], seed=seed)
        assert split.test[2] == split.test[3]


@pytest.mark.parametrize(
    ("outlet", "changed", "message"),
    [
        ("mars", {}, r"no article of outlet 'mars'; found a, aawsat, b, starter"),
        ("a", {"gold": np.zeros(30, bool)}, "outlet 'a' has no gold label to test on"),
        ("a", {"labelled": np.array(OUTLETS) == "a"}, "a: no labelled article is left to train on"),
    ],
)
def test_errors_tell_what_is_missing(outlet: str, changed: dict, message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        leave_out(replace(made(), **changed), outlet)


def test_weights_and_trust_by_origin() -> None:
    origins = ["gold", "editor", None, "weak"]
    settings = {"origin_weights": {"gold": 1.0, "editor": 0.5, "weak": 0.0}}
    weights, trusted = weigh(origins, trusted=["gold"], **settings)
    assert weights.tolist() == [1, 0.5, 0, 0]
    assert trusted.tolist() == [True, False, False, False]
    assert weigh(origins[1:], trusted=["gold"], **settings)[1].tolist() == [True, False, False]


def test_sources_to_outlets() -> None:
    assert outlet_by_source({"saudi": ["okaz", "sabq"]}) == {"okaz": "saudi", "sabq": "saudi"}
