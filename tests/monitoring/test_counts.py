"""Counting what a model said: the same in any cut, kept as JSON, and a word the model lacks is told."""

import json
from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.scorer import Prediction, Scorer
from newsdesk.monitoring.counts import LENGTH_EDGES, UNKNOWN_EDGES, Tally, build_unknown_share
from tests.inference.test_scorer import ARABIC

HEADS = {"region": ("us", "asia"), "topic": ("sport",)}


def said(
    regions: list[str], topics: list[str], *, us: float = 0.1, asia: float = 0.2, sport: float = 0.5
) -> Prediction:
    scores = {"region": {"us": us, "asia": asia}, "topic": {"sport": sport}}
    return Prediction(
        {"region": regions, "topic": topics}, scores, None if regions or topics else "ambiguous"
    )


def silent(reason: str) -> Prediction:
    return Prediction({"region": [], "topic": []}, {"region": {}, "topic": {}}, reason)


ROWS = [
    said(["us", "asia"], ["sport"], us=0.9),
    said(["asia"], []),
    said([], []),
    silent("too_short"),
    silent("not_arabic"),
    silent("no_evidence"),
]
TITLES, TEXTS = ["ا" * 10] * 6, ["ب" * k for k in (5, 6, 90, 1, 7, 4000)]


def test_counts_by_hand() -> None:
    tally = Tally(HEADS)
    tally.update(ROWS, titles=TITLES, texts=TEXTS)
    counts = tally.counts
    assert tally.n_rows == 6
    assert counts["language"].tolist() == [5, 1]
    assert counts["abstention"].tolist() == [2, 1, 1, 1], "labelled, ambiguous, no evidence, too short"
    assert counts["region"].tolist() == [1, 1, 2], "main us, main asia, none; the two unread ones are neither"
    assert counts["region_held"].tolist() == [1, 2]
    assert counts["topic"].tolist() == [1, 3]
    assert counts["region_scores"].sum(axis=1).tolist() == [3, 3], "three were scored"
    assert counts["topic_scores"][0].argmax() == 33, "odds of one open the cell in the middle"
    assert counts["length"].sum() == 5, "of what is Arabic"
    assert counts["length"][np.searchsorted(LENGTH_EDGES, 100, side="right")] == 1
    assert counts["unknown"].sum() == 0, "nobody told how to look words up"


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_any_cut_into_parts_counts_the_same(cut: int) -> None:
    whole, parts = Tally(HEADS), Tally(HEADS)
    whole.update(ROWS, titles=TITLES, texts=TEXTS)
    for start in range(0, len(ROWS), cut):
        part = Tally(HEADS)
        rows = slice(start, start + cut)
        part.update(ROWS[rows], titles=TITLES[rows], texts=TEXTS[rows])
        parts.merge(Tally.from_dict(json.loads(json.dumps(part.as_dict()))))
    assert parts.as_dict() == whole.as_dict()


def test_an_empty_batch_adds_nothing() -> None:
    tally = Tally(HEADS)
    tally.update([], titles=[], texts=[])
    assert tally.as_dict() == Tally(HEADS).as_dict()


def test_other_labels_and_damage_are_refused() -> None:
    tally = Tally(HEADS)
    with pytest.raises(ValueError, match="tallies of models with other labels can't be merged"):
        tally.merge(Tally({"region": ("us",), "topic": ("sport",)}))
    with pytest.raises(ValueError, match="not the counts of a tally"):
        Tally.from_dict({"heads": HEADS})
    content = tally.as_dict()
    content["counts"]["region"] = [1, 2]
    with pytest.raises(ValueError, match="region: not 3 counts"):
        Tally.from_dict(content)
    content["counts"]["region"] = [1, 2, -1]
    with pytest.raises(ValueError, match="region: not 3 counts"):
        Tally.from_dict(content)


def test_unknown_words() -> None:
    scorer = Scorer.load(SHIPPED)
    share = build_unknown_share(scorer)
    assert share is not None
    assert share("", ARABIC) == 3 / 15, "two words that stand in most articles, and so are no terms"
    assert share("قزحطبلون", "الوزير الألماني") == pytest.approx(1 / 3)
    assert share("", "؟!") is None


def test_the_words_looked_up_are_chosen_by_content(tmp_path: Path) -> None:
    scorer = Scorer.load(SHIPPED)
    texts = [f"{ARABIC} {k}" for k in range(200)]
    predictions = [silent("no_evidence")] * len(texts)
    titles = [""] * len(texts)
    found = []
    for order in (range(200), reversed(range(200))):
        tally = Tally.of(scorer, every=10)
        rows = [texts[i] for i in order]
        tally.update(predictions, titles=titles, texts=rows)
        found.append(tally.counts["unknown"].tolist())
    assert found[0] == found[1]
    assert 5 <= sum(found[0]) <= 40
    assert len(found[0]) == len(UNKNOWN_EDGES) + 1
