"""What decides the rows of a job: code, model, settings and inputs; and what differs between two jobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from newsdesk import __version__
from newsdesk.base.files import list_files
from newsdesk.inference.code import strip_prose

Row = Mapping[str, Any]

PACKAGE = Path(__file__).parents[1]
DECIDING = ("base", "batch", "inference", "monitoring", "readers")  # packages whose code decides rows
SHOWN_DIGITS = 12


@cache
def code_sha256() -> str:
    """Hash the code and the tables that decide the rows of a job, without comments and docstrings."""
    digest = hashlib.sha256()
    for file in (file for name in DECIDING for file in list_files(PACKAGE / name)):
        content = file.read_bytes()
        if file.suffix == ".py":
            content = strip_prose(content.decode()).encode()
        digest.update(f"{file.relative_to(PACKAGE).as_posix()}\0".encode() + content + b"\0")
    return digest.hexdigest()


def describe_code() -> dict[str, str]:
    """Return the version of newsdesk and the hash of the code that labels."""
    return {"newsdesk": __version__, "sha256": code_sha256()}


def describe_name(name: str, printable: str) -> dict[str, str]:
    """Return a file's name, and its exact bytes if it can't be printed as it is."""
    exact = {} if name == printable else {"percent_encoded": quote_from_bytes(os.fsencode(name))}
    return {"file": printable, **exact}


def find_difference(old: Row, new: Row) -> str | None:
    """Describe the first difference between the code, the settings and the models of two jobs."""
    before, now = (
        old.get("code") or {"newsdesk": old["settings"].get("newsdesk"), "sha256": None},
        new["code"],
    )
    if before["sha256"] != now["sha256"]:
        return f"the code that labels was {_show_code(before)}, is {_show_code(now)}"
    for group in ("settings", "model"):
        for name, value in new[group].items():
            if old[group].get(name) != value:
                return f"{group}: {name} was {old[group].get(name)}, is {value}"
    return None


def _show_code(code: Row) -> str:
    return f"{(code['sha256'] or 'unknown')[:SHOWN_DIGITS]} (newsdesk {code['newsdesk']})"


def compare_inputs(old: Sequence[Row], new: Sequence[Row]) -> tuple[str | None, int | None]:
    """Return the first difference between the inputs of two jobs, and the number of one to read again.

    An input of which no row was kept may differ now, or be a folder whose files are inputs: from the first
    such input on, all are read again. The old inputs may have the numbers of records `read` and `refused`.
    """
    n, again = 0, None
    for k, before in enumerate(old):
        if n < len(new) and _is_same(before, new[n]):
            n += 1
            continue
        found = list(takewhile(partial(_lies_in, before), new[n:])) if _has_no_row(before) else []
        if not any(now["sha256"] for now in found):
            return _describe_difference(old, new), None
        n, again = n + len(found), k if again is None else again
    return _describe_difference(old, new) if n < len(new) else None, again


def _is_same(before: Row, now: Row) -> bool:
    return _exact_name(before) == _exact_name(now) and bool(before["sha256"] == now["sha256"])


def _exact_name(row: Row) -> tuple[str, str | None]:
    return row["file"], row.get("percent_encoded")


def _has_no_row(row: Row) -> bool:
    return row["sha256"] is None or 0 < row.get("read", 0) == row.get("refused", 0)


def _lies_in(before: Row, now: Row) -> bool:
    return bool(now["file"] == before["file"] or now["file"].startswith(f"{before['file']}/"))


def _describe_difference(old: Sequence[Row], new: Sequence[Row]) -> str:
    before, now = ({_exact_name(row): row for row in rows} for rows in (old, new))
    for name in [*before, *now]:
        if name not in before:
            return f"the input {name[0]} was not there"
        if name not in now and not (
            _has_no_row(before[name]) and any(_lies_in(before[name], row) for row in new)
        ):
            return f"the input {name[0]} is not there any more"
        if name not in now:
            continue
        if now[name]["sha256"] is None and before[name]["sha256"]:
            return f"the input {name[0]} can't be read now"
        if now[name]["sha256"] != before[name]["sha256"] and not _has_no_row(before[name]):
            return f"the input {name[0]} has changed"
    return "the inputs come in another order"
