"""Cut the inputs of a job into slices, one for each part, for workers that see the same files.

A worker receives the number of a slice, not its articles. A slice that is labelled again, since its worker
died, gives the same part.
"""

from __future__ import annotations

import io
import os
import platform
import sys
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files, read_model, sha256
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import part_writer
from newsdesk.batch.input_reader import (
    Input,
    InputReader,
    Offset,
    count_parquet_rows,
    file_size,
    group_by_slice,
)
from newsdesk.batch.job import BEGUN, JobFolder
from newsdesk.batch.part_writer import WORK, BatchLabeler, Checkpoint, PartSpec
from newsdesk.readers.refusals import Provenance

SLICE_BYTES = 64 * 2**20  # of small files that are put together
UNREAD = Input(Provenance("", ""))


@dataclass(frozen=True, slots=True)
class Slice:
    """The records of one part: files, or rows of a Parquet file; `rows` is None for all rows left."""

    start: Offset
    n_inputs: int
    rows: int | None = None


def plan_slices(inputs: Sequence[Input], slice_rows: int) -> list[Slice]:
    """Cut inputs into slices in order; the cut depends on the files alone.

    Parquet files are cut every `slice_rows` rows. Files of lines are not cut, as this would need reading
    them. Small files are put together.
    """
    slices: list[Slice] = []
    pending = rows = size = 0  # files to be put together
    for number, source in enumerate(inputs):
        n_rows, n_bytes = _rows_to_cut(source, slice_rows), file_size(source)
        if pending and (rows + n_rows > slice_rows or size + n_bytes > SLICE_BYTES):
            slices.append(Slice(Offset(number - pending), pending))
            pending = rows = size = 0
        if n_rows > slice_rows:  # so nothing is pending
            starts = range(0, n_rows, slice_rows)
            slices += [Slice(Offset(number, start), 1, slice_rows) for start in starts[:-1]]
            slices.append(Slice(Offset(number, starts[-1]), 1))  # all rows left, even if the footer is wrong
        else:
            pending, rows, size = pending + 1, rows + n_rows, size + n_bytes
    if pending:
        slices.append(Slice(Offset(len(inputs) - pending), pending))
    return slices


def _rows_to_cut(source: Input, slice_rows: int) -> int:
    """Return the rows of a Parquet file; 0 for other files, and for one that is refused as a whole."""
    rows = count_parquet_rows(source.path) if source.path else 0
    if rows > slice_rows:
        first = next(InputReader([source], sections=(), slice_rows=1).batches(), None)
        if first is None or any(not refusal.position for _, refusal in first.refused):
            return 0
    return rows


@dataclass(frozen=True)
class WorkerContext:
    """Everything that a worker needs to know of a job; it is sent to each worker once.

    Attributes
    ----------
    sizes : list of (int or None)
        Bytes of the inputs when the job began.
    model : Path or bytes
        The packaged folder, or a zip archive of it.
    code_sha256 : str
        Hash of newsdesk's code when the job began.
    """

    folder: Path
    inputs: Sequence[Input]
    slices: Sequence[Slice]
    sizes: Sequence[int | None]
    spec: PartSpec
    taxonomy: Taxonomy
    threads: int
    model: Path | bytes
    model_sha256: str
    code_sha256: str


@dataclass(frozen=True, kw_only=True)
class SliceEngine(ABC):
    """An engine whose workers label slices in parallel.

    Parameters
    ----------
    model : Path
        The packaged folder.
    threads : int
        Threads that score in one worker.
    """

    model: Path
    taxonomy: Taxonomy
    threads: int
    leaves_gaps: bool = True

    def write_parts(self, job: JobFolder, inputs: Sequence[Input], spec: PartSpec) -> None:
        """Have workers write all missing parts, and read their checkpoints.

        Raises
        ------
        NewsdeskError
            If a worker fails, or a part is missing at the end.
        """
        slices = plan_slices(inputs, spec.slice_rows)
        missing = [number for number in range(len(slices)) if number not in job.checkpoints]
        if missing:
            context = WorkerContext(
                folder=job.path.absolute(),
                inputs=[replace(i, path=i.path.absolute()) if i.path else i for i in inputs],
                slices=slices,
                sizes=[row["bytes"] for row in job.spec.inputs],
                spec=spec,
                taxonomy=self.taxonomy,
                threads=self.threads,
                model=self.model.absolute(),
                model_sha256=job.spec.model["sha256"],
                code_sha256=_code_sha256(),
            )
            self._write_slices(context, missing)
        job.collect(len(slices))

    @abstractmethod
    def _write_slices(self, context: WorkerContext, numbers: Sequence[int]) -> None:
        """Have workers call `write_slice` with each of the numbers."""


