"""`newsdesk rollback`: make the previous champion champion again."""

from __future__ import annotations

import click

from newsdesk.base.console import note
from newsdesk.cli.registry.options import name_or_argument
from newsdesk.registry import promotion
from newsdesk.tracking import runs


@click.command("rollback")
@name_or_argument
@click.option("--reason", required=True, help="Reason, for the ledger.")
def main(name: str, reason: str) -> None:
    """Make the previous champion of the ledger champion again; a second rollback goes one further back.

    If the alias was set by hand, it is set back to the champion of the ledger. Exit codes: 0 done, 2 an
    error, 7 another process changed the champion.

    \b
    Example:
      newsdesk rollback --reason "sport is filed as politics since Monday"
    """
    with runs.connect() as client:
        entry = promotion.rollback(client, name, reason=reason)
    champion, previous = f"version {entry.version} of {name}", entry.previous or "none"
    note(f"rollback: {champion} is champion, after {previous} (entry {entry.number} of the ledger)")
