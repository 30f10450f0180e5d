"""`newsdesk taxonomy`: print the labels and check their file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from newsdesk.base.console import print_rows
from newsdesk.base.taxonomy import read_taxonomy, taxonomy_rows
from newsdesk.cli.inputs import taxonomy_option


@click.command("taxonomy")
@taxonomy_option
@click.option("--format", "form", default="table", show_default=True, type=click.Choice(["table", "json"]))
def main(taxonomy: Path, form: str) -> None:
    """Print regions and topics and check their file; a wrong file is one line and exit code 2.

    \b
    Examples:
      newsdesk taxonomy
      newsdesk taxonomy --format json
    """
    known = read_taxonomy(taxonomy)
    if form == "json":
        click.echo(json.dumps(known.as_dict(), ensure_ascii=False, indent=2))
    else:
        print_rows(taxonomy_rows(known), arabic="arabic")
