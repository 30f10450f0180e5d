"""`promote`, `rollback` and `history`, on SQLite in this process and on a server with PostgreSQL."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from mlflow import MlflowClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_table
from newsdesk.cli.operate.doctor import registry_findings
from newsdesk.registry import ledger, promotion
from newsdesk.registry.paired_test import PromotionRules
from newsdesk.registry.promotion import VERDICT_TAG
from newsdesk.registry.store import read_aliases
from tests.commands import Command
from tests.recorded_runs import make_predictions
from tests.registry.conftest import Register

GOOD, FAIR, BAD, ALSO_BAD = (
    make_predictions(errors=errors, seed=seed)
    for errors, seed in ((0.02, 1), (0.12, 5), (0.25, 2), (0.25, 6))
)
LOSES_SPORT, UNCLEAR_ON_SPORT = (make_predictions(errors=0.02, seed=1, lose_sport_every=n) for n in (2, 4))
FEW = ("--n-bootstrap", "200")


def champion(client: MlflowClient, name: str) -> str | None:
    return read_aliases(client, name).get("champion")


def stored_verdict(client: MlflowClient, name: str, version: str) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads(client.get_model_version(name, version).tags[VERDICT_TAG])
    return verdict


@pytest.mark.parametrize(
    ("old", "new", "options", "code", "verdict", "blocking"),
    [
        pytest.param(BAD, GOOD, [], 0, "better", [], id="better"),
        pytest.param(BAD, ALSO_BAD, [], 3, "tie", [], id="tie"),
        pytest.param(GOOD, GOOD, [], 3, "tie", [], id="same"),
        pytest.param(FAIR, BAD, [], 4, "worse", ["region", "topic"], id="worse"),
        pytest.param(FAIR, LOSES_SPORT, [], 5, "worse_label", ["topic sport"], id="worse on a label"),
        pytest.param(FAIR, UNCLEAR_ON_SPORT, [], 0, "better", [], id="unclear on a label"),
        pytest.param(FAIR, UNCLEAR_ON_SPORT, ["--strict"], 5, "worse_label", ["topic sport"], id="strict"),
    ],
)
def test_verdicts(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register,
    old: pa.Table, new: pa.Table, options: list[str], code: int, verdict: str, blocking: list[str],
) -> None:  # fmt: skip
    assert (promote(old), register(new)) == ("1", "2")
    done = newsdesk("promote", "--name", name, "--reason", "why not", *FEW, *options)
    assert done.code == code, done.err
    assert champion(client, name) == ("2" if code == 0 else "1")
    stored = stored_verdict(client, name, "2")
    assert (stored["verdict"], stored["champion"], stored["challenger"]) == (verdict, "1", "2")
    assert stored["blocking"][:2] == blocking
    assert all(f" {word} " in done.out for word in ("f1_macro", "sport", "challenger"))
    last = ledger.read_entries(client, name)[-1]
    assert (last.version, last.reason) == (("2", "why not") if code == 0 else ("1", ""))
    assert f"version 2 of {name}: " in done.err


def test_dry_run_changes_nothing(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    promote(BAD)
    register(GOOD)
    done = newsdesk("promote", "--name", name, "--dry-run", *FEW)
    assert (done.code, champion(client, name)) == (8, "1")
    assert "it would be promoted" in done.err
    assert VERDICT_TAG not in client.get_model_version(name, "2").tags
    assert len(ledger.read_entries(client, name)) == 1


def test_first_champion_needs_no_comparison(
    client: MlflowClient, newsdesk: Command, name: str, register: Register
) -> None:
    failed = newsdesk("promote", "--name", name)
    assert (failed.code, f"no version of {name!r} is challenger; run `newsdesk register`" in failed.err) == (
        2,
        True,
    )
    register(BAD)
    done = newsdesk("promote", "--name", name)
    assert (done.code, champion(client, name)) == (0, "1")
    assert f"version 1 of {name}: there is no champion yet; champion now (entry 1" in done.err
    assert stored_verdict(client, name, "1")["verdict"] == "first"
    again = newsdesk("promote", "--name", name)
    assert (again.code, f"version 1 of {name!r} is challenger and champion" in again.err) == (2, True)


def test_different_test_sets(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register, tmp_path: Path
) -> None:
    promote(BAD)
    register(make_predictions(errors=0.02, seed=1, test_seed=9))
    done = newsdesk("promote", "--name", name, *FEW)
    assert (done.code, champion(client, name)) == (6, "1")
    assert "champion 1 and challenger 2 were measured on different tests; score the" in done.err
    scored, old = tmp_path / "scored.parquet", tmp_path / "old.parquet"
    write_table(make_predictions(errors=0.25, seed=2, test_seed=9), scored)
    done = newsdesk("promote", "--name", name, "--champion-predictions", str(scored), *FEW)
    assert (done.code, champion(client, name)) == (0, "2")
    write_table(BAD, old)
    register(make_predictions(errors=0.01, seed=1, test_seed=9))
    assert newsdesk("promote", "--name", name, "--champion-predictions", str(old), *FEW).code == 6


@pytest.mark.integration
def test_one_of_several_concurrent_promotions_wins(
    client: MlflowClient, store: str, name: str, register: Register, promote: Register, tmp_path: Path
) -> None:
    promote(BAD)
    register(GOOD)
    newsdesk = Command(tmp_path, store)
    started = [newsdesk.start("promote", "--name", name, "--reason", str(i), *FEW) for i in range(3)]
    finished = [newsdesk.wait(process) for process in started]
    winners = [done for done in finished if done.code == 0 and "champion now" in done.err]
    assert len(winners) == 1
    for done in finished:
        if done is not winners[0]:  # it lost, completed the winner's promotion, or came later
            assert (done.code, "made" in done.err and "meantime" in done.err) == (7, True) or (
                "its promotion had been interrupted and is finished now" in done.err
                or "is challenger and champion" in done.err
            )
    assert champion(client, name) == "2"
    assert [entry.version for entry in ledger.read_entries(client, name)] == ["1", "2"]


def test_promotion_between_reading_ledger_and_alias(
    client: MlflowClient, name: str, register: Register, promote: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alias follows a newer entry than the one that was read: not a champion set by hand."""
    promote(BAD)
    register(GOOD)
    settings: dict[str, Any] = {"rules": PromotionRules(n_bootstrap=200), "dry_run": False}

    def promote_first(client: MlflowClient, name: str) -> dict[str, str]:
        monkeypatch.setattr(promotion, "read_aliases", read_aliases)
        promotion.promote(client, name, reason="faster", **settings)
        return read_aliases(client, name)

    monkeypatch.setattr(promotion, "read_aliases", promote_first)
    with pytest.raises(NewsdeskError, match="is challenger and champion"):
        promotion.promote(client, name, reason="slower", **settings)
    assert [entry.reason for entry in ledger.read_entries(client, name)] == ["", "faster"]


