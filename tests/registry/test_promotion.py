"""The promotion matrix, rollback and history, by the commands, on SQLite and on a server with PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_table
from newsdesk.cli.operate.doctor import registry_findings
from newsdesk.registry import ledger, promotion, versions
from newsdesk.registry.paired_test import Rules
from newsdesk.registry.promotion import VERDICT_TAG
from newsdesk.registry.versions import finished_run
from tests.stores import Command, connect, make_predictions, make_run, tag_json

Register = Callable[..., str]
GOOD, FAIR, BAD, BAD_TOO = (
    make_predictions(errors=errors, seed=seed)
    for errors, seed in ((0.02, 1), (0.12, 5), (0.25, 2), (0.25, 6))
)
LOSES_SPORT, UNSURE_OF_SPORT = (make_predictions(errors=0.02, seed=1, lose_sport_every=n) for n in (2, 4))
FEW = ("--n-bootstrap", "200")


@pytest.fixture
def client(store: str) -> MlflowClient:
    return connect(store)


@pytest.fixture
def newsdesk(store: str, tmp_path: Path) -> Command:
    return Command(tmp_path, store)


@pytest.fixture
def name() -> str:
    return f"m{uuid.uuid4().hex[:8]}"


@pytest.fixture
def register(client: MlflowClient, name: str, tmp_path: Path) -> Register:
    """Make a run of predictions and register it; its version is returned."""

    def call(predictions: pa.Table) -> str:
        run = finished_run(client, make_run(client, tmp_path, predictions))
        return versions.register(client, run, name=name, card="# Card\n")[0]

    return call


@pytest.fixture
def promote(
    client: MlflowClient, name: str, register: Register, store: str, monkeypatch: pytest.MonkeyPatch
) -> Register:
    """Make a run of predictions champion, which has to be better; its version is returned."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)

    def call(predictions: pa.Table) -> str:
        number = register(predictions)
        done = promotion.promote(client, name, rules=Rules(n_bootstrap=200), reason="", dry_run=False)
        assert done.entry
        assert done.entry.to == number
        return number

    return call


def champion(client: MlflowClient, name: str) -> str | None:
    version = client.get_registered_model(name).aliases.get("champion")
    return None if version is None else str(version)


@pytest.mark.parametrize(
    ("old", "new", "options", "code", "verdict", "blocking"),
    [
        (BAD, GOOD, [], 0, "better", []),
        (BAD, BAD_TOO, [], 3, "tie", []),
        (GOOD, GOOD, [], 3, "tie", []),
        (FAIR, BAD, [], 4, "worse", ["region", "topic"]),
        (FAIR, LOSES_SPORT, [], 5, "worse_label", ["topic sport"]),
        (FAIR, UNSURE_OF_SPORT, [], 0, "better", []),
        (FAIR, UNSURE_OF_SPORT, ["--strict"], 5, "worse_label", ["topic sport"]),
    ],
    ids=[
        "better",
        "tie",
        "the same",
        "worse",
        "worse on a label",
        "unclear on a label",
        "unclear and strict",
    ],
)
def test_the_matrix(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register,
    old: pa.Table, new: pa.Table, options: list[str], code: int, verdict: str, blocking: list[str],
) -> None:  # fmt: skip
    assert (promote(old), register(new)) == ("1", "2")
    done = newsdesk("promote", name, "--reason", "why not", *FEW, *options)
    assert done.code == code, done.err
    assert champion(client, name) == ("2" if code == 0 else "1")
    stored = tag_json(client, name, "2", VERDICT_TAG)
    assert (stored["verdict"], stored["champion"], stored["challenger"]) == (verdict, "1", "2")
    assert stored["blocking"][:2] == blocking
    assert all(f" {told} " in done.out for told in ("f1_macro", "sport", "challenger"))
    last = ledger.read_entries(client, name)[-1]
    assert (last.to, last.reason) == (("2", "why not") if code == 0 else ("1", ""))
    assert f"version 2 of {name}: " in done.err


