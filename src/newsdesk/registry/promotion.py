"""Promotion: the challenger becomes champion if it is better, and a rollback undoes that."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table, sha256
from newsdesk.evaluation.test_set import hash_test_set, select_test_set
from newsdesk.registry import ledger
from newsdesk.registry.ledger import CHAMPION, Entry, LostRaceError
from newsdesk.registry.paired_test import Rules, compare
from newsdesk.registry.versions import (
    CHALLENGER,
    COMPLETE_TAG,
    ORIGINS_TAG,
    PREDICTIONS_PATH,
    TEST_TAG,
    aliases,
    complete_version,
    fetch,
    finished_run,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

VERDICT_TAG = "newsdesk.verdict"


class DifferentTestError(NewsdeskError):
    """Challenger and champion were measured on different tests."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of a promotion: the verdict, and the entry of the ledger if the alias was moved.

    `finished` tells that it was begun by another process, which was interrupted.
    """

    verdict: dict[str, Any]
    entry: Entry | None = None
    finished: bool = False


def moved_by_hand(head: Entry | None, of_alias: Mapping[str, str]) -> bool:
    """Whether the alias says something else than the ledger."""
    return of_alias.get(CHAMPION) != (head.to if head else None)


def promote(
    client: MlflowClient,
    name: str,
    *,
    rules: Rules,
    reason: str,
    dry_run: bool,
    champion_predictions: Path | None = None,
) -> Promotion:
    """Compare the challenger with the champion and, if it is better, make it the champion.

    The verdict is stored on the challenger before the alias moves, unless it is a dry run.

    Raises
    ------
    DifferentTestError
        If the two were measured on different tests.
    LostRaceError
        If somebody else changed the champion meanwhile.
    NewsdeskError
        If there is no challenger, it is incomplete, or the alias was moved by hand.
    """
    head, of_alias, finished = _read_state(client, name, dry_run=dry_run)
    if head and finished and head.kind == "promote":
        return Promotion(dict(head.verdict), head, finished)
    if moved_by_hand(head, of_alias):
        raise NewsdeskError(tell_moved(name, head, of_alias))
    number = of_alias.get(CHALLENGER)
    if number is None:
        raise NewsdeskError(f"no version of {name!r} is challenger; run `newsdesk register` first")
    challenger = complete_version(client, name, number)
    if head and head.to == number:
        raise NewsdeskError(
            f"version {number} of {name!r} is challenger and champion;"
            " `newsdesk register` makes a new challenger"
        )
    old = complete_version(client, name, head.to) if head else None
    verdict: dict[str, Any] = {"champion": head.to if head else None, "challenger": number}
    if old is None:
        verdict |= {"verdict": "first", "test_sha256": challenger.tags[TEST_TAG], "blocking": []}
    else:
        verdict |= measure(client, old, challenger, rules=rules, champion_predictions=champion_predictions)
    if dry_run:
        return Promotion(verdict)
    stored = verdict | {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    told = json.dumps(stored, ensure_ascii=False)
    ledger.write(client.set_model_version_tag, name, number, VERDICT_TAG, told)
    if verdict["verdict"] not in ("first", "better"):
        return Promotion(verdict)
    moved = aliases(client, name)
    if moved.get(CHAMPION) != of_alias.get(CHAMPION):
        raise LostRaceError(
            f"version {moved.get(CHAMPION, 'none')} was made champion in the meantime; nothing was changed,"
            " look at `newsdesk history`"
        )
    entry = ledger.append(
        client, name, after=head, kind="promote", before=head.to if head else None,
        to=number, reason=reason, verdict=verdict,
    )  # fmt: skip
    return Promotion(verdict, _settled(client, name, entry))


def _read_state(
    client: MlflowClient, name: str, *, dry_run: bool = False
) -> tuple[Entry | None, dict[str, str], bool]:
    """The ledger's last entry, finished if it was interrupted; the aliases; whether it was interrupted."""
    head = _read_last(client, name)
    while True:
        finished = False
        if head and head.done is None:
            if dry_run:
                return head, {**aliases(client, name), CHAMPION: head.to}, False
            head, finished = ledger.settle(client, name), True
        of_alias = aliases(client, name)
        last = _read_last(client, name)
        if last == head:
            return head, of_alias, finished
        head = last  # the alias may be of this one already, which would look as if it was set by hand


def _read_last(client: MlflowClient, name: str) -> Entry | None:
    entries = ledger.read_entries(client, name)
    return entries[-1] if entries else None


