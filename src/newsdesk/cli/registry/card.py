"""`newsdesk card`: write the model card of a run, or print that of a registered version."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_text
from newsdesk.cli.registry.options import find_run_id, folder_option, name_option
from newsdesk.registry import versions
from newsdesk.registry.model_card import card_of_run
from newsdesk.tracking import runs


@click.command("card")
@click.argument("version", required=False)
@click.option("--run", "run_id", help="Id of a run; without it and VERSION, the run of the files at hand.")
@name_option
@folder_option
@path_option("--output", help="Markdown file; without it, standard output.")
def main(version: str | None, run_id: str | None, name: str, folder: Path, output: Path | None) -> None:
    """Write the model card of a run, or the card that a registered VERSION has.

    \b
    Examples:
      newsdesk card
      newsdesk card 3 --output card.md
    """
    if version and run_id:
        raise NewsdeskError("expected a VERSION or --run, found both; give one of them")
    if version is None and run_id is None:
        run_id = find_run_id(folder)
    with runs.connect() as client:
        if run_id:
            text = card_of_run(client, versions.get_finished_run(client, run_id))
        else:
            text = versions.read_card(client, name, str(version))
    if output:
        write_text(text, output)
    else:
        click.echo(text, nl=False)
