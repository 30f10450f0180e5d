"""`register`, `promote` and `rollback`, interrupted after each of their writes, and a server that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from newsdesk.cli.operate.doctor import model_findings
from newsdesk.registry import ledger, promotion, versions
from newsdesk.registry.paired_test import PromotionRules
from newsdesk.registry.store import list_versions, read_aliases
from newsdesk.registry.versions import COMPLETE_TAG, get_finished_run
from tests.commands import Command
from tests.recorded_runs import make_predictions, make_run
from tests.registry.conftest import Register
from tests.registry.interruption import Proxy, interrupt_in_process, running_proxy

GOOD, FAIR, BAD = (
    make_predictions(errors=errors, seed=seed) for errors, seed in ((0.02, 1), (0.12, 5), (0.25, 2))
)
REGISTER = [
    "log_text", "create_registered_model", "create_model_version", "set_registered_model_alias",
    "set_model_version_tag",
]  # fmt: skip
PROMOTE = [
    "set_model_version_tag", "create_model_version", "set_registered_model_alias", "set_model_version_tag",
]  # fmt: skip
Interrupt = Callable[..., list[str]]


@pytest.fixture
def interrupt(store: str, tmp_path: Path) -> Iterator[Interrupt]:
    """Interrupt a command after n writes: by an exception on SQLite, by a kill on the server."""
    if store.startswith("sqlite"):
        yield lambda n, *arguments: interrupt_in_process(n, Command(tmp_path, store), arguments)
        return
    with running_proxy(store) as proxy:

        def kill(n: int, *arguments: str) -> list[str]:
            assert proxy.run(n, tmp_path, arguments, kill=True).code == -9
            return proxy.written

        yield kill


def findings(client: MlflowClient, name: str) -> list[tuple[str, ...]]:
    """State, finding and advice of `newsdesk doctor` on a model."""
    return [found[1:] for found in model_findings(client, name)]


def champion(client: MlflowClient, name: str) -> str | None:
    return read_aliases(client, name).get("champion")


def promote_once(client: MlflowClient, name: str) -> promotion.Promotion:
    rules = PromotionRules(n_bootstrap=200)
    return promotion.promote(client, name, rules=rules, reason="", dry_run=False)


def register_run(client: MlflowClient, name: str, run_id: str) -> tuple[str, str]:
    return versions.register(client, get_finished_run(client, run_id), name=name, card="# Card\n")


@pytest.mark.parametrize("n", range(1, len(REGISTER) + 1))
def test_register(n: int, interrupt: Interrupt, client: MlflowClient, name: str, tmp_path: Path) -> None:
    run_id = make_run(client, tmp_path, GOOD)
    assert interrupt(n, "register", "--run", run_id, "--name", name) == REGISTER[:n]
    advice = f"newsdesk register --run {run_id} --name {name}"
    if n < 3:  # no version yet
        assert (list(list_versions(client, name)), findings(client, name)) == ([], [])
    elif n < 5:  # an incomplete version
        alias = "set" if n == 4 else "not set"
        found = ("wrong", f"version 1 is incomplete: alias challenger {alias}", advice)
        assert findings(client, name)[0] == found
        if n == 4:
            with pytest.raises(versions.NewsdeskError, match=f"version 1 is incomplete; run `{advice}`"):
                promote_once(client, name)
    else:
        found = ("ok", "1 versions, 0 entries in the ledger, champion none, challenger 1", "")
        assert findings(client, name) == [found]
    expected = "registered" if n < 3 else "completed" if n < 5 else "already"
    assert register_run(client, name, run_id) == ("1", expected)
    (version,) = list_versions(client, name)
    assert version.tags[COMPLETE_TAG] == "true"
    assert read_aliases(client, name) == {"challenger": "1"}


@pytest.mark.parametrize("n", range(1, len(PROMOTE) + 1))
def test_promote(
    n: int, interrupt: Interrupt, client: MlflowClient, name: str, promote: Register, register: Register
) -> None:
    promote(BAD)
    register(GOOD)
    writes = interrupt(n, "promote", "--name", name, "--reason", "killed", "--n-bootstrap", "200")
    assert writes == PROMOTE[:n]
    assert champion(client, name) == ("1" if n < 3 else "2")
    ((state, found, advice),) = findings(client, name)
    if n in (1, 4):  # nothing changed, or all
        number = 1 if n == 1 else 2
        assert state == "ok"
        assert f"{number} entries in the ledger, champion {number}," in found
    else:
        at = champion(client, name)
        assert found == f"promote to version 2 was interrupted: it is in the ledger, champion is {at}"
        assert advice.startswith(f"newsdesk promote --name {name}:")
    if n < 4:
        again = promote_once(client, name)
        assert again.entry
        assert (again.resumed, again.entry.reason) == (n > 1, "killed" if n > 1 else "")
    assert champion(client, name) == "2"
    entries = ledger.read_entries(client, name)
    assert ([e.version for e in entries], all(e.applied for e in entries)) == (["1", "2"], True)
    assert findings(client, name)[0][0] == "ok"


@pytest.mark.parametrize("n", [1, 2])
def test_rollback_is_completed_and_not_repeated(
    n: int, interrupt: Interrupt, client: MlflowClient, name: str, promote: Register
) -> None:
    for predictions in (BAD, FAIR, GOOD):
        promote(predictions)
    interrupt(n, "rollback", "--name", name, "--reason", "killed")
    assert champion(client, name) == ("3" if n == 1 else "2")
    ((_, found, advice),) = findings(client, name)
    assert found.startswith("rollback to version 2 was interrupted")
    assert advice.startswith(f"newsdesk rollback --name {name} --reason")
    assert promotion.rollback(client, name, reason="again").reason == "killed"
    assert champion(client, name) == "2"
    assert len(ledger.read_entries(client, name)) == 4


@pytest.fixture
def proxy(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    with running_proxy(mlflow_server) as proxy:
        yield proxy


@pytest.mark.parametrize("n", [1, 3])
def test_server_that_goes_away(n: int, proxy: Proxy, name: str, tmp_path: Path) -> None:
    client = MlflowClient(proxy.server, proxy.server)
    run_id = make_run(client, tmp_path, GOOD)
    done = proxy.run(n, tmp_path, ("register", "--run", run_id, "--name", name), kill=False)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"newsdesk: MLflow store {proxy.address}: API request to ")
    assert len(list(list_versions(client, name))) == (0 if n < 3 else 1)
    assert register_run(client, name, run_id)[1] == ("registered" if n < 3 else "completed")
