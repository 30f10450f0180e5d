"""`newsdesk results`: the current pipeline's run, metrics and account of rows."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, sha256
from newsdesk.evaluation.tables import account_table, metrics_table, outlets_table
from newsdesk.tracking import runs


@click.command("results")
@click.option(
    "--metrics", default="metrics/evaluate.json", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--labels", default="metrics/labels.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--account", default="metrics/clean.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--receipt", default="metrics/receipt.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--outlets", type=click.Path(path_type=Path), help="Only the table of this outlets.json.")
@click.option("--markdown", is_flag=True, help="Only the tables, as the README has them.")
def main(
    metrics: Path, labels: Path, account: Path, receipt: Path, outlets: Path | None, markdown: bool
) -> None:
    """Print the rows read and refused, the metrics of both heads and the MLflow run.

    \b
    Examples:
      newsdesk results
      newsdesk results --outlets profiles/unseen/metrics/outlets.json
    """
    if outlets:
        try:
            click.echo(outlets_table(read_json(outlets)))
        except (KeyError, TypeError, AttributeError, StopIteration):
            raise NewsdeskError(f"{outlets}: not what `newsdesk outlets` measured") from None
        return
    click.echo(account_table(read_json(account)))
    click.echo()
    click.echo(metrics_table(read_json(metrics), read_json(labels)))
    if markdown:
        return
    run_id = runs.find_run(sha256(receipt)) if receipt.exists() else None
    click.echo()
    click.echo(f"MLflow run: {run_id or 'none for these files; run `newsdesk track`'}")
