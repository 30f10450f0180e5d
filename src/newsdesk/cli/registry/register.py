"""`newsdesk register`: a finished run's model as a version of the registered model."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import note
from newsdesk.cli.registry.card import card_of_run, find_run_id
from newsdesk.registry import versions
from newsdesk.tracking import runs

TOLD: dict[versions.Registered, str] = {
    "registered": "version {} of {}, alias challenger",
    "completed": "version {} of {} was incomplete; it has the alias challenger now",
    "again": "version {} of {} is this very model; it has the alias challenger again",
    "already": "version {} of {} is this very model, and challenger already; nothing to do",
    "champion": "version {} of {} is this very model, and champion already; nothing to do",
}


@click.command("register")
@click.option("--run", "run_id", help="A finished run's id; without it, the run of the files at hand.")
@click.option("--name", default="newsdesk", show_default=True, help="The registered model.")
@click.option("--receipt", default="metrics/receipt.json", show_default=True, type=click.Path(path_type=Path))
def main(run_id: str | None, name: str, receipt: Path) -> None:
    """Make the model of a finished run a version, with its card, and give it the alias challenger.

    The same model is not registered twice. What an interrupted call left undone, the next one completes.

    \b
    Examples:
      newsdesk register
      newsdesk register --run 4d21c0… --name newsdesk
    """
    versions.check_name(name)
    run_id = run_id or find_run_id(receipt)
    with runs.connect() as client:
        run = versions.finished_run(client, run_id)
        version, done = versions.register(client, run, name=name, card=card_of_run(client, run))
    note(f"register: {TOLD[done].format(version, name)}")
    click.echo(f"models:/{name}/{version}")
