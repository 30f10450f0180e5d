"""`newsdesk register`: make the model of a finished run a version of the registered model."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import note
from newsdesk.cli.registry.options import find_run_id, folder_option, name_option
from newsdesk.registry import versions
from newsdesk.registry.model_card import card_of_run
from newsdesk.tracking import runs

MESSAGES: dict[versions.Outcome, str] = {
    "registered": "version {} of {}, alias challenger",
    "completed": "version {} of {} was incomplete and is complete now, alias challenger",
    "again": "version {} of {} is the same model; it has the alias challenger again",
    "already": "version {} of {} is the same model and challenger already; nothing to do",
    "champion": "version {} of {} is the same model and champion already; nothing to do",
}


@click.command("register")
@click.option("--run", "run_id", help="Id of a finished run; without it, the run of the files at hand.")
@name_option
@folder_option
def main(run_id: str | None, name: str, folder: Path) -> None:
    """Register the model of a finished run as a version, with its card and the alias challenger.

    A model is not registered twice. An interrupted registration is completed by the next call.

    \b
    Examples:
      newsdesk register
      newsdesk register --run 4d21c0… --name newsdesk
    """
    run_id = run_id or find_run_id(folder)
    with runs.connect() as client:
        run = versions.get_finished_run(client, run_id)
        version, outcome = versions.register(client, run, name=name, card=card_of_run(client, run))
    note(f"register: {MESSAGES[outcome].format(version, name)}")
    click.echo(f"models:/{name}/{version}")
