"""The ledger of champions: valid and void entries, damage, stored keys, retries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from newsdesk.base.errors import NewsdeskError
from newsdesk.cli.registry.history import parse_moment
from newsdesk.registry import ledger, store
from tests.commands import Command
from tests.recorded_runs import make_predictions
from tests.registry.conftest import Register

GOOD, BAD = make_predictions(errors=0.02, seed=1), make_predictions(errors=0.25, seed=2)


def test_an_entry_is_valid_only_after_the_one_that_was_read(
    client: MlflowClient, name: str, promote: Register
) -> None:
    promote(BAD)
    (first,) = ledger.read_entries(client, name)
    change: dict[str, Any] = {
        "after": first, "kind": "promote", "previous": "1", "version": "1", "verdict": {"verdict": "better"},
    }  # fmt: skip
    ledger.change_champion(client, name, reason="first", **change)
    with pytest.raises(ledger.ChampionChangedError, match="made version 1 champion in the meantime"):
        ledger.change_champion(client, name, reason="second", **change)
    assert [entry.reason for entry in ledger.read_entries(client, name)] == ["", "first"]


def test_a_removed_entry_breaks_the_ledger(
    client: MlflowClient, newsdesk: Command, name: str, promote: Register
) -> None:
    for predictions in (BAD, GOOD):
        promote(predictions)
    client.delete_model_version(f"{name}.ledger", "1")
    done = newsdesk("history", "--name", name)
    assert (done.code, "was removed or changed; restore the store from a backup" in done.err) == (2, True)
    found = newsdesk("doctor")
    assert (found.code, f"ledger of {name}: entry 2 does not follow" in found.out) == (1, True)


def test_stored_keys(client: MlflowClient, name: str, promote: Register) -> None:
    """Ledgers of existing registries have to be readable."""
    promote(BAD)
    (version,) = store.list_versions(client, f"{name}.ledger")
    assert set(version.tags) == {"newsdesk.entry", "newsdesk.done"}
    assert list(json.loads(version.tags["newsdesk.entry"])) == [
        "after", "previous", "kind", "from", "to", "model", "who", "reason", "verdict", "nonce",
    ]  # fmt: skip
    (entry,) = ledger.read_entries(client, name)
    assert (entry.number, entry.kind, entry.previous, entry.version) == (1, "promote", None, "1")
    assert entry.applied is not None


def test_champions_that_a_rollback_can_return_to() -> None:
    def entry(kind: ledger.Kind, version: str) -> ledger.LedgerEntry:
        now = datetime.now(UTC)
        return ledger.LedgerEntry(1, now, kind, None, version, None, "", "", {}, "", "", now)

    changes = [entry("promote", "1"), entry("promote", "2"), entry("promote", "3")]
    assert ledger.list_champions(changes) == ["1", "2", "3"]
    changes += [entry("rollback", "2"), entry("promote", "4"), entry("rollback", "2")]
    assert ledger.list_champions(changes) == ["1", "2"]


def test_entry_at_a_moment(client: MlflowClient, name: str, promote: Register) -> None:
    promote(BAD)
    entries = ledger.read_entries(client, name)
    assert ledger.find_entry(entries, entries[0].created) == entries[0]
    assert ledger.find_entry(entries, datetime(2020, 1, 1, tzinfo=UTC)) is None


def test_moments() -> None:
    assert parse_moment("2026-03-03") == datetime(2026, 3, 3, 23, 59, 59, 999999, tzinfo=UTC)
    assert parse_moment("2026-03-03T14:30") == datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
    assert parse_moment("2026-03-03T14:30+02:00") == datetime(2026, 3, 3, 12, 30, tzinfo=UTC)
    assert parse_moment("9999-12-31") == datetime.max.replace(tzinfo=UTC)
    with pytest.raises(NewsdeskError, match=r"expected a date or a time such as 2026-03-03 .*found 'May'"):
        parse_moment("May")


def test_a_tag_that_another_process_sets_too_is_set_again() -> None:
    values: list[str] = []

    def setter(value: str, *errors: str) -> None:
        values.append(value)
        if len(values) <= len(errors):
            raise MlflowException(errors[len(values) - 1])

    store.set_with_retry(setter, "a", "(psycopg2.errors.UniqueViolation) duplicate key value")
    assert values == ["a", "a"]
    values.clear()
    with pytest.raises(MlflowException, match="disk I/O error"):
        store.set_with_retry(setter, "a", "(sqlite3.OperationalError) disk I/O error")
    assert values == ["a"], "no retry after another error"
