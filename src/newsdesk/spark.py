"""A job's parts written by Spark's workers: each task reads, labels and writes one part, and tells of it.

Articles don't pass through Spark: what goes in are numbers of parts, what comes out is what each has come to,
as Arrow both. So a task that is repeated, since its worker died, writes the same part over again; inputs and
output lie on storage that all machines share.
"""

from __future__ import annotations

import io
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from newsdesk import artifacts, parts
from newsdesk.console import note
from newsdesk.errors import NewsdeskError
from newsdesk.intake import At, Input, Reader, count_parquet_rows, size_of, take_records
from newsdesk.jobs import BEGUN, Job
from newsdesk.pace import Pace
from newsdesk.parts import WORK, Labeler, Order
from newsdesk.readers.refusals import Place
from newsdesk.taxonomy import Taxonomy

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

UNIT_BYTES = 64 * 2**20  # of small files that are read together
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 30.0  # until it is told that no worker has taken a task
UNREAD = Input(Place("", ""))
CAUSE = re.compile(r"^(?:: )?(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one part is made of: some files, or some rows of a Parquet file.

    `rows` is None for all that the files hold.
    """

    first: At
    n_inputs: int
    rows: int | None = None


def plan(inputs: Sequence[Input], chunk_rows: int) -> list[Unit]:
    """Cut inputs into what tasks read, in order: it depends on the files alone.

    A Parquet file is cut each so many rows. Files of lines can't be cut without reading them; small files
    are put together.
    """
    units: list[Unit] = []
    waiting = rows = size = 0  # files that wait to be read together
    for number, given in enumerate(inputs):
        more_rows, more_bytes = _rows_of(given, chunk_rows), size_of(given)
        if waiting and (rows + more_rows > chunk_rows or size + more_bytes > UNIT_BYTES):
            units.append(Unit(At(number - waiting), waiting))
            waiting = rows = size = 0
        if more_rows > chunk_rows:  # nothing waits: it would have been too much
            starts = range(0, more_rows, chunk_rows)
            units += [Unit(At(number, start), 1, chunk_rows) for start in starts[:-1]]
            units.append(Unit(At(number, starts[-1]), 1))  # all that is left, whatever the footer says
        else:
            waiting, rows, size = waiting + 1, rows + more_rows, size + more_bytes
    if waiting:
        units.append(Unit(At(len(inputs) - waiting), waiting))
    return units


def _rows_of(given: Input, chunk_rows: int) -> int:
    """Rows by which a Parquet file is cut; 0 for another, and for one that is refused as a whole."""
    rows = count_parquet_rows(given.path) if given.path else 0
    if rows > chunk_rows:
        first = next(Reader([given], sections=(), chunk_rows=1).pieces(), None)
        if first is None or any(not refusal.position for _, refusal in first.refused):
            return 0
    return rows


@dataclass(frozen=True)
class Given:
    """All that a worker is told of a job; sent to each worker once.

    Attributes
    ----------
    units : list of Unit
    sizes : list of (int or None)
        Bytes of the inputs, as the job's identity knows them.
    model : bytes
        The packaged folder, as zip.
    code : str
        The hash of newsdesk's code that the job was begun with.
    """

    folder: Path
    inputs: Sequence[Input]
    units: Sequence[Unit]
    sizes: Sequence[int | None]
    order: Order
    taxonomy: Taxonomy
    threads: int
    model: bytes
    model_sha256: str
    code: str


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
        units = plan(inputs, chunk_rows)
        todo = [number for number in range(len(units)) if number not in job.done]
        if todo:
            given = Given(
                folder=job.folder.absolute(),
                inputs=[replace(i, path=i.path.absolute()) if i.path else i for i in inputs],
                units=units,
                sizes=[row["bytes"] for row in job.inputs],
                order=order,
                taxonomy=self.taxonomy,
                threads=self.threads,
                model=_packed(self.model),
                model_sha256=job.model["sha256"],
                code=_code_sha256(),
            )
            self._run(given, todo)
        job.collect(len(units))

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
            _watch(spark, given, todo, self.master)
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
                counted.add(write_unit(given.value, todo[index]).rows)
            yield batch

    return work


def write_unit(given: Given, number: int) -> parts.Chunk:
    """Read, label and write a part, on a worker.

    Raises
    ------
    NewsdeskError
        If the worker sees other files, or runs other code, than the job was begun with.
    """
    _check_worker(given, number)
    unit = given.units[number]
    last = unit.first.input + unit.n_inputs
    # files before the first are not looked at, but numbers count from the first of all
    inputs = [UNREAD] * unit.first.input + list(given.inputs[unit.first.input : last])
    sections, carry = given.taxonomy.sections, given.order.carry
    rows = sys.maxsize if unit.rows is None else unit.rows
    reader = Reader(inputs, sections=sections, carry=carry, chunk_rows=rows)
    pieces = reader.pieces(unit.first)
    first = next(pieces, None)
    taken = take_records(first, pieces, rows) if first else iter(())
    return parts.write_part(given.folder, number, taken, _labeler(given), begins=unit.first)


def _check_worker(given: Given, number: int) -> None:
    """Storage that is not mounted must end the task: its files would be refused as unreadable."""
    here = platform.node()
    begun = given.folder / WORK / BEGUN
    if not begun.exists() or artifacts.sha256(begun) != given.order.job:
        raise NewsdeskError(f"worker {here} does not see the job in {given.folder}: is that shared storage?")
    unit = given.units[number]
    for k in range(unit.first.input, unit.first.input + unit.n_inputs):
        path, size = given.inputs[k].path, given.sizes[k]
        if path and size is not None and not _is_open(path, size):
            raise NewsdeskError(f"worker {here} does not see {path} as it was when the job began")
    if _code_sha256() != given.code:
        raise NewsdeskError(f"worker {here} runs another version of newsdesk; install the same on all")


def _is_open(path: Path, size: int) -> bool:
    """Whether a file of so many bytes can be read here."""
    try:
        with path.open("rb") as handle:
            return os.fstat(handle.fileno()).st_size == size
    except OSError:
        return False


_labelers: dict[tuple[str, Order], Labeler] = {}  # of this worker's process, which Spark uses again


def _labeler(given: Given) -> Labeler:
    key = (given.model_sha256, given.order)
    if key not in _labelers:
        with tempfile.TemporaryDirectory() as name:
            zipfile.ZipFile(io.BytesIO(given.model)).extractall(name)
            scorer = artifacts.read_model(Path(name))
        scorer.threads = given.threads
        _labelers[key] = Labeler(scorer, given.taxonomy, given.order)
    return _labelers[key]


@cache
def _code_sha256() -> str:
    return artifacts.sha256(Path(__file__).parent)


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", strict_timestamps=False) as archive:
        for file in artifacts.files_in(folder):
            archive.write(file, file.relative_to(folder))
    return packed.getvalue()


def _cause(error: Exception) -> str:
    """What a chain of errors of workers, Python and Java began with, in one line."""
    text = str(error)
    found = CAUSE.findall(text.split("JVM stacktrace")[0])
    if found:
        kind, said = found[-1]
        return str(said) if kind == "NewsdeskError" else f"{kind}: {said}"
    return (text.strip().splitlines() or [type(error).__name__])[0]
