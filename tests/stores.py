"""Real MLflow stores: PostgreSQL clusters and MLflow servers of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlflow import MlflowClient

POSTGRES = Path("/usr/lib/postgresql/15/bin")


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yield the URI of a database in a new PostgreSQL cluster, stopped at the end."""
    if not POSTGRES.is_dir():
        pytest.skip(f"{POSTGRES}: PostgreSQL 15 is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="newsdesk-pg-") as folder:  # the path of a socket has to be short
        as_owner = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            as_owner = ["runuser", "-u", "postgres", "--"]
            shutil.chown(folder, "postgres")

        def call(program: str, *arguments: str) -> None:
            command = [*as_owner, str(POSTGRES / program), *arguments]
            output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
            done = subprocess.run(command, cwd=folder, timeout=60, check=False, **output)
            assert done.returncode == 0, done.stderr

        data = f"{folder}/data"
        call("initdb", "-D", data, "-U", "newsdesk", "-A", "trust", "--no-sync", "-E", "UTF8")
        settings = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        call("pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", settings, "start")
        try:
            call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "newsdesk", "mlflow")
            yield f"postgresql+psycopg2://newsdesk@127.0.0.1:{port}/mlflow"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")


@contextlib.contextmanager
def mlflow_server(folder: Path, database: str, *options: str, **extra: str) -> Iterator[str]:
    """Yield the address of an MLflow server on a database that serves artifacts too, stopped at the end."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", *options,
    ]  # fmt: skip
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTEST_"))}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **extra}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            await_health(f"http://127.0.0.1:{port}", server, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def await_health(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server responds; fail with its log if it ends before."""
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
            return
        time.sleep(0.1)
    pytest.fail(f"the MLflow server did not start:\n{log.read_text()[-2000:]}")


def connect(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
