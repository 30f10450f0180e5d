"""Prediction counts: worked by hand, the same for any batches, stored as JSON; unknown words."""

import json

import numpy as np
import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import LENGTH_EDGES, UNKNOWN_EDGES, PredictionCounts, build_unknown_share
from tests.inference.articles import ARABIC
from tests.monitoring.predictions import HEADS, scored, unscored

ROWS = [
    scored(["us", "asia"], ["sport"], us=0.9),
    scored(["asia"], []),
    scored([], []),
    unscored("too_short"),
    unscored("not_arabic"),
    unscored("no_evidence"),
    unscored("stub"),
]
TITLES, TEXTS = ["ا" * 10] * 7, ["ب" * k for k in (5, 6, 90, 1, 7, 4000, 8)]


def test_counts_by_hand() -> None:
    counted = PredictionCounts(HEADS)
    counted.update(ROWS, titles=TITLES, texts=TEXTS)
    counts = counted.counts
    assert counted.n_rows == 7
    assert counts["language"].tolist() == [6, 1]
    assert counts["abstention"].tolist() == [2, 1, 1, 1, 1], "as in OUTCOMES"
    assert counts["region"].tolist() == [1, 1, 2], (
        "main us, main asia, none; none of the three that were not read"
    )
    assert counts["region_held"].tolist() == [1, 2]
    assert counts["topic"].tolist() == [1, 3]
    assert counts["region_scores"].sum(axis=1).tolist() == [3, 3], "three articles have scores"
    assert counts["topic_scores"][0].argmax() == 33, "a probability of 0.5 is in the middle bin"
    assert counts["length"].sum() == 6, "Arabic articles only"
    assert counts["length"][np.searchsorted(LENGTH_EDGES, 100, side="right")] == 1
    assert counts["unknown"].sum() == 0, "no function to look words up"


@pytest.mark.parametrize("size", [1, 2, 4])
def test_merged_parts_equal_the_whole(size: int) -> None:
    whole, parts = PredictionCounts(HEADS), PredictionCounts(HEADS)
    whole.update(ROWS, titles=TITLES, texts=TEXTS)
    for start in range(0, len(ROWS), size):
        part = PredictionCounts(HEADS)
        rows = slice(start, start + size)
        part.update(ROWS[rows], titles=TITLES[rows], texts=TEXTS[rows])
        parts.merge(PredictionCounts.from_dict(json.loads(json.dumps(part.as_dict()))))
    assert parts.as_dict() == whole.as_dict()


def test_counts_of_before_stubs_were_told_apart_are_read() -> None:
    stored = PredictionCounts(HEADS).as_dict()
    stored["counts"]["abstention"] = [5, 4, 3, 2]
    assert PredictionCounts.from_dict(stored).counts["abstention"].tolist() == [5, 4, 3, 2, 0]


def test_empty_batch_adds_nothing() -> None:
    counts = PredictionCounts(HEADS)
    counts.update([], titles=[], texts=[])
    assert counts.as_dict() == PredictionCounts(HEADS).as_dict()


def test_other_labels_and_damaged_counts_raise() -> None:
    counts = PredictionCounts(HEADS)
    with pytest.raises(ValueError, match=r"expected the labels .*us.*asia.*, found"):
        counts.merge(PredictionCounts({"region": ("us",), "topic": ("sport",)}))
    with pytest.raises(ValueError, match="expected an object with `heads` and `counts`"):
        PredictionCounts.from_dict({"heads": HEADS})
    content = counts.as_dict()
    content["counts"]["region"] = [1, 2]
    with pytest.raises(ValueError, match="region: expected 3 whole numbers"):
        PredictionCounts.from_dict(content)
    content["counts"]["region"] = [1, 2, -1]
    with pytest.raises(ValueError, match="region: expected 3 whole numbers"):
        PredictionCounts.from_dict(content)


def test_share_of_unknown_words() -> None:
    scorer = Scorer.load(SHIPPED)
    share = build_unknown_share(scorer)
    assert share is not None
    assert share("", ARABIC) == 3 / 15, "including two words that are above max_df"
    assert share("قزحطبلون", "الوزير الألماني") == pytest.approx(1 / 3)
    assert share("", "؟!") is None


def test_articles_are_sampled_by_content() -> None:
    scorer = Scorer.load(SHIPPED)
    texts = [f"{ARABIC} {k}" for k in range(200)]
    predictions = [unscored("no_evidence")] * len(texts)
    titles = [""] * len(texts)
    found = []
    for order in (range(200), reversed(range(200))):
        counts = PredictionCounts.for_model(scorer, lookup_every=10)
        rows = [texts[i] for i in order]
        counts.update(predictions, titles=titles, texts=rows)
        found.append(counts.counts["unknown"].tolist())
    assert found[0] == found[1]
    assert 5 <= sum(found[0]) <= 40
    assert len(found[0]) == len(UNKNOWN_EDGES) + 1
