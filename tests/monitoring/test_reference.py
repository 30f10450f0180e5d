"""Drift references: which articles they count, and the keys by which stored ones are read."""

import json
from typing import Any

import pyarrow as pa
import pytest

from newsdesk.base.files import SHIPPED, read_json, read_model
from newsdesk.monitoring.counts import PredictionCounts
from newsdesk.monitoring.reference import build_reference, count_unseen_articles, parse_reference
from tests import ROOT
from tests.monitoring.predictions import HEADS, MODEL


def articles(n: int = 40) -> pa.Table:
    """Articles of the starter corpus, two a group, the last ten of an evaluation outlet."""
    path = ROOT / "data/starter/st1.jsonl"
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pa.table(
        {
            "title": [line["title"] for line in lines[:n]],
            "text": [line["text"] for line in lines[:n]],
            "source": ["a"] * 20 + ["b"] * 20,
            "group_id": [f"g{k // 2}" for k in range(n)],
            "split": ["train"] * 30 + ["evaluation"] * 10,
        }
    )


def test_a_reference_counts_no_training_article() -> None:
    scorer = read_model(SHIPPED)
    counts, sources = count_unseen_articles(articles(), scorer, trained_groups={"g0", "g1"})
    assert sources == {"a": 16, "b": 10}
    assert counts.n_rows == 26
    assert counts.counts["unknown"].sum() == 26, "words are looked up in each article"
    with pytest.raises(ValueError, match="the model was trained on all of them"):
        count_unseen_articles(articles(), scorer, trained_groups={f"g{k}" for k in range(20)})


def test_keys_of_stored_references() -> None:
    reference = build_reference(PredictionCounts(HEADS), model=MODEL, sources={"b": 1, "a": 2})
    assert list(reference) == ["format", "model", "made_of", "limits", "heads", "counts"]
    assert list(reference["counts"]) == [
        "language", "abstention", "region", "region_held", "region_scores",
        "topic", "topic_held", "topic_scores", "length", "unknown",
    ]  # fmt: skip
    assert list(reference["made_of"]["sources"]) == ["a", "b"]
    packaged, limits = parse_reference(read_json(SHIPPED / "drift.json"))
    assert packaged.n_rows > 40_000
    assert limits["topic"] == 0.45
