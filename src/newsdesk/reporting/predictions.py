"""Predictions on test articles, by head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.files import read_table
from newsdesk.base.schema import TASKS
from newsdesk.evaluation.leave_one_outlet_out import OURS
from newsdesk.inference.scorer import Scorer
from newsdesk.training.targets import BoolArray, FloatArray, indicator


@dataclass(frozen=True, slots=True)
class HeadPredictions:
    """True labels, predicted labels and probabilities of one head."""

    labels: tuple[str, ...]
    article_ids: Sequence[str]
    outlets: Sequence[str]
    groups: Sequence[str]
    true_labels: Sequence[Sequence[str]]  # of each article, the main label first
    predicted_labels: Sequence[Sequence[str]]
    scores: FloatArray  # probabilities, shape (n_articles, n_labels); 0 for an article that was not labelled

    @property
    def y_true(self) -> BoolArray:
        """True labels as an indicator matrix of shape (n_articles, n_labels)."""
        return indicator(self.true_labels, self.labels)

    @property
    def y_pred(self) -> BoolArray:
        """Predicted labels as an indicator matrix of shape (n_articles, n_labels)."""
        return indicator(self.predicted_labels, self.labels)


@dataclass(frozen=True, slots=True)
class Champion:
    """Another model's predictions on the articles of a run."""

    name: str
    sha256: str  # of the table that they were read from, or of the model that made them
    predictions: Mapping[str, Mapping[str, Sequence[str]]]  # labels by task, by article


def read_predictions(path: Path, *, origins: Sequence[str]) -> dict[str, HeadPredictions]:
    """Read the predictions of `evaluate` with labels of these origins, or ours of `outlets`, by task."""
    table = read_table(path)
    heads = {}
    for task in TASKS:
        if "protocol" in table.column_names:
            wanted = {"protocol": "outlet", "system": OURS, "task": task}
            kept = [pc.equal(table[name], value) for name, value in wanted.items()]
            heads[task] = _build(table.filter(reduce(pc.and_, kept)), outlet="split")
        else:
            trusted = pc.is_in(table[f"{task}_origin"], pa.array(origins, pa.string()))
            heads[task] = _build(table.filter(trusted), outlet="source", prefix=f"{task}_")
    return {task: head for task, head in heads.items() if head.article_ids}


def _build(rows: pa.Table, *, outlet: str, prefix: str = "") -> HeadPredictions:
    probabilities: list[dict[str, Any]] = [dict(pairs or []) for pairs in rows[f"{prefix}scores"].to_pylist()]
    true_labels = rows[f"{prefix}true"].to_pylist()
    # an article that was not labelled has no scores; all others have one for every label, in the head's order
    labels = tuple(dict.fromkeys(name for each in (*probabilities, *true_labels) for name in each))
    return HeadPredictions(
        labels,
        rows["article_id"].to_pylist(),
        rows[outlet].to_pylist(),
        rows["group_id"].to_pylist(),
        true_labels,
        rows[f"{prefix}predicted"].to_pylist(),
        np.array([[each.get(label, 0.0) for label in labels] for each in probabilities]),
    )


def predict_again(
    predictions: Mapping[str, HeadPredictions], texts: Mapping[str, tuple[str, str]], scorer: Scorer
) -> dict[str, dict[str, list[str]]]:
    """Predict the articles that have a text with another model: labels by task, by article."""
    found = {}
    for task in predictions.keys() & {head.task for head in scorer.heads}:
        article_ids = [article_id for article_id in predictions[task].article_ids if article_id in texts]
        titles, bodies = ([texts[article_id][part] for article_id in article_ids] for part in (0, 1))
        predicted = scorer.predict(titles, bodies)
        found[task] = {name: each.labels[task] for name, each in zip(article_ids, predicted, strict=True)}
    return found