def test_a_dry_run_changes_nothing(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    promote(BAD)
    register(GOOD)
    done = newsdesk("promote", name, "--dry-run", *FEW)
    assert (done.code, champion(client, name)) == (8, "1")
    assert "it would be promoted" in done.err
    assert VERDICT_TAG not in client.get_model_version(name, "2").tags
    assert len(ledger.read_entries(client, name)) == 1


def test_the_first_needs_no_comparison(
    client: MlflowClient, newsdesk: Command, name: str, register: Register
) -> None:
    refused = newsdesk("promote", name)
    assert refused.code == 2
    assert refused.err == f"newsdesk: no version of {name!r} is challenger; run `newsdesk register` first\n"
    register(BAD)
    done = newsdesk("promote", name)
    assert (done.code, champion(client, name)) == (0, "1")
    assert done.err == (
        f"promote: version 1 of {name}: there is no champion yet; champion now (entry 1 of the ledger)\n"
    )
    assert tag_json(client, name, "1", VERDICT_TAG)["verdict"] == "first"
    again = newsdesk("promote", name)
    assert again.code == 2
    assert f"version 1 of {name!r} is challenger and champion" in again.err


def test_another_test_is_refused(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register, tmp_path: Path
) -> None:
    promote(BAD)
    register(make_predictions(errors=0.02, seed=1, test_seed=9))
    done = newsdesk("promote", name, *FEW)
    assert (done.code, champion(client, name)) == (6, "1")
    assert (
        "champion 1 and challenger 2 were measured on different tests; score the challenger's test"
        in done.err
    )
    write_table(make_predictions(errors=0.25, seed=2, test_seed=9), tmp_path / "scored.parquet")
    done = newsdesk("promote", name, "--champion-predictions", "scored.parquet", *FEW)
    assert (done.code, champion(client, name)) == (0, "2")
    write_table(BAD, tmp_path / "old.parquet")
    register(make_predictions(errors=0.01, seed=1, test_seed=9))
    assert newsdesk("promote", name, "--champion-predictions", "old.parquet", *FEW).code == 6


@pytest.mark.integration
def test_of_two_at_once_one_wins_and_the_other_is_told(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    promote(BAD)
    register(GOOD)
    started = [newsdesk.start("promote", name, "--reason", str(i), *FEW) for i in range(3)]
    ends = [newsdesk.wait(process) for process in started]
    winners = [done for done in ends if done.code == 0 and "champion now" in done.err]
    assert len(winners) == 1
    for done in ends:
        if done is not winners[0]:  # it lost, helped the winner, or came late
            assert (done.code, "made" in done.err and "meantime" in done.err) == (7, True) or (
                "its promotion had been interrupted and is finished now" in done.err
                or "is challenger and champion" in done.err
            )
    assert champion(client, name) == "2"
    assert [entry.to for entry in ledger.read_entries(client, name)] == ["1", "2"]


def test_a_promotion_between_the_two_readings_is_not_by_hand(
    client: MlflowClient, name: str, register: Register, promote: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(BAD)
    register(GOOD)
    given: dict[str, Any] = {"rules": Rules(n_bootstrap=200), "dry_run": False}
    read = promotion.aliases

    def aliases(client: MlflowClient, name: str) -> dict[str, str]:
        monkeypatch.setattr(promotion, "aliases", read)
        promotion.promote(client, name, reason="faster", **given)
        return read(client, name)

    monkeypatch.setattr(promotion, "aliases", aliases)
    with pytest.raises(NewsdeskError, match="is challenger and champion"):
        promotion.promote(client, name, reason="slower", **given)
    assert [entry.reason for entry in ledger.read_entries(client, name)] == ["", "faster"]


def test_a_tag_that_another_set_at_that_moment_is_set_again() -> None:
    said: list[str] = []

    def change(value: str, *errors: str) -> None:
        said.append(value)
        if len(said) <= len(errors):
            raise MlflowException(errors[len(said) - 1])

    ledger.write(change, "a", "(psycopg2.errors.UniqueViolation) duplicate key value")
    assert said == ["a", "a"]
    said.clear()
    with pytest.raises(MlflowException, match="disk I/O error"):
        ledger.write(change, "a", "(sqlite3.OperationalError) disk I/O error")
    assert said == ["a"], "what is no race is told at once"


def test_an_entry_counts_only_behind_the_one_that_was_read(
    client: MlflowClient, name: str, promote: Register
) -> None:
    promote(BAD)
    (head,) = ledger.read_entries(client, name)
    told = {"after": head, "kind": "promote", "before": "1", "to": "1", "verdict": {"verdict": "better"}}
    ledger.append(client, name, reason="first", **told)
    with pytest.raises(ledger.LostRaceError, match="made version 1 champion in the meantime"):
        ledger.append(client, name, reason="second", **told)
    assert [entry.reason for entry in ledger.read_entries(client, name)] == ["", "first"]


def test_rollback_and_history(client: MlflowClient, newsdesk: Command, name: str, promote: Register) -> None:
    for predictions in (BAD, FAIR, GOOD):
        promote(predictions)
    for before, to in (("3", "2"), ("2", "1")):
        done = newsdesk("rollback", name, "--reason", "it was worse in the evening")
        assert (done.code, champion(client, name)) == (0, to)
        assert f"version {to} of {name} is champion, after {before}" in done.err
    done = newsdesk("rollback", name, "--reason", "once more")
    assert (done.code, champion(client, name)) == (2, "1")
    assert done.err == f"newsdesk: no champion of {name!r} was before version 1, or none is left\n"
    entries = ledger.read_entries(client, name)
    assert [entry.to for entry in entries] == ["1", "2", "3", "2", "1"]
    for entry, to in zip(entries, "12321", strict=True):
        assert ledger.entry_at(entries, entry.when).to == to
    asked = newsdesk("history", name, "--as-of", entries[2].when.isoformat())
    assert (asked.code, asked.out) == (0, "3\n")
    day = entries[-1].when.date()
    assert newsdesk("history", name, "--as-of", day.isoformat()).out == "1\n"
    before = newsdesk("history", name, "--as-of", (day - timedelta(days=1)).isoformat())
    assert (before.code, "was champion at" in before.err) == (2, True)
    shown = newsdesk("history", name).out
    assert shown.count("it was worse in the evening") == 2
    assert shown.count(" better ") == 2


def test_a_champion_set_by_hand_is_told_and_mended(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    for predictions in (BAD, GOOD):
        promote(predictions)
    client.set_registered_model_alias(name, "champion", "1")
    register(FAIR)
    refused = newsdesk("promote", name, *FEW)
    told = f"champion of {name!r} is version 1 by its alias but 2 by the ledger, so it was set by hand;"
    assert (refused.code, told in refused.err) == (2, True)
    assert told in str(list(registry_findings(client)))
    assert newsdesk("rollback", name, "--reason", "by hand").code == 0
    assert champion(client, name) == "2"
    client.set_registered_model_alias(name, "champion", "1")
    assert newsdesk("promote", name, "--adopt", "--reason", "it stays").code == 0
    assert champion(client, name) == "1"
    assert [entry.kind for entry in ledger.read_entries(client, name)][2:] == ["rollback", "adopt"]
    assert newsdesk("promote", name, "--adopt").err == (
        f"newsdesk: champion of {name!r} is 1, as the ledger says\n"
    )


def test_a_ledger_that_was_changed_is_not_believed(
    client: MlflowClient, newsdesk: Command, name: str, promote: Register
) -> None:
    for predictions in (BAD, GOOD):
        promote(predictions)
    client.delete_model_version(f"{name}.ledger", "1")
    done = newsdesk("history", name)
    assert (done.code, "was removed or changed; restore the store from a backup" in done.err) == (2, True)
    found = newsdesk("doctor")
    assert (found.code, f"ledger of {name}: entry 2 does not follow" in found.out) == (1, True)
