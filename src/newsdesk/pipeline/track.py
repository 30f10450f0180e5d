"""Stage `track`: record the finished pipeline as one MLflow run.

Its output, the receipt, is not cached, so that each experiment gets a run, even if its outputs equal those of
another one. The receipt holds the hashes of what was recorded; the run is found by the receipt's hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.files import atomic_write, read_json, read_table, sha256, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.evaluation.test_set import hash_test_set, select_test_set, source_spans
from newsdesk.reporting.figures import draw_evaluation
from newsdesk.reporting.mistakes import tabulate_mistakes
from newsdesk.reporting.run_files import RunPaths, read_run
from newsdesk.tracking import runs
from newsdesk.tracking.datasets import describe_splits
from newsdesk.tracking.description import describe_run, headline_metrics, metric_rows
from newsdesk.tracking.experiments import flatten
from newsdesk.tracking.hashes import RECEIPT, hashes_tag
from newsdesk.tracking.recording import RunRecord, log_run, source_tags


@click.command("track")
@path_option("--params", default="params.yaml")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--account", default="metrics/clean.json")
@path_option("--metrics", default="metrics/evaluate.json")
@path_option("--labels", default="metrics/labels.json")
@path_option("--plots", default="plots")
@path_option("--heads", default="data/heads")
@path_option("--model", default="model")
@path_option("--predictions", default="data/predictions.parquet")
@path_option("--receipt", default="metrics/receipt.json", help="File to write.")
def main(
    params: Path,
    *,
    articles: Path,
    account: Path,
    metrics: Path,
    labels: Path,
    plots: Path,
    heads: Path,
    model: Path,
    predictions: Path,
    receipt: Path,
) -> None:
    """Record the finished pipeline as one MLflow run.

    The store is mlflow.db in the project's root, or the one that MLFLOW_TRACKING_URI names.

    \b
    Example:
      MLFLOW_TRACKING_URI=http://127.0.0.1:5000 newsdesk track
    """
    settings = read_settings(params)
    paths = RunPaths(
        metrics=[metrics.parent], plots=[plots], account=account, predictions=predictions,
        articles=articles, model=model, params=params,
    )  # fmt: skip
    recorded = {
        "params": params, "articles": articles, "account": account, "heads": heads, "model": model,
        "metrics": metrics, "labels": labels,
    }  # fmt: skip
    files = [
        ("", params), ("metrics", metrics), ("metrics", labels), ("metrics", account),
        ("plots", plots), ("evaluation", predictions), ("heads", heads),
    ]  # fmt: skip
    tags = source_tags(Path.cwd(), name_pipeline(Path.cwd()))  # before the receipt changes the checkout
    hashes = {name: sha256(path) for name, path in recorded.items()}
    with atomic_write(receipt) as written:
        write_json(hashes, written)
        record = build_record(
            settings, paths,
            measured=read_json(metrics), by_label=read_json(labels), counts=read_json(account),
            tags=tags, hashes=hashes, receipt=sha256(written), files=files,
        )  # fmt: skip
        run_id = log_run(settings.track.experiment, record)
    show_run(run_id if runs.NAME_TAG in tags else "", metrics.parent / "run.json")
    note(f"track: MLflow run {run_id}")


def show_run(run_id: str, path: Path) -> None:
    """Write the run among the metrics, for a column of `dvc exp show`, if the pipeline has the file.

    Outside of a DVC experiment it is empty, as in the committed file.
    """
    if path.exists():
        write_json({"run": run_id}, path)


def build_record(
    settings: Settings, paths: RunPaths, *,
    measured: Mapping[str, Any], by_label: Mapping[str, Any], counts: Mapping[str, Any],
    tags: Mapping[str, str], hashes: Mapping[str, str], receipt: str,
    files: Sequence[tuple[str, Path]],
) -> RunRecord:  # fmt: skip
    """Build the content of the MLflow run from the files of the pipeline and what was read from them."""
    origins = settings.evaluate.origins
    articles = read_table(paths.articles, ARTICLES)
    test = select_test_set(read_table(paths.predictions), origins=origins)
    hashes = {**hashes, "test": hash_test_set(test)}
    datasets = describe_splits(articles, source=str(paths.articles), test=test, test_sha256=hashes["test"])
    run = read_run(paths, with_texts=False)
    return RunRecord(
        description=describe_run(measured, counts, datasets),
        tags={**tags, "newsdesk.test_origins": ",".join(origins), **hashes_tag({**hashes, RECEIPT: receipt})},
        params=run_params(settings),
        metrics=headline_metrics(measured),
        datasets=datasets,
        files=files,
        texts={
            "hashes.json": format_json(hashes),
            "evaluation/sources.json": format_json(source_spans(articles)),
            **{f"figures/{name}": svg for name, svg in draw_evaluation(run).items()},
        },
        tables={
            "tables/metrics.json": [*metric_rows(measured, by_label, {"clean": count_rows(counts)})],
            "tables/wrong_labels.json": tabulate_mistakes(run),
        },
        model=paths.model,
    )


def format_json(content: Mapping[str, Any]) -> str:
    """Format the content of an artifact."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def name_pipeline(folder: Path) -> str:
    """Return the path of the pipeline's file from the root of the checkout."""
    root = runs.git(folder, "rev-parse", "--show-toplevel") or folder.resolve()
    return (folder.resolve().relative_to(root) / "dvc.yaml").as_posix()


def run_params(settings: Settings) -> dict[str, Any]:
    """Return the settings as parameters of a run; MLflow refuses the names of how corpora are read."""
    named = flatten(settings.model_dump(exclude={"corpora"}))
    return {name: value for name, value in named.items() if value != {}}


def count_rows(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of rows read, kept and refused."""
    return {name: account[name] for name in ("read", "kept", "groups", "refused")}


if __name__ == "__main__":
    entry_point(main)
