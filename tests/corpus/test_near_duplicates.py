"""Near-duplicate groups and splits."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.normalization import normalize
from newsdesk.corpus import near_duplicates
from newsdesk.corpus.near_duplicates import N_PERMUTATIONS, assign_splits, group_articles
from newsdesk.corpus.shingles import Shingler, jaccard, shingle, sketch_sets
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.text import tokenize

STARTER = Path(__file__).parents[2] / "data/starter/st1.jsonl"
TEXTS = [json.loads(line)["text"] for line in STARTER.open(encoding="utf-8")][:40]
START = datetime(2024, 1, 1, tzinfo=UTC)


def group(texts: list[str], ids: list[str] | None = None, days: list[int] | None = None) -> list[str]:
    ids = ids or [str(i) for i in range(len(texts))]
    published = [START + timedelta(days=d) for d in (days or range(len(texts)))]
    return group_articles(ids, texts, published, min_jaccard=0.5, seed=0)


def wire_copy(text: str) -> str:
    """The same story as another outlet prints it, with another opening and a shorter end."""
    words = text.split()
    return " ".join(["وكالات -", *words[: int(len(words) * 0.9)]])


def test_jaccard_by_hand() -> None:
    a, b = shingle(list("ابجده")), shingle(list("بجدهو"))
    assert jaccard(a, b) == pytest.approx(2 / 4)  # {ابج بجد جده} and {بجد جده دهو}
    assert jaccard(a, a) == 1
    assert jaccard(a, shingle(["ز"])) == 0


words = st.one_of(
    st.sampled_from(["قمة", "برلين", "a", "ab", "الانتخابات", "لا\u0653", "كلمة_أخرى"]), st.text(max_size=9),
    st.integers(1, 90).map(lambda n: "ط" * n),
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(st.lists(words, max_size=12).map(" ".join), min_size=1, max_size=6))
def test_many_texts_are_hashed_as_one_is(texts: list[str]) -> None:
    """Also texts of few words or long ones, and those that the kernel leaves to the reference."""
    engine = Engine(normalize=normalize, maps=build_maps(normalize))
    shingler = Shingler(engine, normalize)
    tokens = [tokenize(normalize(text)) for text in texts]
    for _ in range(2):  # new tokens, then known ones
        digests, found = shingler.shingle(texts, engine.scan([""] * len(texts), texts).articles.texts)
        assert [each.tolist() for each in found] == [shingle(each).tolist() for each in tokens]
        assert [[a == b for b in digests] for a in digests] == [[a == b for b in tokens] for a in tokens]


def test_sketches_are_those_of_datasketch() -> None:
    sets = [shingle(tokenize(text)) for text in TEXTS]
    expected = [MinHash(num_perm=N_PERMUTATIONS, seed=7, hashfunc=int) for _ in sets]
    for each, shingles in zip(expected, sets, strict=True):
        each.update_batch(shingles.tolist())
    bounds = np.cumsum([0, *map(len, sets)])
    found = sketch_sets(np.concatenate(sets), bounds, *expected[0].permutations)
    assert np.array_equal(found, [each.hashvalues for each in expected])


def test_batches_change_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*TEXTS, *(wire_copy(text) for text in TEXTS), *TEXTS[:5], "", ""]
    expected = group(texts)
    monkeypatch.setattr(near_duplicates, "BATCH", 7)
    assert group(texts) == expected
    assert expected[-2:] == [str(len(texts) - 2)] * 2, "texts without a word are copies"
    assert group([]) == []


def test_near_duplicates_are_grouped_and_different_stories_are_not() -> None:
    texts = [*TEXTS, *(wire_copy(text) for text in TEXTS[:10])]
    groups = group(texts)
    assert groups[: len(TEXTS)] == [str(i) for i in range(len(TEXTS))], "different stories stand alone"
    assert groups[len(TEXTS) :] == [str(i) for i in range(10)], (
        "a copy joins its story, named after the earlier"
    )


def test_every_pair_above_the_threshold_is_found() -> None:
    """Against all pairs compared one by one."""
    texts = [*TEXTS, *(wire_copy(text) for text in TEXTS)]
    sets = [shingle(tokenize(text)) for text in texts]
    groups = group(texts)
    close = [(i, j) for i in range(len(texts)) for j in range(i) if jaccard(sets[i], sets[j]) >= 0.6]
    assert len(close) >= 35
    assert all(groups[i] == groups[j] for i, j in close)


def test_a_group_is_connected_by_a_chain_of_pairs() -> None:
    """Neighbours of the chain are near-duplicates, its ends are not; of two dates alike the id decides."""
    words = [f"w{i}" for i in range(60)]
    chain = [" ".join(words[start : start + 40]) for start in (0, 6, 12, 18)]
    other = "a story of its own that shares no words with them"
    ids = ["d", "c", "b", "a", "alone", "copy"]
    dates = [START + timedelta(days=2), START + timedelta(days=1), None, START, None, START]
    groups = group_articles(ids, [*chain, other, chain[0]], dates, min_jaccard=0.5, seed=0)
    assert groups == ["a", "a", "a", "a", "alone", "a"]


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 39), unique=True, min_size=1, max_size=20))
def test_order_and_additions_change_no_group_or_split(seed: int, first: list[int]) -> None:
    """Later articles, copies included, change neither the group nor the split of earlier ones."""
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
