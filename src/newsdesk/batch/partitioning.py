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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files, read_model, sha256
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.identity import code_sha256
from newsdesk.batch.input_reader import (
    Input,
    InputReader,
    Offset,
    count_parquet_rows,
    file_size,
    group_by_slice,
)
from newsdesk.batch.input_watch import InputWatch
from newsdesk.batch.job import BEGUN, Job
from newsdesk.batch.part_writer import WORK, Checkpoint, PartSpec, read_checkpoint, write_part
from newsdesk.inference.scorer import Scorer
from newsdesk.readers.column_notes import ColumnNotes
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


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Everything that a worker needs to know of a job; it is sent to each worker once."""

    folder: Path
    slices: Sequence[Slice]
    watch: InputWatch
    spec: PartSpec
    taxonomy: Taxonomy
    threads: int  # that score in one worker
    model: Path  # the packaged folder
    model_sha256: str
    code_sha256: str  # of newsdesk when the job began
    archive: bytes | None = None  # zip archive of the model, for workers that may not see its folder


WriteSlices = Callable[[WorkerContext, Sequence[int]], None]


def write_parts(
    job: Job,
    inputs: Sequence[Input],
    spec: PartSpec,
    *,
    model: Path,
    taxonomy: Taxonomy,
    threads: int,
    write_slices: WriteSlices,
) -> None:
    """Have workers write all missing parts in parallel, and read their checkpoints.

    `write_slices` has workers call `write_slice` with each of some numbers.
    """
    slices = plan_slices(inputs, spec.settings.rows)
    missing = [number for number in range(len(slices)) if number not in job.checkpoints]
    if missing:
        absolute = [replace(i, path=i.path.absolute()) if i.path else i for i in inputs]
        context = WorkerContext(
            folder=job.folder.absolute(),
            slices=slices,
            watch=replace(job.watch, inputs=absolute),
            spec=spec,
            taxonomy=taxonomy,
            threads=threads,
            model=model.absolute(),
            model_sha256=job.model["sha256"],
            code_sha256=job.code["sha256"],
        )
        write_slices(context, missing)
    for number in missing:
        checkpoint = read_checkpoint(job.folder, number, job=spec.job)
        if checkpoint is None:
            raise NewsdeskError(f"{job.folder}: part {number} is missing; run again with --resume")
        job.checkpoints[number] = checkpoint


def write_slice(context: WorkerContext, number: int) -> Checkpoint:
    """Read and label a slice and write its part, on a worker."""
    _check_worker(context, number)
    planned, spec, watch = context.slices[number], context.spec, context.watch
    first, last = planned.start.input, planned.start.input + planned.n_inputs
    # numbers of inputs count from the first of all, but files before the slice are not opened
    inputs = [UNREAD] * first + list(watch.inputs[first:last])
    rows = sys.maxsize if planned.rows is None else planned.rows
    sections, carry = context.taxonomy.sections, spec.settings.carry
    reader = InputReader(
        inputs, sections=sections, carry=carry, slice_rows=rows, columns=spec.settings.columns,
        on_columns=_note_columns, on_error=watch.on_error,
    )  # fmt: skip
    batches = watch.check_after(next(group_by_slice(reader.batches(planned.start), rows), iter(())))
    scorer = _cached_scorer(context)
    return write_part(context.folder, number, batches, scorer, context.taxonomy, spec, start=planned.start)


def _check_worker(context: WorkerContext, number: int) -> None:
    """Raise if this worker runs other code, or misses files, which would be refused as unreadable."""
    host = platform.node()
    begun = context.folder / WORK / BEGUN
    if not begun.exists() or sha256(begun) != context.spec.job:
        raise NewsdeskError(
            f"worker {host} does not see the job in {context.folder}; use storage that all workers share"
        )
    planned = context.slices[number]
    for k in range(planned.start.input, planned.start.input + planned.n_inputs):
        path, size = context.watch.inputs[k].path, context.watch.rows[k]["bytes"]
        if path and size is not None and not _is_readable(path, size):
            raise NewsdeskError(f"worker {host} does not see {path} as it was when the job began")
    if code_sha256() != context.code_sha256:
        raise NewsdeskError(f"worker {host} runs other code of newsdesk; install the same version everywhere")


def _is_readable(path: Path, size: int) -> bool:
    try:
        with path.open("rb") as handle:
            return os.fstat(handle.fileno()).st_size == size
    except OSError:
        return False


_note_columns = ColumnNotes()  # of this process
_scorers: dict[str, Scorer] = {}  # of this process, which Spark uses for many tasks, by SHA-256


def _cached_scorer(context: WorkerContext) -> Scorer:
    if context.model_sha256 not in _scorers:
        with tempfile.TemporaryDirectory() as unpacked:
            folder = context.model
            if context.archive:
                folder = Path(unpacked)
                zipfile.ZipFile(io.BytesIO(context.archive)).extractall(folder)
            scorer = read_model(folder)
            if sha256(folder) != context.model_sha256:
                raise NewsdeskError("the model has changed since the job began; name a new folder")
        _scorers[context.model_sha256] = scorer
    _scorers[context.model_sha256].threads = context.threads
    return _scorers[context.model_sha256]


def zip_folder(folder: Path) -> bytes:
    """Return a folder as a zip archive."""
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w", strict_timestamps=False) as archive:
        for file in list_files(folder):
            archive.write(file, file.relative_to(folder))
    return archived.getvalue()