def write_slice(context: WorkerContext, number: int) -> Checkpoint:
    """Read and label a slice and write its part, on a worker.

    Raises
    ------
    NewsdeskError
        If the worker sees other files or runs other code than the process that began the job.
    """
    _check_worker(context, number)
    planned = context.slices[number]
    first, last = planned.start.input, planned.start.input + planned.n_inputs
    # numbers of inputs count from the first of all, but files before the slice are not opened
    inputs = [UNREAD] * first + list(context.inputs[first:last])
    rows = sys.maxsize if planned.rows is None else planned.rows
    sections, carry = context.taxonomy.sections, context.spec.carry
    reader = InputReader(inputs, sections=sections, carry=carry, slice_rows=rows)
    batches = next(group_by_slice(reader.batches(planned.start), rows), iter(()))
    return part_writer.write_part(
        context.folder, number, batches, _cached_labeler(context), start=planned.start
    )


def _check_worker(context: WorkerContext, number: int) -> None:
    """Raise if files are missing here, which would otherwise be refused as unreadable."""
    host = platform.node()
    begun = context.folder / WORK / BEGUN
    if not begun.exists() or sha256(begun) != context.spec.job:
        raise NewsdeskError(
            f"worker {host} does not see the job in {context.folder}; use storage that all workers share"
        )
    planned = context.slices[number]
    for k in range(planned.start.input, planned.start.input + planned.n_inputs):
        path, size = context.inputs[k].path, context.sizes[k]
        if path and size is not None and not _is_readable(path, size):
            raise NewsdeskError(f"worker {host} does not see {path} as it was when the job began")
    if _code_sha256() != context.code_sha256:
        raise NewsdeskError(f"worker {host} runs other code of newsdesk; install the same version everywhere")


def _is_readable(path: Path, size: int) -> bool:
    try:
        with path.open("rb") as handle:
            return os.fstat(handle.fileno()).st_size == size
    except OSError:
        return False


_labelers: dict[tuple[str, PartSpec], BatchLabeler] = {}  # of this process, which Spark uses for many tasks


def _cached_labeler(context: WorkerContext) -> BatchLabeler:
    key = (context.model_sha256, context.spec)
    if key not in _labelers:
        with _model_folder(context.model) as folder:
            scorer = read_model(folder)
            if sha256(folder) != context.model_sha256:
                raise NewsdeskError("the model has changed since the job began; name a new folder")
        scorer.threads = context.threads
        _labelers[key] = BatchLabeler(scorer, context.taxonomy, context.spec)
    return _labelers[key]


@contextmanager
def _model_folder(model: Path | bytes) -> Iterator[Path]:
    """Yield the folder of a model, unpacked if it is a zip archive."""
    if isinstance(model, Path):
        yield model
        return
    with tempfile.TemporaryDirectory() as name:
        zipfile.ZipFile(io.BytesIO(model)).extractall(name)
        yield Path(name)


def zip_folder(folder: Path) -> bytes:
    """Return a folder as a zip archive, for workers that may not see the folder."""
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w", strict_timestamps=False) as archive:
        for file in list_files(folder):
            archive.write(file, file.relative_to(folder))
    return archived.getvalue()


@cache
def _code_sha256() -> str:
    """Hash the code of the whole package, as the readers and the scorer decide the bytes of a part too."""
    return sha256(Path(__file__).parents[1])
