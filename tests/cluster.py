"""A Spark standalone cluster of processes on loopback: a master, workers, and nothing that outlives a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

LOOPBACK = "127.0.0.1"
STARTS_WITHIN = 90.0  # seconds, on a machine that is at work elsewhere


def missing() -> str | None:
    """Why there can be no cluster here, None if there can."""
    if find_spec("pyspark") is None:
        return "PySpark is missing: `make spark`"
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        return "Java is missing: install a JRE of version 17 or newer"
    return None


@dataclass
class Cluster:
    """A running master and its workers.

    Attributes
    ----------
    url : str
        Of the master.
    workers : list of Popen
        The JVM of each; its executor is a child of it.
    """

    url: str
    folder: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker of one core and wait until the master knows it."""
        name = f"worker-{len(self.workers)}"
        given = [
            "org.apache.spark.deploy.worker.Worker",
            "--cores",
            "1",
            "--memory",
            "1g",
            "--webui-port",
            "0",
        ]
        place = ["--host", LOOPBACK, "--work-dir", str(self.folder / name), self.url]
        log = self.folder / f"{name}.log"
        self.workers.append(_start([*given, *place], log, self.environment))
        _wait_for("Successfully registered with master", log, self.workers[-1])
        return self.workers[-1]


@contextmanager
def standalone(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """Start a master and workers, which write into a folder; all are killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SPARK_")},
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(folder / "spark"),
        "PYSPARK_PYTHON": sys.executable,
    }
    log = folder / "master.log"
    given = ["org.apache.spark.deploy.master.Master", "--host", LOOPBACK, "--port", "0", "--webui-port", "0"]
    master = _start(given, log, environment)
    cluster = None
    try:
        found = _wait_for("Starting Spark master at ", log, master)
        cluster = Cluster(found.split("Starting Spark master at ")[1].split()[0], folder, environment)
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        for process in [*(cluster.workers if cluster else []), master]:
            process.terminate()
        for process in [*(cluster.workers if cluster else []), master]:
            process.wait()


def _start(given: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    command = [str(Path(spec.origin).parent / "bin/spark-class"), *given]
    with log.open("wb") as written:
        return subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=environment)


def _wait_for(said: str, log: Path, process: subprocess.Popen[bytes]) -> str:
    """The line of a log that says so."""
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if said in line:
                return line
        time.sleep(0.1)
    raise RuntimeError(
        f"{log.name}: no word of {said!r}\n{log.read_text(encoding='utf-8', errors='replace')}"
    )
