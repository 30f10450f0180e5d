"""Write the parts of a job in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from newsdesk.base import signals
from newsdesk.base.console import ProgressLine
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.input_reader import Batch, Input, InputReader, group_by_slice
from newsdesk.batch.job import JobFolder
from newsdesk.batch.part_writer import BatchLabeler, PartSpec
from newsdesk.inference.scorer import Scorer

T = TypeVar("T")


@dataclass(frozen=True)
class LocalEngine:
    """Write parts in order, with all threads of the scorer."""

    scorer: Scorer
    taxonomy: Taxonomy
    name: str = "local"
    leaves_gaps: bool = False

    def write_parts(self, job: JobFolder, inputs: Sequence[Input], spec: PartSpec) -> None:
        """Write all missing parts."""
        sections = self.taxonomy.sections
        reader = InputReader(inputs, sections=sections, carry=spec.carry, slice_rows=spec.slice_rows)
        batches = reader.batches(job.next_offset)
        if self.scorer.threads > 1:
            batches = read_ahead(batches)
        done = reader.bytes_before(job.next_offset)
        with (
            ProgressLine("predict", unit="rows", total=reader.total_bytes, done=done) as progress,
            signals.deferred() as deliver_signal,
        ):

            def on_batch(batch: Batch) -> None:
                progress.update(batch.read.total(), batch.bytes_read)
                deliver_signal()

            labeler = BatchLabeler(self.scorer, self.taxonomy, spec)
            for batches_of_slice in group_by_slice(batches, spec.slice_rows):
                job.write_part(batches_of_slice, labeler, on_batch=on_batch)


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, and prepare the next one in a thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