def tell_moved(name: str, head: Entry | None, of_alias: Mapping[str, str]) -> str:
    """What the alias and the ledger say, and what to do."""
    return (
        f"champion of {name!r} is version {of_alias.get(CHAMPION, 'none')} by its alias but"
        f" {head.to if head else 'none'} by the ledger, so it was set by hand;"
        f" `newsdesk promote {name} --adopt` records it"
        + (f", `newsdesk rollback {name} --reason ...` sets it back" if head else "")
    )


def _settled(client: MlflowClient, name: str, entry: Entry) -> Entry:
    """The entry after the alias was set."""
    ledger.settle(client, name)
    return next(e for e in ledger.read_entries(client, name) if e.number == entry.number)


def measure(
    client: MlflowClient,
    champion: ModelVersion,
    challenger: ModelVersion,
    *,
    rules: Rules,
    champion_predictions: Path | None = None,
) -> dict[str, Any]:
    """The verdict on two versions, by the predictions of their runs.

    Parameters
    ----------
    champion_predictions : Path, optional
        What the champion says of the challenger's test, where it was registered with another one.

    Raises
    ------
    DifferentTestError
        If their tests are not the same.
    """
    wanted = challenger.tags[TEST_TAG]
    if champion_predictions is None and champion.tags.get(TEST_TAG) != wanted:
        raise DifferentTestError(_told_different(champion.version, challenger.version))
    origins = challenger.tags[ORIGINS_TAG].split(",")
    with tempfile.TemporaryDirectory() as folder:
        tables = []
        for version in (champion, challenger):
            if champion_predictions is not None and version is champion:
                tables.append(champion_predictions)
                continue
            run = finished_run(client, str(version.run_id))
            tables.append(fetch(client, run, PREDICTIONS_PATH, Path(folder) / str(version.version)))
        old, new = (select_test_set(read_table(path), origins=origins) for path in tables)
        given = sha256(champion_predictions) if champion_predictions else None
    if hash_test_set(new) != wanted:
        raise NewsdeskError(
            f"run {challenger.run_id}: its artifact {PREDICTIONS_PATH} is not of the test that its tag names;"
            " run `newsdesk track` again"
        )
    if hash_test_set(old) != wanted:
        raise DifferentTestError(_told_different(champion.version, challenger.version))
    verdict = compare(old, new, rules) | {"test_sha256": wanted}
    return verdict | ({"champion_predictions_sha256": given} if given else {})


def _told_different(champion: str, challenger: str) -> str:
    return (
        f"champion {champion} and challenger {challenger} were measured on different tests; score the"
        " challenger's test with the champion (`newsdesk evaluate --model`) and give --champion-predictions"
    )


def adopt(client: MlflowClient, name: str, *, reason: str) -> Entry:
    """Record a champion that was set by hand.

    Raises
    ------
    NewsdeskError
        If the alias is where the ledger says, or is gone.
    """
    head, of_alias, finished = _read_state(client, name)
    if head and finished and head.kind == "adopt":
        return head
    number = of_alias.get(CHAMPION)
    if not moved_by_hand(head, of_alias) or number is None:
        raise NewsdeskError(
            f"champion of {name!r} is {number or 'no version'}, "
            + ("as the ledger says" if number else "and nothing is there to adopt")
        )
    complete_version(client, name, number)
    entry = ledger.append(
        client, name, after=head, kind="adopt", before=head.to if head else None,
        to=number, reason=reason, verdict={"verdict": "adopted"},
    )  # fmt: skip
    return _settled(client, name, entry)


def rollback(client: MlflowClient, name: str, *, reason: str) -> Entry:
    """Give the alias back to the previous champion by the ledger, or from a hand-set one to the ledger's.

    A rollback that was interrupted is finished, and no other step made.

    Raises
    ------
    LostRaceError
        If somebody else changed the champion meanwhile.
    NewsdeskError
        If there is no previous champion, or its version is gone.
    """
    head, of_alias, finished = _read_state(client, name)
    if head is None:
        raise NewsdeskError(f"no version of {name!r} was ever promoted; run `newsdesk promote {name}` first")
    if finished and head.kind == "rollback":
        return head
    number = of_alias.get(CHAMPION)
    stack = ledger.champions(ledger.read_entries(client, name))
    past = stack[:-1] if number == stack[-1] else stack
    whole = {str(v.version) for v in ledger.list_versions(client, name) if COMPLETE_TAG in v.tags}
    to = next((version for version in reversed(past) if version in whole and version != number), None)
    if to is None:
        raise NewsdeskError(f"no champion of {name!r} was before version {number}, or none is left")
    entry = ledger.append(
        client, name, after=head, kind="rollback", before=number, to=to,
        reason=reason, verdict={"verdict": "rollback"},
    )  # fmt: skip
    return _settled(client, name, entry)
