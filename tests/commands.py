"""Run commands: `newsdesk` in this process, in a fork that can be killed, or any command in a new process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner


def project_env(**extra: str) -> dict[str, str]:
    """Return environment variables for a command: this Python first in the path, none of an outer DVC or MLflow."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "GIT_", "PYTHON"))}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return env | {"DVC_NO_ANALYTICS": "true"} | extra


def run(*command: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and capture its output; the exit code is not checked."""
    return subprocess.run(
        command, cwd=cwd, env=project_env(**extra), capture_output=True, text=True, check=False
    )


def invoke(
    *arguments: str, cwd: Path | None = None, stdin: bytes = b"", **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run `newsdesk` in this process, which saves the seconds that a new one needs to import its packages.

    The result is that of `run("newsdesk", ...)`, except that the output of C libraries and of log handlers made
    earlier is not captured.
    """
    from newsdesk.cli.main import main

    handler = signal.getsignal(signal.SIGTERM)
    environment = {k: None for k in os.environ if k.startswith(("DVC_", "MLFLOW_", "GIT_"))} | extra
    with CliRunner(env=environment).isolation(stdin) as (out, err, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["newsdesk", *arguments])
        if cwd:
            patch.chdir(cwd)
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            signal.signal(signal.SIGTERM, handler)
        sys.stdout.flush()
        sys.stderr.flush()
        texts = out.getvalue().decode(), err.getvalue().decode()
    return subprocess.CompletedProcess(["newsdesk", *arguments], code, *texts)


@dataclass(frozen=True)
class Done:
    """Exit code of a command, minus the signal if one killed it, and its outputs."""

    code: int | None
    out: str
    err: str


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "mlflow.artifacts",
        "mlflow.store.artifact.mlflow_artifacts_repo",
        "mlflow.store.model_registry.sqlalchemy_store",
        "mlflow.store.tracking.sqlalchemy_store",
        "newsdesk.cli.main",
        "newsdesk.cli.registry.promote",
        "newsdesk.cli.registry.register",
    ]
)


def _enter(arguments: list[str], env: dict[str, str], folder: Path, out: str) -> None:
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_", "PYTEST_"))]:
        del os.environ[name]
    os.environ.update(env)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{out}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["newsdesk", *arguments]
    from newsdesk.cli.main import main

    main()


@dataclass(frozen=True)
class Command:
    """`newsdesk` with a store: called in this process, or started in a fork of one that has imported MLflow."""

    folder: Path
    uri: str

    @property
    def env(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

    def start(self, *arguments: str) -> tuple[Any, Path]:
        out = self.folder / uuid.uuid4().hex
        process = FORKS.Process(target=_enter, args=([*arguments], self.env, self.folder, str(out)))
        process.start()
        return process, out

    def wait(self, started: tuple[Any, Path]) -> Done:
        process, out = started
        process.join(timeout=60)
        texts = [Path(f"{out}.{name}") for name in ("out", "err")]
        return Done(process.exitcode, *(p.read_text() if p.exists() else "" for p in texts))

    def __call__(self, *arguments: str) -> Done:
        done = invoke(*arguments, cwd=self.folder, **self.env)
        return Done(done.returncode, done.stdout, done.stderr)
