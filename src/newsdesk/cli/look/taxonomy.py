"""`newsdesk taxonomy`: print and check the labels."""

from __future__ import annotations

import json

import click

from newsdesk.base.console import print_rows
from newsdesk.base.taxonomy import Taxonomy, taxonomy_rows
from newsdesk.cli.inputs import taxonomy_option


@click.command("taxonomy")
@taxonomy_option
@click.option("--format", "form", default="table", show_default=True, type=click.Choice(["table", "json"]))
def main(taxonomy: Taxonomy, form: str) -> None:
    """Print regions and topics, and check their file. An error in the file exits with code 2.

    \b
    Examples:
      newsdesk taxonomy
      newsdesk taxonomy --format json
    """
    if form == "json":
        click.echo(json.dumps(taxonomy.as_dict(), ensure_ascii=False, indent=2))
    else:
        print_rows(taxonomy_rows(taxonomy), arabic="arabic")
