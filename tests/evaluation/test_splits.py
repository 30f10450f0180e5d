"""Splits: articles left out do not train, nor do their near-duplicates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.splits import (
    WITHIN_OUTLET_SPLITS,
    SplitColumns,
    leave_outlet_out,
    split_within_outlets,
)

OUTLETS = ["a"] * 10 + ["b"] * 10 + ["starter"] * 5 + ["aawsat"] * 5


def made() -> SplitColumns:
    """Near-duplicates: 10 (b) of 0 (a), 11 (b) of the unlabelled 9 (a), 12 (b) of 25 (aawsat), 3 of 2."""
    groups = [f"g{i}" for i in range(30)]
    groups[10], groups[11], groups[12], groups[3] = "g0", "g9", "g25", "g2"
    labelled = np.ones(30, dtype=bool)
    labelled[9] = False
    return SplitColumns(
        article_ids=np.array([f"id{i}" for i in range(30)], dtype=object),
        outlets=np.array(OUTLETS, dtype=object),
        groups=np.array(groups, dtype=object),
        published=np.array([datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(30)]),
        may_train=labelled,
        may_test=labelled & (np.array(OUTLETS) != "aawsat"),
        excluded=np.array(OUTLETS) == "aawsat",
    )


def test_an_outlet_left_out_and_its_near_duplicates_do_not_train() -> None:
    columns = made()
    split = leave_outlet_out(columns, "a")
    assert np.flatnonzero(split.test).tolist() == list(range(9))
    assert np.flatnonzero(split.train).tolist() == [*range(13, 20), *range(20, 25)]
    assert not {*columns.groups[split.train]} & {*columns.groups[np.isin(columns.outlets, ["a", "aawsat"])]}


def test_excluded_articles_do_not_train() -> None:
    columns = made()
    excluded = columns.excluded | (columns.outlets == "b")
    split = leave_outlet_out(replace(columns, excluded=excluded), "a")
    assert {*columns.outlets[split.train]} == {"starter"}
    assert leave_outlet_out(replace(columns, excluded=excluded), "b").test.sum() == 10


@pytest.mark.parametrize("kind", WITHIN_OUTLET_SPLITS)
def test_splits_within_outlets(kind: str) -> None:
    columns = made()
    split = split_within_outlets(columns, kind, outlets=["a", "b"], seed=0)
    assert not (split.train & split.test).any()
    assert not split.train[columns.excluded].any()
    assert {*columns.outlets[split.test]} == {"a", "b"}
    assert split.test.sum() == 4 or kind == "group"
    if kind != "random":
        assert not {*columns.groups[split.train]} & {*columns.groups[split.test]}
    if kind == "time":
        assert np.flatnonzero(split.test).tolist() == [7, 8, 18, 19]


def test_time_trains_on_nothing_as_late() -> None:
    """A labelled article that is no test, but as late as one."""
    columns = made()
    gold = columns.may_test.copy()
    gold[8] = False
    split = split_within_outlets(replace(columns, may_test=gold), "time", outlets=["a", "b"], seed=0)
    assert np.flatnonzero(split.test).tolist() == [6, 7, 18, 19]
    assert not split.train[8]


def test_group_draws_whole_groups() -> None:
    for seed in range(20):
        split = split_within_outlets(made(), "group", outlets=["a"], seed=seed)
        assert split.test[2] == split.test[3]


@pytest.mark.parametrize(
    ("outlet", "changed", "message"),
    [
        ("mars", {}, "outlet 'mars' has no article; outlets with articles: a, aawsat, b, starter"),
        ("a", {"may_test": np.zeros(30, bool)}, "outlet 'a' has no gold label to test on"),
        ("a", {"may_train": np.array(OUTLETS) == "a"}, "split a: no labelled article is left to train on"),
    ],
)
def test_errors_name_what_is_missing(outlet: str, changed: dict, message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        leave_outlet_out(replace(made(), **changed), outlet)
