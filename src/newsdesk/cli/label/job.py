"""Options and report of a job that `newsdesk predict` runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json
from newsdesk.batch.manifest import MANIFEST, QUARANTINE
from newsdesk.readers.account import Account, format_reasons

TOO_MANY_REFUSED = 3  # exit code
DRIFTED = 4  # exit code
MAX_SHOWN = 5

fail_on_drift_option = click.option(
    "--fail-on-drift", is_flag=True, help=f"Exit with code {DRIFTED} if a quantity has drifted."
)


@dataclass(frozen=True, slots=True)
class RefusalLimit:
    """Largest number or share of refused rows of a run."""

    text: str
    number: float
    is_share: bool

    def is_exceeded(self, *, refused: int, read: int, broken: int, files: int) -> bool:
        """Compare with the refused of the rows read; a share also with the broken ones among the files.

        A broken file counts as one refused row, however many rows it had.
        """
        if self.is_share:
            return refused > self.number * read or broken > self.number * files
        return refused > self.number


def parse_limit(context: click.Context, parameter: click.Parameter, value: str | None) -> RefusalLimit | None:
    """Parse `1%` or `100`."""
    if value is None:
        return None
    text = value.strip()
    is_share = text.endswith("%")
    try:
        number = float(text.removesuffix("%")) / (100 if is_share else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf") or (is_share and number > 1) or (not is_share and number % 1):
        raise click.BadParameter(f"{value!r}: expected a number of rows or a share such as 1%")
    return RefusalLimit(text, number, is_share)


def check_limit(limit: RefusalLimit | None, *, refused: int, read: int, broken: int, files: int) -> None:
    """Exit with `TOO_MANY_REFUSED` if the limit is exceeded."""
    if limit and limit.is_exceeded(refused=refused, read=read, broken=broken, files=files):
        share = f"{100 * refused / max(read, 1):.2g} %"
        of_files = f" and {broken:,} of {files:,} files broken" if broken else ""
        found = f"{refused:,} of {read:,} rows refused ({share}){of_files}"
        note(f"newsdesk: {found}: more than --max-refused {limit.text}", level="error")
        sys.exit(TOO_MANY_REFUSED)


def parse_time(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Parse a time in ISO 8601; without a zone it is UTC."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected a time such as 2026-11-27T02:00:00Z") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def report_job(
    manifest: dict[str, Any], folder: Path, limit: RefusalLimit | None, *, fail_on_drift: bool
) -> None:
    """Print refusals, warnings and drift of a job; exit with its code, or raise if there was no article."""
    rows, duplicates = manifest["rows"], manifest["duplicate_ids"]
    for line in Account.from_dict(manifest["account"]).describe():
        note(line)
    if rows["refused"]:
        refused = f"{rows['refused']:,} of {rows['read']:,} records refused"
        note(
            f"{refused}: {format_reasons(rows['refused_by_reason'])}; see {folder / QUARANTINE}",
            level="warning",
        )
    if duplicates["rows"]:
        named = ", ".join(list(duplicates["first"])[:MAX_SHOWN])
        found = f"{duplicates['rows']:,} rows have an article_id that came before"
        note(f"warning: {found}, all kept: {named}; see {folder / MANIFEST}", level="warning")
    for name, n in manifest["carried"].items():
        if rows["scored"] and not n:
            note(f"warning: --carry {name}: no row has it", level="warning")
    has_drifted = report_drift(manifest["drift"], folder, fail_on_drift=fail_on_drift)
    broken, files = rows["files_broken"], len(manifest["inputs"])
    check_limit(limit, refused=rows["refused"], read=rows["read"], broken=broken, files=files)
    if not rows["scored"]:
        raise NewsdeskError("no article could be read from the input")
    if has_drifted and fail_on_drift:
        sys.exit(DRIFTED)


def report_drift(entry: Mapping[str, Any] | None, folder: Path, *, fail_on_drift: bool) -> bool:
    """Print what has drifted, with figures; return whether anything has.

    With `fail_on_drift`, print too that nothing has, or that there are too few articles to judge.
    """
    if entry is None:
        return False
    report = read_json(folder / entry["name"])
    named = {
        row["quantity"]: {name: row[name] for name in ("psi", "low", "limit", "most")}
        for row in report["quantities"]
        if row["verdict"] == "drift"
    }
    figures = {"verdict": report["verdict"], "articles": report["n_rows"], "drifted": named}
    if named:
        shown = ", ".join(f"{name} {row['low']:.2f} (limit {row['limit']})" for name, row in named.items())
        note(f"drift: {shown}; see {folder / entry['name']}", level="warning", **figures)
    elif fail_on_drift and report["verdict"] == "too_few":
        needed = f"at least {report['settings']['min_rows']:,} are needed"
        note(f"drift: too few articles to judge: {report['n_rows']:,}, {needed}", level="warning", **figures)
    elif fail_on_drift:
        note(f"drift: quiet ({report['n_rows']:,} articles)", **figures)
    return bool(named)
