"""Splits into training and test articles: one outlet left out, or a share of every outlet tested."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import numpy as np

from newsdesk.base.errors import NewsdeskError
from newsdesk.training.targets import BoolArray, StringArray, is_in

WithinOutletSplit = Literal["random", "group", "time"]

WITHIN_OUTLET_SPLITS: tuple[WithinOutletSplit, ...] = get_args(WithinOutletSplit)
TEST_SHARE = 0.2  # of each outlet's trusted articles
UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SplitColumns:
    """The columns of articles that a split depends on, each of shape (n_articles,)."""

    article_ids: StringArray
    outlets: StringArray
    groups: StringArray  # of near-duplicates
    published: np.ndarray[Any, np.dtype[np.object_]]  # datetime, or None, which is the earliest
    may_train: BoolArray  # a label has a weight
    may_test: BoolArray  # a label counts as the truth
    excluded: (
        BoolArray  # of an evaluation outlet or a test-only corpus: its near-duplicates don't train either
    )

    def filter(self, kept: BoolArray) -> SplitColumns:
        """Keep the articles of a mask."""
        return SplitColumns(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class TrainTestSplit:
    """Articles that train and articles that test, bool ndarrays of shape (n_articles,)."""

    name: str
    train: BoolArray
    test: BoolArray

    def filter(self, kept: BoolArray) -> TrainTestSplit:
        """Keep the articles of a mask."""
        return TrainTestSplit(self.name, self.train[kept], self.test[kept])


def leave_outlet_out(columns: SplitColumns, outlet: str) -> TrainTestSplit:
    """Test on the trusted articles of an outlet, and train on the other outlets.

    Near-duplicates of the outlet's articles do not train.

    Parameters
    ----------
    columns : SplitColumns
    outlet : str

    Returns
    -------
    TrainTestSplit
        Named after the outlet.

    Raises
    ------
    NewsdeskError
        If there is no such outlet, it has no trusted article, or no article is left to train on.

    Examples
    --------
    >>> names = np.array(["a1", "a2", "b1", "c1"], dtype=object)
    >>> outlets = np.array(["a", "a", "b", "c"], dtype=object)
    >>> groups = np.array(["a1", "a2", "a2", "c1"], dtype=object)  # b1 is a copy of a2
    >>> every = np.ones(4, dtype=bool)
    >>> columns = SplitColumns(names, outlets, groups, np.full(4, None), every, every, ~every)
    >>> split = leave_outlet_out(columns, "a")
    >>> names[split.test].tolist(), names[split.train].tolist()
    (['a1', 'a2'], ['c1'])
    """
    own = columns.outlets == outlet
    if not own.any():
        found = ", ".join(sorted({*columns.outlets.tolist()}))
        raise NewsdeskError(f"outlet {outlet!r} has no article; outlets with articles: {found}")
    test = own & columns.may_test
    if not test.any():
        raise NewsdeskError(f"outlet {outlet!r} has no gold label to test on; remove it from `outlets`")
    return _build_split(outlet, columns, test, without=columns.excluded | own)


def split_within_outlets(
    columns: SplitColumns, kind: WithinOutletSplit, *, outlets: Sequence[str], seed: int
) -> TrainTestSplit:
    """Test on a share `TEST_SHARE` of the trusted articles of each outlet, and train on the rest.

    Such a split is easier than `leave_outlet_out`, because every system has read the outlets that it is
    tested on.

    Parameters
    ----------
    columns : SplitColumns
    kind : {"random", "group", "time"}
        `random` draws articles, `group` draws whole near-duplicate groups, and `time` takes the latest
        articles and trains on no article of the outlet that is as late. With `group` and `time`,
        near-duplicates of test articles do not train.
    outlets : sequence of str
    seed : int

    Returns
    -------
    TrainTestSplit
        Named after the kind.

    Raises
    ------
    NewsdeskError
        If no article is left to train on.

    Examples
    --------
    >>> names, every = np.array(["a1", "a2", "a3", "a4", "a5"], dtype=object), np.ones(5, dtype=bool)
    >>> days = np.array([datetime(2024, 1, day, tzinfo=UTC) for day in (4, 1, 5, 2, 3)])
    >>> columns = SplitColumns(names, np.full(5, "a"), names, days, every, every, ~every)
    >>> names[split_within_outlets(columns, "time", outlets=["a"], seed=0).test].tolist()
    ['a3']
    """
    test, late = np.zeros((2, len(columns.may_test)), dtype=bool)
    published = np.array([moment or UNDATED for moment in columns.published], dtype=object)
    drawn = columns.groups if kind == "group" else columns.article_ids

    def position(i: int) -> tuple[Any, str]:
        hashed = hashlib.sha256(f"{seed}:{drawn[i]}".encode("utf-8", "replace")).hexdigest()
        first = -(published[i] - UNDATED).total_seconds() if kind == "time" else hashed
        return first, columns.article_ids[i]

    for outlet in outlets:
        own = columns.outlets == outlet
        candidates = np.flatnonzero(own & columns.may_test & ~columns.excluded)
        order = sorted(candidates.tolist(), key=position)
        chosen = np.array(order[: round(TEST_SHARE * len(order))], dtype=int)
        if kind == "group":  # the last group drawn is taken whole
            chosen = candidates[is_in(columns.groups[candidates], columns.groups[chosen])]
        test[chosen] = True
        if kind == "time" and len(chosen):
            late |= own & (published >= published[chosen].min())
    without = columns.excluded | (test if kind != "random" else False)
    return _build_split(kind, columns, test, without=without, late=late)


def _build_split(
    name: str, columns: SplitColumns, test: BoolArray, *, without: BoolArray, late: BoolArray | bool = False
) -> TrainTestSplit:
    """Train on all but tested and `late` articles, and those `without` and their near-duplicates."""
    train = columns.may_train & ~is_in(columns.groups, columns.groups[without]) & ~(without | test | late)
    if not train.any():
        raise NewsdeskError(f"split {name}: no labelled article is left to train on; add outlets")
    return TrainTestSplit(name, train, test)
