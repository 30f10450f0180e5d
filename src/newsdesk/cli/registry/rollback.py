"""`newsdesk rollback`: the previous champion gets the alias back."""

from __future__ import annotations

import sys

import click

from newsdesk.base.console import note
from newsdesk.cli.registry.promote import EXIT_LOST_RACE
from newsdesk.registry import promotion, versions
from newsdesk.registry.ledger import LostRaceError
from newsdesk.tracking import runs


@click.command("rollback")
@click.argument("name", default="newsdesk")
@click.option("--reason", required=True, help="Why, for the ledger.")
def main(name: str, reason: str) -> None:
    """Make the previous champion champion again, by the ledger; a second rollback goes one further back.

    Where the alias was set by hand, the champion of the ledger gets it back. Exit codes: 0 done, 2 an error,
    7 somebody else was faster.

    \b
    Example:
      newsdesk rollback --reason "sport is filed as politics since Monday"
    """
    try:
        with runs.connect() as client:
            entry = promotion.rollback(client, versions.check_name(name), reason=reason)
    except LostRaceError as error:
        note(f"newsdesk: {error}")
        sys.exit(EXIT_LOST_RACE)
    note(
        f"rollback: version {entry.to} of {name} is champion, after {entry.before or 'none'}"
        f" (entry {entry.number} of the ledger)"
    )
