"""Stage `track`: the finished pipeline as one MLflow run.

It is a stage of its own, and the last, because a stage that DVC takes from its cache runs no code and so
would make no run. Its output is a receipt of what was recorded, and holds nothing that differs between
two equal runs; the run is found by the receipt's hash. The receipt is not cached: so DVC never takes this
stage from its cache, and two equal experiments have a run each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import entry_point, note
from newsdesk.base.files import read_json, read_table, replacing, sha256, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import read_settings
from newsdesk.evaluation.test_set import frozen_sha256, frozen_test, source_spans
from newsdesk.reporting.findings import Sources
from newsdesk.reporting.sections import read_figures
from newsdesk.tracking import runs


def run(
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
    """Record the run, then write the receipt."""
    settings = read_settings(params)
    recorded = {
        name: sha256(path)
        for name, path in {
            "params": params,
            "articles": articles,
            "account": account,
            "heads": heads,
            "model": model,
            "metrics": metrics,
            "labels": labels,
        }.items()
    }
    measured, by_label = read_json(metrics), read_json(labels)
    test = frozen_test(read_table(predictions), origins=settings.evaluate.origins)
    figures = read_figures(
        Sources(
            metrics=[metrics.parent],
            plots=[plots],
            account=account,
            predictions=predictions,
            articles=articles,
            model=model,
            params=params,
        )
    )
    spans = source_spans(read_table(articles, ARTICLES))
    checkout = runs.git_tags(Path.cwd())  # before a file of ours makes it dirty
    with replacing(receipt) as written:
        write_json(recorded, written)
        tags = {
            runs.RECEIPT_TAG: sha256(written),
            runs.RECEIPT_MD5_TAG: hashlib.md5(written.read_bytes(), usedforsecurity=False).hexdigest(),
            **{f"newsdesk.{name}_sha256": digest for name, digest in recorded.items()},
            "newsdesk.test_sha256": frozen_sha256(test),
            "newsdesk.test_origins": ",".join(settings.evaluate.origins),
            **checkout,
        }
        run_id = runs.log_run(
            settings.track.experiment,
            tags=tags,
            params=flatten(settings.model_dump()),
            metrics=flatten(measured) | flatten(by_label) | _count_metrics(read_json(account)),
            files=[
                ("", params),
                ("metrics", metrics),
                ("metrics", labels),
                ("metrics", account),
                ("plots", plots),
                ("evaluation", predictions),
                ("heads", heads),
            ],
            texts={
                "evaluation/sources.json": json.dumps(spans, ensure_ascii=False, indent=2) + "\n",
                **{f"figures/{name}": svg for name, svg in figures.items()},
            },
            model=model,
        )
    note(f"track: MLflow run {run_id}")


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` to `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _count_metrics(account: Mapping[str, Any]) -> dict[str, float]:
    counts = {f"clean.{name}": account[name] for name in ("read", "kept", "groups")}
    return counts | {f"clean.refused.{reason}": n for reason, n in account["refused"].items()}


@click.command("track")
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--account", default="metrics/clean.json", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--metrics", default="metrics/evaluate.json", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--labels", default="metrics/labels.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--plots", default="plots", show_default=True, type=click.Path(path_type=Path))
@click.option("--heads", default="data/heads", show_default=True, type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--predictions", default="data/predictions.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--receipt", default="metrics/receipt.json", show_default=True, type=click.Path(path_type=Path))
def main(params: Path, **paths: Path) -> None:
    """Record the finished pipeline as one MLflow run.

    The store is the project's mlflow.db, or what MLFLOW_TRACKING_URI names.

    \b
    Example:
      MLFLOW_TRACKING_URI=http://127.0.0.1:5000 newsdesk track
    """
    run(params, **paths)


if __name__ == "__main__":
    entry_point(main)
