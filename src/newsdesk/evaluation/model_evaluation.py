"""Evaluation of a packaged model on the raw text of the test split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Evaluate
from newsdesk.evaluation.metrics import evaluate_head, main_label_pairs, precision_recall_points
from newsdesk.inference.decision import Prediction
from newsdesk.inference.scorer import Scorer
from newsdesk.training.targets import first_labels, indicator

BATCH_ROWS = 512


def select_test_articles(articles: pa.Table) -> pa.Table:
    """Select the test articles with a region or a topic."""
    labelled = pc.or_(pc.is_valid(articles["region"]), pc.is_valid(articles["topic"]))
    return articles.filter(pc.and_(labelled, pc.equal(articles["split"], "test")))


def predict_articles(scorer: Scorer, articles: pa.Table) -> Iterator[Prediction]:
    """Predict articles in their order."""
    for batch in articles.select(["title", "text"]).to_batches(max_chunksize=BATCH_ROWS):
        yield from scorer.predict(batch["title"], batch["text"])


def measure_model_head(
    task: str, labels: Sequence[str], articles: pa.Table, predicted: Sequence[Prediction], settings: Evaluate
) -> tuple[dict[str, Any], dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Measure one head on the articles whose label has a trusted origin: totals, by label, and plot rows."""
    origins = articles[f"{task}_origin"].to_pylist()
    trusted = [i for i, origin in enumerate(origins) if origin in settings.origins]
    if not trusted:
        raise ValueError(f"no test article has a {task} of origin {', '.join(settings.origins)}; label some")
    truth = [articles[task][i].as_py() for i in trusted]
    predicted_labels = [predicted[i].labels[task] for i in trusted]
    y_true = indicator(truth, labels)
    y_score = np.array([[predicted[i].scores[task].get(label, 0.0) for label in labels] for i in trusted])
    totals, by_label = evaluate_head(
        y_true,
        indicator(predicted_labels, labels),
        main=first_labels(truth, labels),
        first=first_labels(predicted_labels, labels),
        labels=labels,
        groups=[articles["group_id"][i].as_py() for i in trusted],
        n_bootstrap=settings.n_bootstrap,
        seed=settings.seed,
    )
    plots = {
        "labels": [{"label": label, "f1": of_label["f1"]} for label, of_label in by_label.items()],
        "precision_recall": precision_recall_points(y_true, y_score),
        "confusion": main_label_pairs(truth, predicted_labels),
    }
    return totals, by_label, plots


def prediction_table(articles: pa.Table, predicted: Sequence[Prediction]) -> pa.Table:
    """Tabulate truth and prediction, a row for each article."""
    table = articles.select(["article_id", "source", "group_id", "region_origin", "topic_origin"])
    for task in TASKS:
        labels = [p.labels[task] for p in predicted]
        scores = [list(p.scores[task].items()) for p in predicted]
        table = table.append_column(f"{task}_true", articles[task])
        table = table.append_column(f"{task}_predicted", pa.array(labels, pa.list_(pa.string())))
        table = table.append_column(f"{task}_scores", pa.array(scores, pa.map_(pa.string(), pa.float64())))
    return table.append_column("reason", pa.array([p.reason for p in predicted], pa.string()))
