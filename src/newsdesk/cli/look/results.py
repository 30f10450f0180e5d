"""`newsdesk results`: row counts, metrics and MLflow run of the current pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, sha256
from newsdesk.evaluation.tables import account_table, metrics_table, outlets_table, summarize, unnamed_table
from newsdesk.tracking import runs
from newsdesk.tracking.hashes import recorded_hashes

MIN_GROUPS = 100  # of near-duplicates; with fewer a split holds some ten articles


@click.command("results")
@path_option("--metrics", default="metrics/evaluate.json")
@path_option("--labels", default="metrics/labels.json")
@path_option("--account", default="metrics/clean.json")
@path_option("--outlets", help="Print only the tables of this outlets.json.")
@click.option("--markdown", is_flag=True, help="Print only the tables.")
@click.option("--summary", is_flag=True, help="Print a line for the rows, for each head and for the run.")
def main(
    metrics: Path,
    labels: Path,
    account: Path,
    outlets: Path | None,
    markdown: bool,
    summary: bool,
) -> None:
    """Print the rows read and refused, the metrics of both heads and the MLflow run.

    \b
    Examples:
      newsdesk results
      newsdesk results --summary
      newsdesk results --outlets profiles/unseen/metrics/outlets.json
    """
    if outlets:
        try:
            metrics_of_outlets = read_json(outlets)
            click.echo(outlets_table(metrics_of_outlets))
            if unnamed := unnamed_table(metrics_of_outlets):
                click.echo(f"\n{unnamed}")
        except (KeyError, TypeError, AttributeError, StopIteration):
            raise NewsdeskError(f"{outlets}: expected the metrics of `newsdesk outlets`") from None
        return
    rows, scores, by_label = read_json(account), read_json(metrics), read_json(labels)
    if summary:
        click.echo(summarize(rows, scores))
    else:
        click.echo(account_table(rows))
        click.echo()
        click.echo(metrics_table(scores, by_label))
    if not markdown:
        if not summary:
            click.echo()
        for warning in find_warnings(rows, by_label):
            click.echo(f"warning: {warning}")
        hashes = {
            "metrics/clean.json": sha256(account),
            "metrics/evaluate.json": sha256(metrics),
            "metrics/labels.json": sha256(labels),
        }
        run_id = runs.find_run(recorded_hashes(hashes))
        click.echo(f"MLflow run: {run_id or 'none for these files; run `newsdesk track`'}")


def find_warnings(account: Mapping[str, Any], labels: Mapping[str, Any]) -> Iterator[str]:
    """Yield what makes the scores of a small corpus meaningless."""
    if account["groups"] < MIN_GROUPS:
        yield (
            f"{account['kept']:,} articles in {account['groups']:,} groups of near-duplicates, each in one "
            f"split: with fewer than {MIN_GROUPS} groups the scores say little"
        )
    for task, of_task in labels.items():
        untested = [label for label, measured in of_task.items() if not measured["support"]]
        if untested:
            yield f"{task}: the test split has no article of {', '.join(untested)}; label more articles of it"
