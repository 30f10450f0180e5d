"""Comparison of the scores of two models."""

from pathlib import Path

import pyarrow.parquet as pq

from newsdesk.evaluation.fidelity import compare_scores
from newsdesk.inference.scorer import Scorer


def test_a_model_does_not_differ_from_itself(tiny_run: Path, tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet").slice(0, 30)
    predictions = scorer.predict(articles["title"], articles["text"])
    assert compare_scores(scorer, scorer, articles) == {
        "n_articles": 30,
        "n_labels": sum(len(labels) for p in predictions for labels in p.labels.values()),
        "n_labels_changed": 0,
        "max_difference": 0.0,
    }
