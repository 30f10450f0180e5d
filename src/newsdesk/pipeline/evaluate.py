"""Stage `evaluate`: the packaged model on the raw text of the test split."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import entry_point, note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table, write_csv, write_json, write_table
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, settings_option
from newsdesk.evaluation.model_evaluation import (
    measure_model_head,
    predict_articles,
    prediction_table,
    select_test_articles,
)


@click.command("evaluate")
@settings_option
@path_option("--model", default="model")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--metrics", default="metrics/evaluate.json")
@path_option("--labels", default="metrics/labels.json")
@path_option("--plots", default="plots")
@path_option("--predictions", default="data/predictions.parquet")
def main(
    settings: Settings,
    *,
    model: Path,
    articles: Path,
    metrics: Path,
    labels: Path,
    plots: Path,
    predictions: Path,
) -> None:
    """Measure the packaged model on the test split, from raw text.

    \b
    Example:
      newsdesk evaluate --model model
    """
    scorer = read_model(model)
    tested = select_test_articles(read_table(articles, ARTICLES))
    predicted = list(progress(predict_articles(scorer, tested), "scoring"))
    measured, by_label = {}, {}
    for head in scorer.heads:
        task = head.task
        try:
            totals, by_label[task], plotted = measure_model_head(
                task, head.labels, tested, predicted, settings.evaluate
            )
        except ValueError as error:
            raise NewsdeskError(f"{articles}: {error}") from None
        measured[task] = totals
        for name, rows in plotted.items():
            write_csv(rows, plots / f"{name}_{task}.csv")
        note(f"evaluate {task}: f1_macro {totals['f1_macro']:.3f}, f1_micro {totals['f1_micro']:.3f}")
    write_json(measured, metrics)
    write_json(by_label, labels)
    write_table(prediction_table(tested, predicted), predictions)


if __name__ == "__main__":
    entry_point(main)
