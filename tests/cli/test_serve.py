"""`newsdesk serve` as a process: SIGTERM loses no request, and a failed start is one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.commands import invoke, project_env
from tests.serving.conftest import DEADLINE, starter, wait


@pytest.mark.integration
def test_open_requests_are_finished_on_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    command = [sys.executable, "-c", "from newsdesk.cli.main import main; main()", "serve", "--port", "0"]
    with log.open("w", encoding="utf-8") as handle:
        process = subprocess.Popen(command, cwd=tmp_path, env=project_env(), stderr=handle)
    try:

        def find_address() -> re.Match[str] | None:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            return re.search(r"http://\S+(?=/$)", log.read_text(encoding="utf-8"), re.M)

        address = wait(find_address).group()
        assert httpx.get(f"{address}/health", timeout=DEADLINE).status_code == 200  # announced when ready
        slow = {"articles": starter(50), "explain": True, "top": 100}
        answers: list[int] = []

        def post() -> None:
            response = httpx.post(f"{address}/predict", json=slow, timeout=DEADLINE)
            answers.append(len(response.json()["predictions"]))

        posting = threading.Thread(target=post)
        posting.start()
        # One request in flight is that of /health itself.
        wait(lambda: httpx.get(f"{address}/health", timeout=DEADLINE).json()["in_flight"] > 1)
        os.kill(process.pid, signal.SIGTERM)
        posting.join()
        assert answers == [50]
        assert process.wait(timeout=60) == 0
        last = log.read_text(encoding="utf-8").splitlines()[-1]
        assert all(part in last for part in ('"event": "stopped"', '"articles": 50', '"in_flight": 0'))
    finally:
        process.kill()
        process.wait()


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