def test_rollback_and_history(client: MlflowClient, newsdesk: Command, name: str, promote: Register) -> None:
    for predictions in (BAD, FAIR, GOOD):
        promote(predictions)
    for before, to in (("3", "2"), ("2", "1")):
        done = newsdesk("rollback", "--name", name, "--reason", "it was worse in the evening")
        assert (done.code, champion(client, name)) == (0, to)
        assert f"version {to} of {name} is champion, after {before}" in done.err
    done = newsdesk("rollback", "--name", name, "--reason", "once more")
    assert (done.code, champion(client, name)) == (2, "1")
    assert f"{name!r} has no champion before version 1" in done.err
    entries = ledger.read_entries(client, name)
    assert [entry.version for entry in entries] == ["1", "2", "3", "2", "1"]
    shown = newsdesk("history", "--name", name).out
    assert shown.count("it was worse in the evening") == 2
    assert shown.count(" better ") == 2
    at_third = newsdesk("history", "--name", name, "--as-of", entries[2].created.isoformat())
    assert (at_third.code, at_third.out) == (0, "3\n")
    day = entries[-1].created.date()
    assert newsdesk("history", "--name", name, "--as-of", day.isoformat()).out == "1\n"
    before_all = newsdesk("history", "--name", name, "--as-of", (day - timedelta(days=1)).isoformat())
    assert (before_all.code, "was champion at" in before_all.err) == (2, True)


def test_champion_set_by_hand(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    for predictions in (BAD, GOOD):
        promote(predictions)
    client.set_registered_model_alias(name, "champion", "1")
    register(FAIR)
    refused = newsdesk("promote", "--name", name, *FEW)
    message = f"champion of {name!r} is version 1 by its alias but 2 by the ledger, so it was set by hand;"
    assert (refused.code, message in refused.err) == (2, True)
    assert message in str(list(registry_findings(client)))
    assert newsdesk("rollback", "--name", name, "--reason", "by hand").code == 0
    assert champion(client, name) == "2"
    client.set_registered_model_alias(name, "champion", "1")
    assert newsdesk("promote", "--name", name, "--adopt", "--reason", "it stays").code == 0
    assert champion(client, name) == "1"
    assert [entry.kind for entry in ledger.read_entries(client, name)][2:] == ["rollback", "adopt"]
    assert (
        f"champion of {name!r} is 1 by the ledger too" in newsdesk("promote", "--name", name, "--adopt").err
    )


def test_no_server(tmp_path: Path) -> None:
    address = "http://127.0.0.1:9"  # the discard port
    done = Command(tmp_path, address)("promote")
    assert (done.code, done.err.count("\n"), done.out) == (2, 1, "")
    assert done.err.startswith(f"newsdesk: MLflow store {address}: API request to ")


def test_a_version_of_a_model_that_was_made_anew_is_no_champion_of_the_ledger(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, promote: Register
) -> None:
    """MLflow numbers its versions from 1 again."""
    promote(BAD)
    promote(FAIR)
    client.delete_registered_model(name)
    assert register(GOOD) == "1"
    done = newsdesk("rollback", "--name", name, "--reason", "back to the first")
    assert (done.code, champion(client, name)) == (2, None)
    assert f"'{name}' has no champion before none, or it was deleted" in done.err
    client.set_registered_model_alias(name, "champion", "1")
    register(ALSO_BAD)
    client.set_registered_model_alias(name, "champion", "2")  # by number the champion of the ledger
    done = newsdesk("promote", "--name", name, *FEW)
    assert done.code == 2
    assert f"version 2 of '{name}' is champion, but it is not the model that the ledger names" in done.err
    (finding,) = (found for found in registry_findings(client) if found.check == f"model {name}")
    assert (finding.state, "was deleted and made anew" in finding.found) == ("wrong", True)
    assert newsdesk("promote", "--name", name, "--adopt", "--reason", "a new registry").code == 0
    register(GOOD)
    assert newsdesk("promote", "--name", name, *FEW).code == 0
    assert champion(client, name) == "3"


def test_the_model_may_be_an_argument_as_in_0_1_0(newsdesk: Command, name: str, promote: Register) -> None:
    promote(BAD)
    assert newsdesk("history", name).out == newsdesk("history", "--name", name).out
    message = f"expected one registered model, found {name} and --name other"
    assert message in newsdesk("history", name, "--name", "other").err
