"""What tests of the registry share: made runs, commands in processes of their own, and two real stores."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.files import sha256, write_json, write_table
from newsdesk.evaluation.metrics import evaluate_head
from newsdesk.evaluation.test_set import hash_test_set, select_test_set
from newsdesk.training.targets import indicator

if TYPE_CHECKING:
    from mlflow import MlflowClient

LABELS = {"region": ["europe", "us", "asia"], "topic": ["conflict", "economy", "sport"]}
N_BOOTSTRAP = 200
POSTGRES = Path("/usr/lib/postgresql/15/bin")
SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("article_id", "source", "group_id", "region_origin", "topic_origin")
        ),
        *((f"{task}_{kind}", pa.list_(pa.string())) for task in LABELS for kind in ("true", "predicted")),
        *((f"{task}_scores", pa.map_(pa.string(), pa.float64())) for task in LABELS),
        ("reason", pa.string()),
    ]
)


def make_predictions(
    *,
    errors: float,
    seed: int,
    test_seed: int = 0,
    n: int = 240,
    lose_sport_every: int = 0,
    labels: Mapping[str, list[str]] = LABELS,
) -> pa.Table:
    """Articles in groups of one or two, and what a model that errs with a probability says of each label.

    In every so many articles the model says nothing of sport.
    """
    truth, noise = np.random.default_rng(test_seed), np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row: dict[str, Any] = {
            "article_id": f"a{test_seed}-{i:04}",
            "source": ("north", "south")[i % 2],
            "group_id": f"g{i - i % 2 if truth.random() < 0.3 else i:04}",
            "region_origin": "gold",
            "topic_origin": "gold",
            "reason": None,
        }
        for task, names in labels.items():
            true = [label for label in names if truth.random() < 0.4]
            said = [label for label in names if (label in true) != (noise.random() < errors)]
            if lose_sport_every and i % lose_sport_every == 0:
                said = [label for label in said if label != "sport"]
            row[f"{task}_true"], row[f"{task}_predicted"] = true, said
            row[f"{task}_scores"] = [
                (label, round(float(abs((label in said) - noise.random() * 0.4)), 3)) for label in names
            ]
        if not row["region_predicted"] and not row["topic_predicted"]:
            row["reason"] = "no_evidence"
        rows.append(row)
    return pa.Table.from_pylist(rows, SCHEMA)


def measure(
    rows: Sequence[Mapping[str, Any]], labels: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics of each head on the rows of a test, and of each label."""
    metrics, by_label = {}, {}
    for task, of_task in labels.items():
        metrics[task], by_label[task] = evaluate_head(
            indicator([row[f"{task}_true"] for row in rows], of_task),
            indicator([row[f"{task}_predicted"] for row in rows], of_task),
            labels=of_task, groups=[row["group_id"] for row in rows], n_bootstrap=N_BOOTSTRAP, seed=0,
        )  # fmt: skip
    return metrics, by_label


def make_run(client: MlflowClient, folder: Path, predictions: pa.Table, *, skip: str = "") -> str:
    """A finished run as stage `track` makes it, of made predictions and a model that is a few bytes.

    `skip` is an artifact that is left out.
    """
    from mlflow.entities import Param, RunTag

    folder = folder / uuid.uuid4().hex
    described = {
        "name": uuid.uuid4().hex,  # no two models are the same
        "heads": [{"task": task, "labels": labels} for task, labels in LABELS.items()],
        "taxonomy": {
            f"{task}s": [{"id": label, "english": label.title(), "description": ""} for label in labels]
            for task, labels in LABELS.items()
        },
    }
    write_json(described, folder / "model/model.json")
    rows = select_test_set(predictions, origins=["gold"])
    metrics, by_label = measure(rows, LABELS)
    counts = {"read": 130, "kept": 120, "splits": {"test": 120}, "refused": {}}
    for name, content in {
        "metrics/evaluate.json": metrics,
        "metrics/labels.json": by_label,
        "metrics/clean.json": {"sources": {"north": counts, "south": counts}},
        "evaluation/sources.json": {"north": {"n": 120, "first": "2024-01-02", "last": "2025-03-04"}},
    }.items():
        write_json(content, folder / name)
    write_table(predictions, folder / "evaluation/predictions.parquet")
    if skip:
        path = folder / skip
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    digest = sha256(folder / "model") if (folder / "model").is_dir() else "0" * 64
    tags = {
        "newsdesk.model_sha256": digest,
        "newsdesk.articles_sha256": "a" * 64,
        "newsdesk.params_sha256": "b" * 64,
        "newsdesk.receipt": "c" * 64,
        "newsdesk.test_sha256": hash_test_set(rows),
        "newsdesk.test_origins": "gold",
        "mlflow.source.git.commit": "d" * 40,
    }
    experiment = client.get_experiment_by_name("made")
    experiment_id = experiment.experiment_id if experiment else _make_experiment(client, folder)
    run_id = str(client.create_run(experiment_id).info.run_id)
    params = {"evaluate.n_bootstrap": N_BOOTSTRAP, "evaluate.seed": 0, "evaluate.min_support": 20}
    client.log_batch(
        run_id,
        tags=[RunTag(key, value) for key, value in tags.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
    )
    client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id)
    return run_id


def _make_experiment(client: MlflowClient, folder: Path) -> str:
    local = client.tracking_uri.startswith("sqlite:")
    location = (folder.parent / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment("made", artifact_location=location))


@dataclass(frozen=True)
class Done:
    """What a command left behind: exit code, minus the signal if one killed it, and its outputs."""

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
    """`newsdesk` with a store: called in this process, or started in a fork of one that has MLflow imported."""

    folder: Path
    uri: str

    @property
    def env(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

    def start(self, *arguments: str) -> tuple[Any, Path]:
        out = self.folder / uuid.uuid4().hex
        started = FORKS.Process(target=_enter, args=([*arguments], self.env, self.folder, str(out)))
        started.start()
        return started, out

    def wait(self, started: tuple[Any, Path]) -> Done:
        process, out = started
        process.join(timeout=60)
        texts = [Path(f"{out}.{name}") for name in ("out", "err")]
        return Done(process.exitcode, *(p.read_text() if p.exists() else "" for p in texts))

    def __call__(self, *arguments: str) -> Done:
        from tests.conftest import invoke  # which imports this module

        done = invoke(*arguments, cwd=self.folder, **self.env)
        return Done(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URI of a database in a new PostgreSQL cluster on the loopback, in a temporary folder of its owner."""
    if not POSTGRES.is_dir():
        pytest.skip(f"{POSTGRES}: no PostgreSQL 15 here")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="newsdesk-pg-") as folder:  # its socket wants a short path
        as_owner = []
        if os.geteuid() == 0:  # it refuses to run as root
            as_owner = ["runuser", "-u", "postgres", "--"]
            shutil.chown(folder, "postgres")

        def call(program: str, *arguments: str) -> None:
            command = [*as_owner, str(POSTGRES / program), *arguments]
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
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
def mlflow_server(folder: Path, database: str) -> Iterator[str]:
    """The address of an MLflow server on the database that keeps and hands out the artifacts."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",
    ]  # fmt: skip
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTEST_"))}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
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
    """Wait until the server answers; fail with its log if it ends before."""
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


def tag_json(client: MlflowClient, name: str, version: str, tag: str) -> Any:
    """A tag of a version, parsed."""
    return json.loads(client.get_model_version(name, version).tags[tag])
