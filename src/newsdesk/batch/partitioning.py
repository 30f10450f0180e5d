"""Cutting a job's inputs into units, a part each, that any process writes which sees the same files.

Articles don't pass from process to process: what a worker is told is the number of a unit. So a unit that is
begun again, since its worker died, makes the same part over.
"""

from __future__ import annotations

import io
import os
import platform
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files, read_model, sha256
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import part_writer
from newsdesk.batch.input_reader import At, Input, Reader, count_parquet_rows, size_of, take_records
from newsdesk.batch.job import BEGUN, Job
from newsdesk.batch.part_writer import WORK, Labeler, Order
from newsdesk.readers.refusals import Provenance

UNIT_BYTES = 64 * 2**20  # of small files that are read together
UNREAD = Input(Provenance("", ""))


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
    model : Path or bytes
        The packaged folder, or a zip of it.
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
    model: Path | bytes
    model_sha256: str
    code: str


def write_parts(
    job: Job,
    inputs: Sequence[Input],
    order: Order,
    chunk_rows: int,
    *,
    model: Path,
    taxonomy: Taxonomy,
    threads: int,
    run: Callable[[Given, Sequence[int]], None],
) -> None:
    """Have others write all parts that are missing, and take them in.

    Parameters
    ----------
    model : Path
        The packaged folder.
    threads : int
        Threads that score in one process.
    run : callable
        Has the units of these numbers written by `write_unit`, wherever.

    Raises
    ------
    NewsdeskError
        If a part is not there in the end.
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
            taxonomy=taxonomy,
            threads=threads,
            model=model.absolute(),
            model_sha256=job.model["sha256"],
            code=_code_sha256(),
        )
        run(given, todo)
    job.collect(len(units))


def write_unit(given: Given, number: int) -> part_writer.Chunk:
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
    return part_writer.write_part(given.folder, number, taken, _labeler(given), begins=unit.first)


def _check_worker(given: Given, number: int) -> None:
    """Storage that is not mounted must end the task: its files would be refused as unreadable."""
    here = platform.node()
    begun = given.folder / WORK / BEGUN
    if not begun.exists() or sha256(begun) != given.order.job:
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
        with _unpacked(given.model) as folder:
            scorer = read_model(folder)
            if sha256(folder) != given.model_sha256:
                raise NewsdeskError("the model has changed since the job began; name a new folder")
        scorer.threads = given.threads
        _labelers[key] = Labeler(scorer, given.taxonomy, given.order)
    return _labelers[key]


@contextmanager
def _unpacked(model: Path | bytes) -> Iterator[Path]:
    if isinstance(model, Path):
        yield model
        return
    with tempfile.TemporaryDirectory() as name:
        zipfile.ZipFile(io.BytesIO(model)).extractall(name)
        yield Path(name)


@cache
def _code_sha256() -> str:
    return sha256(Path(__file__).parents[1])  # the whole of newsdesk


def packed(folder: Path) -> bytes:
    """A folder as zip, for a `Given` whose readers may not see the folder."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", strict_timestamps=False) as archive:
        for file in list_files(folder):
            archive.write(file, file.relative_to(folder))
    return written.getvalue()
