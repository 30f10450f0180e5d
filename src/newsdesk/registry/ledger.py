"""The ledger of champions: who was made champion when, by whom and why; append-only, and its own lock.

An entry is a version of the registered model `NAME.ledger`: the store numbers versions one after the other,
in one transaction each, and never gives a number twice. Each entry names the one that it follows. If two
are written at once, the first of them counts and the other is void, so that a change of champion is a
compare-and-set without a lock that a killed process could leave behind. The alias `champion` follows the
ledger: it is set after the entry, and the entry marked as done after that.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from newsdesk.base.errors import NewsdeskError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
SUFFIX = ".ledger"
ENTRY_TAG = "newsdesk.entry"
DONE_TAG = "newsdesk.done"
Kind = Literal["promote", "rollback", "adopt"]


class LostRaceError(NewsdeskError):
    """Somebody else changed the champion in the meantime."""


class BrokenLedgerError(NewsdeskError):
    """An entry is gone or was changed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of champion.

    `when` is the store's time of the entry, `done` that of the mark after the alias was set, None before.
    `before` and `to` are versions of the model, `before` None for the first champion. `sha256` is of the
    text of the entry, which the next one repeats.
    """

    number: int
    when: datetime
    kind: Kind
    before: str | None
    to: str
    who: str
    reason: str
    verdict: Mapping[str, Any]
    nonce: str
    sha256: str
    done: datetime | None


def read_entries(client: MlflowClient, name: str) -> list[Entry]:
    """The entries that count, oldest first.

    Raises
    ------
    BrokenLedgerError
        If an entry was removed or changed.
    """
    entries: list[Entry] = []
    for version in sorted(list_versions(client, name + SUFFIX), key=lambda found: int(found.version)):
        number, text = int(version.version), version.tags.get(ENTRY_TAG, "")
        try:
            told = json.loads(text)
            after = int(told["after"])
            last = entries[-1] if entries else None
            if after < (last.number if last else 0):
                continue  # void: another one was faster
            if after > (last.number if last else 0) or told["previous"] != (last.sha256 if last else ""):
                raise ValueError
            done = version.tags.get(DONE_TAG)
            entries.append(
                Entry(
                    number=number,
                    when=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                    kind=told["kind"],
                    before=told["from"],
                    to=told["to"],
                    who=told["who"],
                    reason=told["reason"],
                    verdict=told["verdict"],
                    nonce=told["nonce"],
                    sha256=hashlib.sha256(text.encode()).hexdigest(),
                    done=datetime.fromisoformat(done) if done else None,
                )
            )
        except (ValueError, KeyError, TypeError):
            raise BrokenLedgerError(
                f"ledger of {name}: entry {number} does not follow from those before it, so one of them was"
                " removed or changed; restore the store from a backup"
            ) from None
    return entries


def list_versions(client: MlflowClient, name: str) -> Iterator[ModelVersion]:
    """All versions of a registered model, none if there is no such model."""
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def append(
    client: MlflowClient,
    name: str,
    *,
    after: Entry | None,
    kind: Kind,
    before: str | None,
    to: str,
    reason: str,
    verdict: Mapping[str, Any],
) -> Entry:
    """Write an entry behind the one that was read last.

    Raises
    ------
    LostRaceError
        If another entry came first; this one is void then.
    """
    last = after.number if after else 0
    nonce = uuid.uuid4().hex  # a request that the network repeats makes a second, void entry
    told = {
        "after": last,
        "previous": after.sha256 if after else "",
        "kind": kind,
        "from": before,
        "to": to,
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "reason": reason,
        "verdict": verdict,
        "nonce": nonce,
    }
    make_model(
        client, name + SUFFIX, f"The ledger of {name}'s champions; `newsdesk history {name}` reads it."
    )
    client.create_model_version(
        name + SUFFIX,
        f"models:/{name}/{to}",
        tags={ENTRY_TAG: json.dumps(told, ensure_ascii=False)},
        description=f"{kind}: version {before or 'none'} to {to}. {reason}"[:500],
    )
    followers = [entry for entry in read_entries(client, name) if entry.number > last]
    if followers[0].nonce != nonce:
        raise LostRaceError(
            f"{followers[0].who} made version {followers[0].to} champion in the meantime"
            f" (entry {followers[0].number} of the ledger); nothing was changed, look at `newsdesk history`"
        )
    return followers[0]


def make_model(client: MlflowClient, name: str, description: str) -> None:
    """Make a registered model, unless it is there."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    if client.search_registered_models(f"name='{name}'", max_results=1):
        return
    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def write(change: Callable[..., object], *arguments: str) -> None:
    """Set an alias or a tag by a method of the client; once more if another set the same at that moment.

    MLflow asks whether there is one and then adds it, so that of two who do so at once one fails.
    """
    from mlflow.exceptions import MlflowException

    try:
        change(*arguments)
    except MlflowException as error:
        if "unique" not in str(error).lower():
            raise
        change(*arguments)


def settle(client: MlflowClient, name: str) -> Entry:
    """Point the alias at the champion of the ledger's last entry, and mark this as done.

    Several may do it at once: each looks again after it has set the alias, so that the last one to set it
    has set it by the last entry.
    """
    head = read_entries(client, name)[-1]
    while True:
        write(client.set_registered_model_alias, name, CHAMPION, head.to)
        if head.done is None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            write(client.set_model_version_tag, name + SUFFIX, str(head.number), DONE_TAG, now)
        last = read_entries(client, name)[-1]
        if last.number == head.number:
            return last
        head = last


def champions(entries: Sequence[Entry]) -> list[str]:
    """The champions that a rollback goes back over, the present one last."""
    stack: list[str] = []
    for entry in entries:
        if entry.kind == "rollback" and entry.to in stack:
            while stack[-1] != entry.to:
                stack.pop()
        else:
            stack.append(entry.to)
    return stack


def entry_at(entries: Sequence[Entry], moment: datetime) -> Entry | None:
    """The last entry of that moment or before, None before the first."""
    past = [entry for entry in entries if entry.when <= moment]
    return past[-1] if past else None


def parse_moment(text: str) -> datetime:
    """A date as the end of that day, or a time, both UTC unless an offset is given.

    Raises
    ------
    NewsdeskError
        If it is neither.
    """
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day, time(), UTC) + timedelta(days=1, microseconds=-1)
    except ValueError:
        pass
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NewsdeskError(
            f"{text}: neither a date nor a time; write 2026-03-03 or 2026-03-03T14:30"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
