"""Write the parts of a job in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from newsdesk.base import signals
from newsdesk.base.console import ProgressLine
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.input_reader import Batch, Input, InputReader, group_by_slice
from newsdesk.batch.job import Job
from newsdesk.batch.part_writer import PartSpec, write_part
from newsdesk.inference.scorer import Scorer
from newsdesk.readers.column_notes import ColumnNotes

T = TypeVar("T")


def write_parts(
    job: Job, inputs: Sequence[Input], spec: PartSpec, *, scorer: Scorer, taxonomy: Taxonomy
) -> None:
    """Write all missing parts in order, with all threads of the scorer."""
    carry, rows = spec.settings.carry, spec.settings.rows
    watch = job.watch
    reader = InputReader(
        inputs, sections=taxonomy.sections, carry=carry, slice_rows=rows, columns=spec.settings.columns,
        on_columns=ColumnNotes(), on_error=watch.on_error,
    )  # fmt: skip
    batches = reader.batches(job.next_offset)
    if scorer.threads > 1:
        batches = read_ahead(batches)
    done = reader.bytes_before(job.next_offset)
    with (
        ProgressLine("predict", unit="row", total=reader.total_bytes, done=done) as progress,
        signals.deferred() as deliver_signal,
    ):

        def on_batch(batch: Batch) -> None:
            progress.update(batch.read.total(), batch.bytes_read)
            deliver_signal()

        for part in group_by_slice(batches, rows):
            number, start = len(job.checkpoints), job.next_offset
            checked = watch.check_after(part)
            job.checkpoints[number] = write_part(
                job.folder, number, checked, scorer, taxonomy, spec, start=start, on_batch=on_batch
            )


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, and prepare the next one in a thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
