"""Who trains and who tests: one outlet left out, and the kinder splits that it is held against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import numpy as np

from newsdesk.base.errors import NewsdeskError

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Names = np.ndarray[Any, np.dtype[np.object_]]
Contrast = Literal["random", "group", "time"]

CONTRASTS: tuple[Contrast, ...] = get_args(Contrast)
TEST_SHARE = 0.2  # of each outlet's gold articles in a contrast: as many in all as one outlet of five has
UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the splits are made of, each of shape (n_articles,).

    Attributes
    ----------
    article_ids, outlets, groups : object ndarray of str
    published : sequence of datetime or None
        An undated article counts as earlier than any other.
    labelled : bool ndarray
        Articles with a label that may train.
    gold : bool ndarray
        Articles whose label is the truth, and so may test.
    barred : bool ndarray
        Articles that train nothing, nor do their near-duplicates: of evaluation outlets, and those that are
        only ever tested on.
    """

    article_ids: Names
    outlets: Names
    groups: Names
    published: Sequence[datetime | None]
    labelled: BoolArray
    gold: BoolArray
    barred: BoolArray


@dataclass(frozen=True, slots=True)
class Split:
    """Articles that train and articles that test, bool ndarrays of shape (n_articles,)."""

    name: str
    train: BoolArray
    test: BoolArray


def outlet_by_source(outlets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The outlet of each source; a source that is in none stands for itself."""
    return {source: outlet for outlet, sources in outlets.items() for source in sources}


def weigh(
    origins: Sequence[str | None], *, origin_weights: Mapping[Any, float], trusted: Sequence[str]
) -> tuple[FloatArray, BoolArray]:
    """Weight of each label by its origin, and whether it is taken as the truth; an unknown label has neither.

    Where no label with a weight is of a trusted origin, all that have one are taken.
    """
    weights = np.array([origin_weights.get(origin, 0.0) for origin in origins], dtype=np.float64)
    is_trusted = np.array([origin in trusted for origin in origins], dtype=bool) & (weights > 0)
    return weights, is_trusted if is_trusted.any() else weights > 0


def leave_out(rows: Rows, outlet: str) -> Split:
    """Test on the gold articles of an outlet, train on all that is neither of it nor like one of it.

    Raises
    ------
    NewsdeskError
        If there is no such outlet, it has no gold article, or nothing is left to train on.
    """
    own = rows.outlets == outlet
    if not own.any():
        found = ", ".join(sorted({*rows.outlets.tolist()}))
        raise NewsdeskError(f"no article of outlet {outlet!r}; found {found}")
    test = own & rows.gold
    if not test.any():
        raise NewsdeskError(f"outlet {outlet!r} has no gold label to test on; leave it out of `outlets`")
    return _checked(Split(outlet, _trainable(rows, rows.barred | own), test))


def contrast(rows: Rows, kind: Contrast, *, outlets: Sequence[str], seed: int) -> Split:
    """Test on a share `TEST_SHARE` of the gold articles of each outlet, train on its others too.

    `random` draws articles, `group` whole near-duplicate groups, `time` takes the latest and lets nothing of
    the outlet train that is as late. Only the last two keep near-duplicates of the tested from training.

    Raises
    ------
    NewsdeskError
        If nothing is left to train on.
    """
    test = np.zeros(len(rows.gold), dtype=bool)
    late = np.zeros(len(rows.gold), dtype=bool)
    published = np.array([moment or UNDATED for moment in rows.published], dtype=object)
    drawn = rows.groups if kind == "group" else rows.article_ids
    for outlet in outlets:
        candidates = np.flatnonzero((rows.outlets == outlet) & rows.gold & ~rows.barred)
        keys: list[str | float] = [
            _latest_first(published[i]) if kind == "time" else _hash(seed, drawn[i]) for i in candidates
        ]
        order = sorted(range(len(candidates)), key=lambda i: (keys[i], rows.article_ids[candidates[i]]))
        chosen = candidates[order[: round(TEST_SHARE * len(candidates))]]
        if kind == "group":  # the last one drawn comes whole
            chosen = candidates[np.isin(rows.groups[candidates], rows.groups[chosen])]
        test[chosen] = True
        if kind == "time" and len(chosen):
            late |= (rows.outlets == outlet) & (published >= published[chosen].min())
    like = rows.barred | (test if kind != "random" else False)
    return _checked(Split(kind, _trainable(rows, like) & ~test & ~late, test))


def _trainable(rows: Rows, without: BoolArray) -> BoolArray:
    """The labelled articles but those `without` and their near-duplicates."""
    return rows.labelled & ~np.isin(rows.groups, rows.groups[without]) & ~without


def _checked(split: Split) -> Split:
    if not split.train.any():
        raise NewsdeskError(f"{split.name}: no labelled article is left to train on; give more outlets")
    return split


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "replace")).hexdigest()


def _latest_first(moment: datetime) -> float:
    return -(moment - UNDATED).total_seconds()
