"""A real server in a process of its own, for the tests that need one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import project_env

DEADLINE = 120.0


class Server:
    """A running `newsdesk serve`: where it is, and what it has logged so far."""

    def __init__(self, running: subprocess.Popen[str], log: Path) -> None:
        self.process = running
        self._log = log
        self.url = wait(lambda: re.search(r"http://\S+(?=/$)", self.said(), re.M)).group()  # type: ignore[union-attr]
        wait(lambda: self.get("/health").status_code == 200)

    def said(self) -> str:
        assert self.process.poll() is None, self._log.read_text(encoding="utf-8")
        return self._log.read_text(encoding="utf-8")

    def records(self) -> list[dict[str, Any]]:
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=DEADLINE)

    def post(self, body: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json=body, timeout=DEADLINE)


def wait(holds: Any) -> Any:
    """Ask until the answer is true."""
    until = time.monotonic() + DEADLINE
    while not (found := holds()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


@contextmanager
def serving(folder: Path, *options: str, **env: str) -> Iterator[Server]:
    """`newsdesk serve` on a free port, stopped at the end."""
    log = folder / "serve.log"
    command = [
        sys.executable,
        "-c",
        "from newsdesk.cli import main; main()",
        "serve",
        "--port",
        "0",
        *options,
    ]
    with log.open("w", encoding="utf-8") as handle:
        running = subprocess.Popen(command, cwd=folder, env=project_env(**env), stderr=handle, text=True)
        try:
            yield Server(running, log)
        finally:
            running.kill()
            running.wait()
