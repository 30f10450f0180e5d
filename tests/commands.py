"""Run `newsdesk` with an MLflow store, in this process or in one that can be killed."""

from __future__ import annotations

import multiprocessing
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import invoke


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
