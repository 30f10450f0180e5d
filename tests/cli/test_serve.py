"""`newsdesk serve` as a process: SIGTERM loses no request, and a failed start is one line."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from tests.commands import invoke
from tests.serving.conftest import DEADLINE, starter, wait
from tests.serving.processes import serve


@pytest.mark.integration
def test_open_requests_are_finished_on_sigterm(tmp_path: Path) -> None:
    slow = {"articles": starter(50), "explain": True, "top": 100}
    answers: list[int] = []
    with serve(tmp_path, "--drain", "0") as server:

        def post() -> None:
            response = httpx.post(f"{server.address}/predict", json=slow, timeout=DEADLINE)
            answers.append(len(response.json()["predictions"]))

        posting = threading.Thread(target=post)
        posting.start()
        # One request in flight is that of /metrics itself.
        wait(lambda: "newsdesk_requests_in_flight 2.0" in httpx.get(f"{server.address}/metrics").text)
        server.terminate()
        posting.join()
        assert answers == [50]
        assert server.process.wait(timeout=DEADLINE) == 0
        last = server.records()[-1]
        assert (last["event"], last["articles"]) == ("stopped", 50)


@pytest.mark.integration
def test_clients_are_told_before_connections_are_refused(tmp_path: Path) -> None:
    with serve(tmp_path, "--drain", "3") as server, httpx.Client(base_url=server.address) as client:
        assert client.get("/ready").status_code == 200
        server.terminate()
        refused = wait(lambda: (r := client.get("/ready")).status_code == 503 and r)
        assert refused.json()["message"] == "the server is stopping"
        health = client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "stopping")
        predicted = httpx.post(f"{server.address}/predict", json={"text": "x"}, timeout=DEADLINE)
        for response in (refused, health, predicted):
            assert response.headers["connection"] == "close"
        assert server.process.wait(timeout=DEADLINE) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "nowhere"], "nowhere: no such model folder"),
        (["--model", "models:/newsdesk@champion"], "no such file"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:8000"),
    ],
)
def test_failed_start_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    done = invoke("serve", *options, cwd=tmp_path, MLFLOW_TRACKING_URI=store)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("newsdesk: warning: ")]
    assert (done.returncode, len(errors)) == (2, 1)
    assert message in errors[0]
