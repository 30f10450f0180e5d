"""Groups and splits: what a copy is, and that adding articles moves none."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.corpus.near_duplicates import assign_splits, group_articles, jaccard, shingle
from newsdesk.inference.text import tokenize

STARTER = Path(__file__).parents[2] / "data/starter/st1.jsonl"
TEXTS = [json.loads(line)["text"] for line in STARTER.open(encoding="utf-8")][:40]
START = datetime(2024, 1, 1, tzinfo=UTC)


def group(texts: list[str], ids: list[str] | None = None, days: list[int] | None = None) -> list[str]:
    ids = ids or [str(i) for i in range(len(texts))]
    published = [START + timedelta(days=d) for d in (days or range(len(texts)))]
    return group_articles(ids, texts, published, min_jaccard=0.5, seed=0)


def wire_copy(text: str) -> str:
    """The same story as another outlet prints it: another opening, marks dropped, the end cut."""
    words = text.split()
    return " ".join(["وكالات -", *words[: int(len(words) * 0.9)]])


def test_jaccard_by_hand() -> None:
    a, b = shingle(list("ابجده")), shingle(list("بجدهو"))
    assert jaccard(a, b) == pytest.approx(2 / 4)  # {ابج بجد جده} and {بجد جده دهو}
    assert jaccard(a, a) == 1
    assert jaccard(a, shingle(["ز"])) == 0


def test_copies_are_found_and_others_are_not() -> None:
    texts = [*TEXTS, *(wire_copy(text) for text in TEXTS[:10])]
    groups = group(texts)
    assert groups[: len(TEXTS)] == [str(i) for i in range(len(TEXTS))], "different stories stand alone"
    assert groups[len(TEXTS) :] == [str(i) for i in range(10)], (
        "a copy joins its story, named after the earlier"
    )


def test_every_pair_above_the_threshold_is_found() -> None:
    """MinHash proposes, exact sets decide: against all pairs compared one by one."""
    texts = [*TEXTS, *(wire_copy(text) for text in TEXTS)]
    sets = [shingle(tokenize(text)) for text in texts]
    groups = group(texts)
    close = [(i, j) for i in range(len(texts)) for j in range(i) if jaccard(sets[i], sets[j]) >= 0.6]
    assert len(close) >= 35
    assert all(groups[i] == groups[j] for i, j in close)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 39), unique=True, min_size=1, max_size=20))
def test_order_and_additions_move_nothing(seed: int, first: list[int]) -> None:
    """Articles that come later, copies included, change neither group nor split of those already there."""
    ids = [f"id-{i}" for i in first]
    before = dict(zip(ids, group([TEXTS[i] for i in first], ids, first), strict=True))
    more = [i for i in range(40) if i not in first]
    rows = [(f"id-{i}", TEXTS[i], i) for i in (*first, *more)]
    rows += [(f"copy-{i}", wire_copy(TEXTS[i]), 100 + i) for i in first]
    random.Random(seed).shuffle(rows)
    after = dict(
        zip(
            [r[0] for r in rows],
            group([r[1] for r in rows], [r[0] for r in rows], [r[2] for r in rows]),
            strict=True,
        )
    )
    assert {i: after[i] for i in ids} == before
    shares = {"valid_share": 0.15, "test_share": 0.2, "seed": 0}
    split = dict(zip(after, assign_splits(list(after.values()), **shares), strict=True))
    assert {i: split[i] for i in ids} == dict(
        zip(ids, assign_splits(list(before.values()), **shares), strict=True)
    )
    assert all(split[f"copy-{i}"] == split[f"id-{i}"] for i in first), "a copy never crosses a split"


def test_shares_are_kept() -> None:
    splits = list(assign_splits([str(i) for i in range(20_000)], valid_share=0.15, test_share=0.2, seed=0))
    assert splits.count("test") / 20_000 == pytest.approx(0.2, abs=0.01)
    assert splits.count("valid") / 20_000 == pytest.approx(0.15, abs=0.01)
    other = list(assign_splits([str(i) for i in range(20_000)], valid_share=0.15, test_share=0.2, seed=1))
    assert splits != other
