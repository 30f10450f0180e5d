"""Stage `evaluate`: the packaged model on the raw text of the test split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.console import entry_point, note, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table, write_csv, write_json, write_table
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.evaluation.metrics import evaluate_head, main_label_pairs, precision_recall_points
from newsdesk.inference.scorer import Prediction, Scorer
from newsdesk.training.classifiers import indicator


def run(
    settings: Settings,
    *,
    model: Path,
    articles: Path,
    metrics: Path,
    labels: Path,
    plots: Path,
    predictions: Path,
) -> None:
    """Score the labelled test articles and measure each head on the trusted ones."""
    scorer = read_model(model)
    rows = labelled_test(read_table(articles, ARTICLES))
    predicted = list(progress(score(scorer, rows), "scoring"))
    measured: dict[str, Any] = {}
    by_label: dict[str, Any] = {}
    for head in scorer.heads:
        origins = rows[f"{head.task}_origin"].to_pylist()
        trusted = [i for i, origin in enumerate(origins) if origin in settings.evaluate.origins]
        if not trusted:
            wanted = ", ".join(settings.evaluate.origins)
            raise NewsdeskError(f"{articles}: no test article has a {head.task} of origin {wanted}")
        truth = [rows[head.task][i].as_py() for i in trusted]
        said = [predicted[i].labels[head.task] for i in trusted]
        y_true, y_pred = indicator(truth, head.labels), indicator(said, head.labels)
        measured[head.task], by_label[head.task] = evaluate_head(
            y_true,
            y_pred,
            labels=head.labels,
            groups=[rows["group_id"][i].as_py() for i in trusted],
            n_bootstrap=settings.evaluate.n_bootstrap,
            seed=settings.evaluate.seed,
        )
        y_score = np.array(
            [[predicted[i].scores[head.task].get(label, 0.0) for label in head.labels] for i in trusted]
        )
        bars = [{"label": label, "f1": of_label["f1"]} for label, of_label in by_label[head.task].items()]
        write_csv(bars, plots / f"labels_{head.task}.csv")
        write_csv(precision_recall_points(y_true, y_score), plots / f"precision_recall_{head.task}.csv")
        write_csv(main_label_pairs(truth, said), plots / f"confusion_{head.task}.csv")
    write_json(measured, metrics)
    write_json(by_label, labels)
    write_table(tabulate(rows, predicted), predictions)
    for task, of_head in measured.items():
        note(f"evaluate {task}: f1_macro {of_head['f1_macro']:.3f}, f1_micro {of_head['f1_micro']:.3f}")


def score(scorer: Scorer, rows: pa.Table) -> Iterator[Prediction]:
    """Predictions in the order of the rows."""
    for batch in rows.select(["title", "text"]).to_batches(max_chunksize=512):
        yield from scorer.predict(batch["title"], batch["text"])


def labelled_test(articles: pa.Table) -> pa.Table:
    """The test rows whose region or topic is known."""
    known = pc.or_(pc.is_valid(articles["region"]), pc.is_valid(articles["topic"]))
    return articles.filter(pc.and_(known, pc.equal(articles["split"], "test")))


def tabulate(rows: pa.Table, predicted: list[Prediction]) -> pa.Table:
    """Truth and prediction side by side, one row an article."""
    table = rows.select(["article_id", "source", "group_id", "region_origin", "topic_origin"])
    for task in ("region", "topic"):
        table = table.append_column(f"{task}_true", rows[task])
        table = table.append_column(
            f"{task}_predicted", pa.array([p.labels[task] for p in predicted], pa.list_(pa.string()))
        )
        table = table.append_column(
            f"{task}_scores",
            pa.array([list(p.scores[task].items()) for p in predicted], pa.map_(pa.string(), pa.float64())),
        )
    return table.append_column("reason", pa.array([p.reason for p in predicted], pa.string()))


@click.command("evaluate")
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option(
    "--metrics", default="metrics/evaluate.json", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--labels", default="metrics/labels.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--plots", default="plots", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--predictions", default="data/predictions.parquet", show_default=True, type=click.Path(path_type=Path)
)
def main(params: Path, **paths: Path) -> None:
    """Measure the packaged model on the test split, from raw text.

    \b
    Example:
      newsdesk evaluate --model model
    """
    run(read_settings(params), **paths)


if __name__ == "__main__":
    entry_point(main)
