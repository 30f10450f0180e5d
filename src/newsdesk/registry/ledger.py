"""The ledger of champions: an append-only list of all changes of the alias `champion`.

An entry is a version of the registered model `NAME.ledger`, which MLflow numbers in transactions. It names
the entry before it; of two that name the same one, the first is valid. So a change of champion is a
compare-and-set without a lock. The alias is set afterwards, and then the entry is marked as applied.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from newsdesk.base.errors import NewsdeskError
from newsdesk.registry.store import (
    check_readable,
    ensure_model,
    list_versions,
    read_model_hash,
    set_with_retry,
)
from newsdesk.tracking.access import server_account
from newsdesk.tracking.runs import store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
SUFFIX = ".ledger"
ENTRY_TAG = "newsdesk.entry"
APPLIED_TAG = "newsdesk.done"
Kind = Literal["promote", "rollback", "adopt"]


class ChampionChangedError(NewsdeskError):
    """Another process changed the champion at the same time."""

    exit_code = 7


class BrokenLedgerError(NewsdeskError):
    """An entry was removed or changed."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of champion."""

    number: int
    created: datetime  # by the clock of the store
    kind: Kind
    previous: str | None  # version, None for the first champion
    version: str
    model: str | None  # SHA-256 of the version's model; None in entries of 0.1.0
    user: str
    reason: str
    verdict: Mapping[str, Any]
    nonce: str  # distinguishes an entry from a repetition of the same request
    sha256: str  # of the entry's text, which the next entry holds
    applied: datetime | None  # when the alias was seen to be set


def read_entries(client: MlflowClient, name: str) -> list[LedgerEntry]:
    """Return the valid entries, oldest first; raise `BrokenLedgerError` if one was removed or changed."""
    entries: list[LedgerEntry] = []
    for version in sorted(list_versions(client, name + SUFFIX), key=lambda found: int(found.version)):
        number, text = int(version.version), version.tags.get(ENTRY_TAG, "")
        last_number, last_sha256 = (entries[-1].number, entries[-1].sha256) if entries else (0, "")
        try:
            stored = json.loads(text)
            after = int(stored["after"])
            if after < last_number:
                continue  # void: another entry was written first
            if after > last_number or stored["previous"] != last_sha256:
                raise ValueError
            applied = version.tags.get(APPLIED_TAG)
            entry = LedgerEntry(
                number=number,
                created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                kind=stored["kind"],
                previous=stored["from"],
                version=stored["to"],
                model=stored.get("model"),
                user=stored["who"],
                reason=stored["reason"],
                verdict=stored["verdict"],
                nonce=stored["nonce"],
                sha256=hashlib.sha256(text.encode()).hexdigest(),
                applied=datetime.fromisoformat(applied) if applied else None,
            )
        except (ValueError, KeyError, TypeError):
            raise BrokenLedgerError(
                f"ledger of {name}: entry {number} does not follow from those before it, so one of them was"
                " removed or changed; restore the store from a backup"
            ) from None
        entries.append(entry)
    return entries


def no_entries(client: MlflowClient, name: str) -> NewsdeskError:
    """Build the error of an empty ledger; raise another if the server does not show the ledger."""
    check_readable(client, name + SUFFIX)
    return NewsdeskError(
        f"no version of {name!r} was ever promoted; run `newsdesk promote --name {name}` first"
    )


def read_last(client: MlflowClient, name: str) -> LedgerEntry | None:
    """Return the last valid entry, None if there is none."""
    entries = read_entries(client, name)
    return entries[-1] if entries else None


def change_champion(
    client: MlflowClient,
    name: str,
    *,
    after: LedgerEntry | None,
    kind: Kind,
    previous: str | None,
    version: str,
    reason: str,
    verdict: Mapping[str, Any],
) -> LedgerEntry:
    """Write an entry after the one that was read last, and set the alias; raise if another was first."""
    last = after.number if after else 0
    nonce = uuid.uuid4().hex
    content = {
        "after": last,
        "previous": after.sha256 if after else "",
        "kind": kind,
        "from": previous,
        "to": version,
        # a registered model that is deleted and made anew numbers its versions from 1 again
        "model": read_model_hash(client, name, version),
        "who": server_account(store_uri()) or f"{getpass.getuser()}@{socket.gethostname()}",
        "reason": reason,
        "verdict": verdict,
        "nonce": nonce,
    }
    description = f"The ledger of {name}'s champions; `newsdesk history --name {name}` reads it."
    ensure_model(client, name + SUFFIX, description)
    client.create_model_version(
        name + SUFFIX,
        f"models:/{name}/{version}",
        tags={ENTRY_TAG: json.dumps(content, ensure_ascii=False)},
        description=f"{kind}: version {previous or 'none'} to {version}. {reason}"[:500],
    )
    first = next(entry for entry in read_entries(client, name) if entry.number > last)
    if first.nonce != nonce:
        raise ChampionChangedError(
            f"{first.user} made version {first.version} champion in the meantime (entry {first.number} of the"
            f" ledger); nothing was changed, see `newsdesk history --name {name}`"
        )
    apply_last_entry(client, name)
    return next(found for found in read_entries(client, name) if found.number == first.number)


def apply_last_entry(client: MlflowClient, name: str) -> LedgerEntry:
    """Set the alias `champion` by the last entry, mark this entry as applied, and return it."""
    last = read_entries(client, name)[-1]
    while True:
        set_with_retry(client.set_registered_model_alias, name, CHAMPION, last.version)
        if last.applied is None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            set_with_retry(client.set_model_version_tag, name + SUFFIX, str(last.number), APPLIED_TAG, now)
        read_again = read_entries(client, name)[-1]  # so that of several processes the last sets the last
        if read_again.number == last.number:
            return read_again
        last = read_again


def list_champions(entries: Sequence[LedgerEntry]) -> list[str]:
    """Return the champions that a rollback can return to, then the current one."""
    stack: list[str] = []
    for entry in entries:
        if entry.kind == "rollback" and entry.version in stack:
            while stack[-1] != entry.version:
                stack.pop()
        else:
            stack.append(entry.version)
    return stack


def find_entry(entries: Sequence[LedgerEntry], moment: datetime) -> LedgerEntry | None:
    """Return the last entry created at that moment or before, None if there is none."""
    return next((entry for entry in reversed(entries) if entry.created <= moment), None)
