"""Write the parts of a job by the workers of a Spark cluster, a part in each task.

Spark passes Arrow batches with the numbers of slices, not articles. Inputs and output are on storage that
all machines share. A task that is repeated, since its worker died, writes the same part again.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from newsdesk.base.console import ProgressLine, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.partitioning import WorkerContext, write_slice, zip_folder

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

POLL_SECONDS = 0.2
WAITING_NOTE_SECONDS = 30.0
CAUSE = re.compile(r"^(?:: )?(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)


def check_installed() -> None:
    """Raise if PySpark or Java is missing."""
    if find_spec("pyspark") is None:
        raise NewsdeskError(
            "--engine spark needs PySpark: install newsdesk[spark], or run `make spark` in the checkout"
        )
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise NewsdeskError("--engine spark needs Java 17 or newer: install it, or set JAVA_HOME")


def write_slices(
    context: WorkerContext, numbers: Sequence[int], *, master: str, conf: Mapping[str, str]
) -> None:
    """Write each part in a task of the cluster at `master`; `conf` holds Spark's own settings."""
    import pyspark
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        spark = _start_session(master, {"spark.task.cpus": str(context.threads), **conf})
    except (PySparkException, Py4JError, RuntimeError) as error:
        raise NewsdeskError(
            f"no Spark session at {master}: {_find_cause(error)}; check that the master is running "
            f"and that its Spark is version {pyspark.__version__}"
        ) from None
    try:
        _run_tasks(spark, replace(context, archive=zip_folder(context.model)), numbers, master)
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise NewsdeskError(
            f"{context.folder}: {_find_cause(error)}; remove the cause, then run again with --resume"
        ) from None
    finally:
        with suppress(Py4JError, ConnectionError), ThreadPoolExecutor(1) as pool:  # the JVM may be dead
            pool.submit(spark.stop).result()


def _start_session(master: str, conf: Mapping[str, str]) -> SparkSession:
    from pyspark import accumulators
    from pyspark.sql import SparkSession

    # if the JVM dies, these would print tracebacks beside the job's error
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(lambda record: "py4j" not in record.pathname)
    for server in (accumulators.AccumulatorTCPServer, accumulators.AccumulatorUnixServer):
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    # PySpark ignores the setting `spark.pyspark.python` without this variable
    os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", sys.executable))
    # newsdesk passes Spark no pandas
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    settings: dict[str, Any] = {
        "spark.app.name": "newsdesk predict",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        **conf,
    }
    return SparkSession.builder.master(master).config(map=settings).getOrCreate()


def _run_tasks(spark: SparkSession, sent: WorkerContext, numbers: Sequence[int], master: str) -> None:
    """Run a task for each slice, and show progress until all are done.

    The main thread only waits: a signal that interrupts a call of Spark would leave its answer unread, and
    the thread's next call would take it for its own.
    """
    context = spark.sparkContext
    rows = context.accumulator(0)
    task = _build_task(context.broadcast(sent), list(numbers), rows)
    frame = spark.range(0, len(numbers), 1, len(numbers)).mapInArrow(task, "id long")  # a partition a task
    n_before = len(sent.slices) - len(numbers)
    tracker, began, counted, is_noted = context.statusTracker(), time.monotonic(), 0, False

    def count_tasks() -> list[int]:
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return [
            sum(getattr(stage, name) for stage in stages if stage)
            for name in ("numActiveTasks", "numFailedTasks", "numCompletedTasks")
        ]

    with (
        ProgressLine("predict", unit="row", total=len(sent.slices), done=n_before) as progress,
        ThreadPoolExecutor(2) as pool,
    ):
        result: Future[Any] = pool.submit(frame.toArrow)
        try:
            while not wait([result], POLL_SECONDS).done:
                n_active, n_failed, n_done = pool.submit(count_tasks).result()
                progress.update(rows.value - counted, n_before + n_done)
                counted = rows.value
                is_waiting = not (n_active or n_failed or n_done or is_noted)
                if is_waiting and time.monotonic() - began > WAITING_NOTE_SECONDS:
                    note(f"predict: waiting: no worker of {master} has taken a task yet")
                    is_noted = True
            result.result()
        except BaseException:
            pool.submit(context.cancelAllJobs).result()  # else leaving the pool would wait for all tasks
            raise
        progress.update(rows.value - counted, len(sent.slices))


def _build_task(
    sent: Broadcast[WorkerContext], numbers: list[int], rows: Any
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Build the function of a worker: it writes the slices of the tasks in a batch and returns the batch."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                rows.add(write_slice(sent.value, numbers[task]).rows)
            yield batch

    return run


def _find_cause(error: Exception) -> str:
    """Return the first cause in a chain of Python and Java errors, in one line."""
    text = str(error)
    found = CAUSE.findall(text.split("JVM stacktrace")[0])
    if found:
        kind, message = found[-1]
        return str(message) if kind == "NewsdeskError" else f"{kind}: {message}"
    return (text.strip().splitlines() or [type(error).__name__])[0]
