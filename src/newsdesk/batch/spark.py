"""A job's parts written by Spark's workers: each task reads, labels and writes one part, and tells of it.

Articles don't pass through Spark: what goes in are numbers of parts, what comes out is what each has come to,
as Arrow both. So a task that is repeated, since its worker died, writes the same part over again; inputs and
output lie on storage that all machines share.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from newsdesk.base.console import Pace, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import partitioning
from newsdesk.batch.input_reader import Input
from newsdesk.batch.job import Job
from newsdesk.batch.part_writer import Order
from newsdesk.batch.partitioning import Given

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 30.0  # until it is told that no worker has taken a task
CAUSE = re.compile(r"^(?:: )?(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class OnSpark:
    """The engine of a cluster: a part a task, by the workers of a master.

    Parameters
    ----------
    model : Path
        The packaged folder.
    threads : int
        Threads that score in one task.
    conf : mapping of str to str
        Settings of Spark's own.

    Raises
    ------
    NewsdeskError
        If PySpark or Java is missing.
    """

    model: Path
    taxonomy: Taxonomy
    master: str
    threads: int
    conf: Mapping[str, str]
    name: str = "spark"
    leaves_gaps: bool = True

    def __post_init__(self) -> None:
        try:
            import pyspark  # noqa: F401
        except ModuleNotFoundError:
            mend = "install newsdesk[spark], or `make spark` in the checkout"
            raise NewsdeskError(f"--engine spark needs PySpark: {mend}") from None
        if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
            raise NewsdeskError("--engine spark needs Java 17 or newer: install it, or set JAVA_HOME")

    def write_parts(self, job: Job, inputs: Sequence[Input], order: Order, chunk_rows: int) -> None:
        """Have the workers write all parts that are missing, and take them in.

        Raises
        ------
        NewsdeskError
            If the cluster can't be reached, or a task fails each time that it is tried.
        """
        partitioning.write_parts(
            job, inputs, order, chunk_rows,
            model=self.model, taxonomy=self.taxonomy, threads=self.threads, run=self._run,
        )  # fmt: skip

    def _run(self, given: Given, todo: Sequence[int]) -> None:
        import pyspark
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            spark = self._session()
        except (PySparkException, Py4JError, RuntimeError) as error:
            cause = f"no session of Spark at {self.master}: {_cause(error)}"
            raise NewsdeskError(
                f"{cause}; is the master there, and does it run Spark {pyspark.__version__}?"
            ) from None
        try:
            _watch(spark, replace(given, model=partitioning.packed(self.model)), todo, self.master)
        except (PySparkException, Py4JError, ConnectionError) as error:
            raise NewsdeskError(
                f"{given.folder}: {_cause(error)}; mend that, then go on with --resume"
            ) from None
        finally:
            with suppress(Py4JError, ConnectionError):  # its JVM may be dead
                spark.stop()

    def _session(self) -> SparkSession:
        from pyspark import accumulators
        from pyspark.sql import SparkSession

        # a dead JVM is told by the job that fails; these would print tracebacks beside
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        logging.getLogger().addFilter(lambda record: "py4j" not in record.pathname)
        for server in (accumulators.AccumulatorTCPServer, accumulators.AccumulatorUnixServer):
            server.handle_error = lambda *_: None  # type: ignore[method-assign]
        settings = {
            "spark.app.name": "newsdesk predict",
            "spark.task.cpus": str(self.threads),
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "ERROR",
            **self.conf,
        }
        # the same Python on the workers, unless they are told another; the setting alone PySpark ignores
        os.environ.setdefault("PYSPARK_PYTHON", self.conf.get("spark.pyspark.python", sys.executable))
        # no pandas is in the way of ours
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        builder = SparkSession.builder.master(self.master)
        for name, value in settings.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


def _watch(spark: SparkSession, given: Given, todo: Sequence[int], master: str) -> None:
    """Run the tasks and tell of them until they are done."""
    context = spark.sparkContext
    rows = context.accumulator(0)
    task = _task(context.broadcast(given), list(todo), rows)
    # the number of a task, one a partition: Arrow in, Arrow out
    frame = spark.range(0, len(todo), 1, len(todo)).mapInArrow(task, "id long")
    pace = Pace("predict", total=len(given.units), done=len(given.units) - len(todo))
    tracker, began, told = context.statusTracker(), time.monotonic(), False
    with ThreadPoolExecutor(1) as pool:
        done: Future[Any] = pool.submit(frame.toArrow)
        try:
            seen = 0
            while not wait([done], POLL_SECONDS).done:
                stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
                n_active, n_failed, n_done = (
                    sum(getattr(stage, name) for stage in stages if stage)
                    for name in ("numActiveTasks", "numFailedTasks", "numCompletedTasks")
                )
                pace.tell(rows.value - seen, len(given.units) - len(todo) + n_done)
                seen = rows.value
                waits = not (n_active or n_failed or n_done or told)
                if waits and time.monotonic() - began > PATIENCE_SECONDS:
                    note(f"predict: waiting: no worker of {master} has taken a task yet")
                    told = True
            done.result()
        except BaseException:
            context.cancelAllJobs()  # else leaving the pool waits for every task
            raise
        pace.tell(rows.value - seen, len(given.units))
    pace.end()


def _task(
    given: Broadcast[Given], todo: list[int], counted: Any
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a worker does with the number of a task, which it gives back when the part is there."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for index in batch.column(0).to_pylist():
                counted.add(partitioning.write_unit(given.value, todo[index]).rows)
            yield batch

    return work


def _cause(error: Exception) -> str:
    """What a chain of errors of workers, Python and Java began with, in one line."""
    text = str(error)
    found = CAUSE.findall(text.split("JVM stacktrace")[0])
    if found:
        kind, said = found[-1]
        return str(said) if kind == "NewsdeskError" else f"{kind}: {said}"
    return (text.strip().splitlines() or [type(error).__name__])[0]
