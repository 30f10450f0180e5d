"""`newsdesk history`: the ledger of champions, or who was champion at a moment."""

from __future__ import annotations

from datetime import datetime

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.registry import ledger, versions
from newsdesk.registry.ledger import Entry
from newsdesk.tracking import runs

SLOW_SECONDS = 60


@click.command("history")
@click.argument("name", default="newsdesk")
@click.option(
    "--as-of", help="A date (its end) or a time, UTC unless it has an offset: who was champion then."
)
def main(name: str, as_of: str | None) -> None:
    """Show every change of champion: when (UTC), from, to, verdict, who, why; the newest last.

    \b
    Examples:
      newsdesk history
      newsdesk history --as-of 2026-03-03
      newsdesk history --as-of 2026-03-03T14:30+02:00
    """
    moment = ledger.parse_moment(as_of) if as_of else None
    with runs.connect() as client:
        entries = ledger.read_entries(client, versions.check_name(name))
    if not entries:
        raise NewsdeskError(f"no version of {name!r} was ever promoted; run `newsdesk promote {name}` first")
    if moment is None:
        print_rows([tabulate(entry) for entry in entries])
        return
    entry = ledger.entry_at(entries, moment)
    if entry is None:
        raise NewsdeskError(
            f"no version of {name!r} was champion at {told(moment)}; the first was at {told(entries[0].when)}"
        )
    click.echo(entry.to)
    note(f"history: version {entry.to} of {name}, champion since {told(entry.when)} (entry {entry.number})")
    if entry.done is None:
        note(f"history: its alias was not seen to move; version {entry.before or 'none'} may be served still")
    elif (entry.done - entry.when).total_seconds() > SLOW_SECONDS and moment < entry.done:
        note(
            f"history: interrupted, and finished at {told(entry.done)};"
            f" until then version {entry.before or 'none'} may have been served"
        )


def tabulate(entry: Entry) -> dict[str, str]:
    """An entry as a row to print."""
    return {
        "entry": str(entry.number),
        "when": told(entry.when),
        "from": entry.before or "none",
        "to": entry.to,
        "verdict": str(entry.verdict["verdict"]),
        "who": entry.who,
        "reason": entry.reason,
        "state": "done" if entry.done else "interrupted",
    }


def told(moment: datetime) -> str:
    """A moment to the second, in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
