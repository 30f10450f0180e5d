"""Stage `track`: record the finished pipeline as one MLflow run.

Its output, the receipt, is not cached, so that each experiment gets a run, even if its outputs equal those of
another one. The receipt holds the hashes of what was recorded; the run is found by the receipt's hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.files import atomic_write, read_json, read_table, sha256, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.evaluation.test_set import hash_test_set, select_test_set, source_spans
from newsdesk.reporting.figures import read_figures
from newsdesk.reporting.run_files import RunPaths
from newsdesk.tracking import runs
from newsdesk.tracking.experiments import flatten


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
    recorded = {
        "params": params, "articles": articles, "account": account, "heads": heads, "model": model,
        "metrics": metrics, "labels": labels,
    }  # fmt: skip
    hashes = {name: sha256(path) for name, path in recorded.items()}
    test = select_test_set(read_table(predictions), origins=settings.evaluate.origins)
    tags = {
        **{f"newsdesk.{name}_sha256": digest for name, digest in hashes.items()},
        "newsdesk.test_sha256": hash_test_set(test),
        "newsdesk.test_origins": ",".join(settings.evaluate.origins),
        **runs.git_tags(Path.cwd()),  # before the receipt is written, which changes the checkout
    }
    run_paths = RunPaths(
        metrics=[metrics.parent], plots=[plots], account=account, predictions=predictions,
        articles=articles, model=model, params=params,
    )  # fmt: skip
    files = [
        ("", params), ("metrics", metrics), ("metrics", labels), ("metrics", account),
        ("plots", plots), ("evaluation", predictions), ("heads", heads),
    ]  # fmt: skip
    spans = json.dumps(source_spans(read_table(articles, ARTICLES)), ensure_ascii=False, indent=2)
    with atomic_write(receipt) as written:
        write_json(hashes, written)
        run_id = runs.log_run(
            settings.track.experiment,
            tags=tags | receipt_tags(written),
            params=run_params(settings),
            metrics=run_metrics(read_json(metrics), read_json(labels), read_json(account)),
            files=files,
            texts={
                "evaluation/sources.json": f"{spans}\n",
                **{f"figures/{name}": svg for name, svg in read_figures(run_paths).items()},
            },
            model=model,
        )
    note(f"track: MLflow run {run_id}")


def run_params(settings: Settings) -> dict[str, Any]:
    """Return the settings as parameters of a run; MLflow refuses the names of how corpora are read."""
    named = flatten(settings.model_dump(exclude={"corpora"}))
    return {name: value for name, value in named.items() if value != {}}


def receipt_tags(receipt: Path) -> dict[str, str]:
    """Return the tags by which a run is found: the receipt's hash, also as dvc.lock writes it."""
    md5 = hashlib.md5(receipt.read_bytes(), usedforsecurity=False).hexdigest()
    return {runs.RECEIPT_TAG: sha256(receipt), runs.RECEIPT_MD5_TAG: md5}


def run_metrics(
    metrics: Mapping[str, Any], labels: Mapping[str, Any], account: Mapping[str, Any]
) -> dict[str, float]:
    """Return all measures and counts as metrics, without those that could not be measured."""
    found = flatten(metrics) | flatten(labels) | count_rows(account)
    return {name: value for name, value in found.items() if value is not None}


def count_rows(account: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of rows read, kept and refused, as metrics."""
    counts = {f"clean.{name}": account[name] for name in ("read", "kept", "groups")}
    return counts | {f"clean.refused.{reason}": n for reason, n in account["refused"].items()}


if __name__ == "__main__":
    entry_point(main)
