"""`newsdesk history`: the ledger of champions, or the champion at a moment."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.cli.registry.options import name_or_argument
from newsdesk.registry import ledger
from newsdesk.registry.ledger import LedgerEntry
from newsdesk.tracking import runs

LATE_SECONDS = 60


@click.command("history")
@name_or_argument
@click.option("--as-of", help="Show the champion at this time, or at the end of this date (UTC by default).")
def main(name: str, as_of: str | None) -> None:
    """Show every change of champion: time (UTC), from, to, verdict, user, reason; newest last.

    \b
    Examples:
      newsdesk history
      newsdesk history --as-of 2026-03-03
      newsdesk history --as-of 2026-03-03T14:30+02:00
    """
    moment = parse_moment(as_of) if as_of else None
    with runs.connect() as client:
        entries = ledger.read_entries(client, name)
        if not entries:
            raise ledger.no_entries(client, name)
    if moment is None:
        print_rows([_format_entry(entry) for entry in entries])
        return
    entry = ledger.find_entry(entries, moment)
    if entry is None:
        first = _format(entries[0].created)
        raise NewsdeskError(
            f"no version of {name!r} was champion at {_format(moment)}; the first was at {first}"
        )
    click.echo(entry.version)
    since = _format(entry.created)
    note(f"history: version {entry.version} of {name}, champion since {since} (entry {entry.number})")
    previous = entry.previous or "none"
    if entry.applied is None:
        note(f"history: interrupted before its alias was set; version {previous} may be in use still")
    elif (entry.applied - entry.created).total_seconds() > LATE_SECONDS and moment < entry.applied:
        found = f"interrupted, and finished at {_format(entry.applied)}"
        note(f"history: {found}; until then version {previous} may have been in use")


def parse_moment(text: str) -> datetime:
    """Parse a time, or a date as the end of that day; UTC unless an offset is given."""
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NewsdeskError(
            f"--as-of: expected a date or a time such as 2026-03-03 or 2026-03-03T14:30, found {text!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format_entry(entry: LedgerEntry) -> dict[str, str]:
    return {
        "entry": str(entry.number),
        "when": _format(entry.created),
        "from": entry.previous or "none",
        "to": entry.version,
        "verdict": str(entry.verdict["verdict"]),
        "who": entry.user,
        "reason": entry.reason,
        "state": "done" if entry.applied else "interrupted",
    }


def _format(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
