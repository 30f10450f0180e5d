"""`newsdesk results`: row counts, metrics and MLflow run of the current pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, sha256
from newsdesk.evaluation.tables import account_table, metrics_table, outlets_table, summarize
from newsdesk.tracking import runs


@click.command("results")
@path_option("--metrics", default="metrics/evaluate.json")
@path_option("--labels", default="metrics/labels.json")
@path_option("--account", default="metrics/clean.json")
@path_option("--receipt", default="metrics/receipt.json")
@path_option("--outlets", help="Print only the table of this outlets.json.")
@click.option("--markdown", is_flag=True, help="Print only the tables.")
@click.option("--summary", is_flag=True, help="Print a line for the rows, for each head and for the run.")
def main(
    metrics: Path,
    labels: Path,
    account: Path,
    receipt: Path,
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
            click.echo(outlets_table(read_json(outlets)))
        except (KeyError, TypeError, AttributeError, StopIteration):
            raise NewsdeskError(f"{outlets}: expected the metrics of `newsdesk outlets`") from None
        return
    if summary:
        click.echo(summarize(read_json(account), read_json(metrics)))
    else:
        click.echo(account_table(read_json(account)))
        click.echo()
        click.echo(metrics_table(read_json(metrics), read_json(labels)))
        click.echo()
    if not markdown:
        run_id = runs.find_run(sha256(receipt)) if receipt.exists() else None
        click.echo(f"MLflow run: {run_id or 'none for these files; run `newsdesk track`'}")
