"""register, promote and rollback killed behind each thing that they write; the server gone, artifacts missing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from mlflow import MlflowClient

from newsdesk.cli.operate.doctor import registry_findings
from newsdesk.registry import ledger, promotion
from newsdesk.registry import versions as registry
from newsdesk.registry.paired_test import Rules
from newsdesk.registry.versions import CARD_PATH, COMPLETE_TAG, finished_run
from tests.stores import Command, connect, free_port, make_predictions, make_run

GOOD, BAD = make_predictions(errors=0.02, seed=1), make_predictions(errors=0.25, seed=2)
FEW = ("--n-bootstrap", "200")
HOP = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


class Gate(ThreadingHTTPServer):
    """A proxy that passes all on, and behind the n-th request that writes kills a process or dies itself.

    The server has done what the request asks for then, and the process has not heard of it.
    """

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.behind, self.victim, self.n_left, self.shut = behind, None, -1, False
        self.written: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Passage(BaseHTTPRequestHandler):
    server: Gate
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        if self.server.shut:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
        request = Request(
            self.server.behind + self.path, data=body or None, headers=headers, method=self.command
        )
        try:
            with urlopen(request, timeout=30) as answer:
                status, found, content = answer.status, answer.headers, answer.read()
        except HTTPError as error:
            status, found, content = error.code, error.headers, error.read()
        if self.command != "GET" and not self.path.endswith("/search"):
            self.server.written.append(f"{self.command} {self.path.rpartition('/')[2]}")
            self.server.n_left -= 1
            if self.server.n_left == 0:
                self.server.shut = True
                if self.server.victim:
                    self.server.victim.kill()
                self.close_connection = True
                return
        self.send_response(status)
        for key, value in found.items():
            if key.lower() not in HOP:
                self.send_header(key, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def gate(mlflow_server: str) -> Iterator[Gate]:
    gate = Gate(mlflow_server)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    yield gate
    gate.shutdown()
    gate.server_close()


@pytest.fixture
def client(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return connect(mlflow_server)


@pytest.fixture
def name() -> str:
    return f"m{uuid.uuid4().hex[:8]}"


def run_until(gate: Gate, n: int, folder: Path, *arguments: str, kill: bool = True) -> Any:
    """Run a command through the gate until it has written n times."""
    gate.n_left, gate.shut, gate.victim, gate.written = n, False, None, []
    newsdesk = Command(folder, gate.address)
    started = newsdesk.start(*arguments)
    if kill:
        gate.victim = started[0]
    return newsdesk.wait(started)


def told(client: MlflowClient, name: str) -> list[tuple[str, str, str]]:
    """State, finding and advice of doctor on a model."""
    return [found[1:] for found in registry_findings(client) if found[0] == f"model {name}"]


def champion(client: MlflowClient, name: str) -> str | None:
    return registry.aliases(client, name).get("champion")


def promote(client: MlflowClient, name: str) -> promotion.Promotion:
    return promotion.promote(client, name, rules=Rules(n_bootstrap=200), reason="", dry_run=False)


def register(client: MlflowClient, name: str, run_id: str) -> tuple[str, str]:
    return registry.register(client, finished_run(client, run_id), name=name, card="# Card\n")


REGISTER = ["PUT card.md", "POST create", "POST create", "POST alias", "POST set-tag"]


@pytest.mark.parametrize("n", range(1, len(REGISTER) + 1))
def test_register_killed_behind_each_write(
    n: int, gate: Gate, client: MlflowClient, name: str, tmp_path: Path
) -> None:
    run_id = make_run(client, tmp_path, GOOD)
    done = run_until(gate, n, tmp_path, "register", "--run", run_id, "--name", name)
    assert (done.code, gate.written) == (-9, REGISTER[:n])
    versions = list(ledger.list_versions(client, name))
    advice = f"newsdesk register --run {run_id} --name {name}"
    if n < 3:  # as before
        assert (versions, told(client, name)) == ([], [])
    elif n < 5:
        alias = "set" if n == 4 else "not set"
        assert told(client, name)[0] == (
            "wrong", f"version 1 is incomplete: alias challenger {alias}", advice,
        )  # fmt: skip
        if n == 4:
            with pytest.raises(registry.NewsdeskError, match=f"version 1 is incomplete; run `{advice}`"):
                promote(client, name)
    else:  # as after
        assert told(client, name) == [
            ("ok", "1 versions, 0 entries in the ledger, champion none, challenger 1", "")
        ]
    expected = "registered" if n < 3 else "completed" if n < 5 else "already"
    assert register(client, name, run_id) == ("1", expected)
    (version,) = ledger.list_versions(client, name)
    assert version.tags[COMPLETE_TAG] == "true"
    assert registry.aliases(client, name) == {"challenger": "1"}


PROMOTE = ["POST set-tag", "POST create", "POST alias", "POST set-tag"]


@pytest.mark.parametrize("n", range(1, len(PROMOTE) + 1))
def test_promote_killed_behind_each_write(
    n: int, gate: Gate, client: MlflowClient, name: str, tmp_path: Path
) -> None:
    for predictions in (BAD, GOOD):
        register(client, name, make_run(client, tmp_path, predictions))
        if predictions is BAD:
            promote(client, name)
    done = run_until(gate, n, tmp_path, "promote", name, "--reason", "killed", *FEW)
    assert (done.code, gate.written) == (-9, PROMOTE[:n])
    assert champion(client, name) == ("1" if n < 3 else "2")
    ((state, found, advice),) = told(client, name)
    if n in (1, 4):  # as before, as after
        assert state == "ok"
        assert f"{1 if n == 1 else 2} entries in the ledger, champion {1 if n == 1 else 2}," in found
    else:
        at = champion(client, name)
        assert found == f"promote to version 2 was interrupted: it is in the ledger, champion is {at}"
        assert advice == f"newsdesk promote {name}: it finishes this first"
    if n < 4:
        again = promote(client, name)
        assert (again.finished, again.entry.reason if n > 1 else None) == (n > 1, "killed" if n > 1 else None)
    assert champion(client, name) == "2"
    entries = ledger.read_entries(client, name)
    assert ([e.to for e in entries], all(e.done for e in entries)) == (["1", "2"], True)
    assert told(client, name)[0][0] == "ok"


@pytest.mark.parametrize("n", [1, 2])
def test_a_killed_rollback_is_finished_and_not_made_twice(
    n: int, gate: Gate, client: MlflowClient, name: str, tmp_path: Path
) -> None:
    fair = make_predictions(errors=0.12, seed=5)
    for predictions in (BAD, fair, GOOD):
        register(client, name, make_run(client, tmp_path, predictions))
        promote(client, name)
    done = run_until(gate, n, tmp_path, "rollback", name, "--reason", "killed")
    assert (done.code, champion(client, name)) == (-9, "3" if n == 1 else "2")
    ((_, found, advice),) = told(client, name)
    assert found.startswith("rollback to version 2 was interrupted")
    assert advice == f"newsdesk rollback {name} --reason ...: it finishes this first"
    assert promotion.rollback(client, name, reason="again").reason == "killed"
    assert champion(client, name) == "2"
    assert len(ledger.read_entries(client, name)) == 4


@pytest.mark.parametrize("n", [1, 3])
def test_a_server_that_goes_away_is_told_in_a_line(
    n: int, gate: Gate, client: MlflowClient, name: str, tmp_path: Path
) -> None:
    run_id = make_run(client, tmp_path, GOOD)
    done = run_until(gate, n, tmp_path, "register", "--run", run_id, "--name", name, kill=False)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"newsdesk: MLflow store {gate.address}: API request to ")
    assert len(list(ledger.list_versions(client, name))) == (0 if n < 3 else 1)
    assert register(client, name, run_id)[1] == ("registered" if n < 3 else "completed")


def test_no_server(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = Command(tmp_path, address)("register", "--run", "a" * 32)
    assert (done.code, done.err.count("\n"), done.out) == (2, 1, "")
    assert done.err.startswith(f"newsdesk: MLflow store {address}: API request to ")


@pytest.mark.parametrize("missing", ["model", "evaluation/predictions.parquet", "metrics/evaluate.json"])
def test_a_missing_artifact_leaves_nothing_registered(
    missing: str, store: str, tmp_path: Path, name: str
) -> None:
    client = connect(store)
    run_id = make_run(client, tmp_path, GOOD, skip=missing)
    done = Command(tmp_path, store)("register", "--run", run_id, "--name", name)
    told = f"newsdesk: run {run_id}: its artifact {missing} is missing; run `newsdesk track` again\n"
    assert (done.code, done.err) == (2, told)
    assert not client.search_registered_models(f"name='{name}'")
    assert not [artifact for artifact in client.list_artifacts(run_id) if artifact.path == CARD_PATH]


def test_a_changed_model_is_not_registered(mlflow_file: str, tmp_path: Path, name: str) -> None:
    client = connect(mlflow_file)
    run_id = make_run(client, tmp_path, GOOD)
    client.log_text(run_id, "{}", "model/model.json")
    done = Command(tmp_path, mlflow_file)("register", "--run", run_id, "--name", name)
    assert (done.code, "its artifact model is not the model that was evaluated" in done.err) == (2, True)


def test_only_a_finished_run_of_the_pipeline_is_registered(mlflow_file: str, tmp_path: Path) -> None:
    client = connect(mlflow_file)
    run_id = make_run(client, tmp_path, GOOD)
    newsdesk = Command(tmp_path, mlflow_file)
    client.delete_tag(run_id, "newsdesk.test_sha256")
    assert f"run {run_id}: has no tag newsdesk.test_sha256" in newsdesk("register", "--run", run_id).err
    client.set_terminated(run_id, "FAILED")
    assert "its status is FAILED; only a finished run is" in newsdesk("register", "--run", run_id).err
    assert "the store has no such run" in newsdesk("register", "--run", "f" * 32).err
    assert newsdesk("register").err.startswith("newsdesk: metrics/receipt.json: no run of these files")
    assert newsdesk("promote", "a/b").err.startswith("newsdesk: 'a/b' is no name for a model")


@pytest.mark.integration
def test_the_same_model_is_told_not_doubled(store: str, tmp_path: Path, name: str) -> None:
    client, newsdesk = connect(store), Command(tmp_path, store)
    run_id = make_run(client, tmp_path, GOOD)
    started = [newsdesk.start("register", "--run", run_id, "--name", name) for _ in range(2)]
    ends = [newsdesk.wait(process) for process in started]
    assert [(done.code, done.out) for done in ends] == [(0, f"models:/{name}/1\n")] * 2, ends
    (version,) = ledger.list_versions(client, name)
    assert version.tags["mlflow.source.git.commit"] == "d" * 40
    register(client, name, make_run(client, tmp_path, BAD))
    again = newsdesk("register", "--run", run_id, "--name", name)
    assert "is this very model; it has the alias challenger again" in again.err


def test_an_old_schema_is_told(mlflow_file: str, tmp_path: Path) -> None:
    client = connect(mlflow_file)
    run_id = make_run(client, tmp_path, GOOD)
    old = tmp_path / "old.db"
    shutil.copy(mlflow_file.removeprefix("sqlite:///"), old)
    with sqlite3.connect(old) as database:
        database.execute("update alembic_version set version_num = 'bd07f7e963c5'")
    done = Command(tmp_path, f"sqlite:///{old}")("register", "--run", run_id)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "Detected out-of-date database schema (found version bd07f7e963c5" in done.err
    assert "mlflow db upgrade" in done.err
