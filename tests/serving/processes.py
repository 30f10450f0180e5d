"""`newsdesk serve` as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.commands import project_env

from .conftest import wait

COMMAND = [sys.executable, "-c", "from newsdesk.cli.main import main; main()", "serve", "--port", "0"]


@dataclass(frozen=True)
class ServerProcess:
    """A server that is ready, and its log."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of the log that are JSON."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def serve(folder: Path, *options: str, **env: str) -> Iterator[ServerProcess]:
    """Start a server on a free port, wait until it is ready, and kill it at the end."""
    log = folder / "serve.log"
    with log.open("w", encoding="utf-8") as handle:
        process = subprocess.Popen([*COMMAND, *options], cwd=folder, env=project_env(**env), stderr=handle)

    def find_address() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        return re.search(r"http://\S+(?=/$)", log.read_text(encoding="utf-8"), re.M)

    try:
        yield ServerProcess(process, wait(find_address).group(), log)
    finally:
        process.kill()
        process.wait()
