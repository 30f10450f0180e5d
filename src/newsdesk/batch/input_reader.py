"""Read many inputs in batches of Arrow columns, from any record on, with the refused rows beside them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk import readers
from newsdesk.base.schema import Article, Refusal
from newsdesk.batch import arrow_columns
from newsdesk.batch.arrow_columns import Rows
from newsdesk.readers import Limits
from newsdesk.readers.dispatch import read_file
from newsdesk.readers.formats.parquet import batch_records, parse_row, read_batches
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import Provenance, refuse_on_error
from newsdesk.readers.sniffing import sniff_container
from newsdesk.readers.walk import walk

BATCH_ROWS = 1024
BATCH_BYTES = 64 * 2**20
MAGIC_BYTES = 4
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """A file and its name in refusals; standard input has no path. A file with a `refusal` is not read."""

    provenance: Provenance
    path: Path | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Offset:
    """A point in the stream of records: the number of an input and of a record in it, both from 0."""

    input: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records: articles as columns, and each refusal with the number of its input.

    `end` is the offset of the next record, `read` the number of records by input, `bytes_read` the bytes of
    all inputs up to `end`.
    """

    articles: pa.RecordBatch
    refused: list[tuple[int, Refusal]]
    end: Offset
    read: Counter[int]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class _Records:
    """Consecutive records: articles as columns with their rows, refusals with theirs.

    `inputs` and `ends` hold for each record the number of its input and the offset behind it.
    """

    articles: pa.RecordBatch
    rows: Rows
    refused: list[tuple[int, Refusal]]
    inputs: list[int]
    ends: list[Offset]

    def slice(self, start: int, stop: int) -> _Records:
        first, last = np.searchsorted(self.rows, [start, stop]).tolist()
        return _Records(
            self.articles.slice(first, last - first),
            self.rows[first:last] - start,
            [(row - start, refusal) for row, refusal in self.refused if start <= row < stop],
            self.inputs[start:stop],
            self.ends[start:stop],
        )


def find_inputs(names: Iterable[str], *, full_names: bool = False) -> list[Input]:
    """List the files of all inputs in the order in which readers take them.

    Parameters
    ----------
    full_names : bool
        Name files by their whole path, so that two files of one name differ; else by the name readers use.
    """
    found: list[Input] = []
    for name in names:
        if name == STDIN:
            found.append(Input(Provenance("stdin", STDIN)))
            continue
        for each in walk(Path(name)):
            if isinstance(each, Refusal):
                file = (Path(name) / each.file).as_posix() if Path(name).is_dir() else name
                provenance = Provenance(each.source, file if full_names else each.file)
                found.append(Input(provenance, refusal=replace(each, file=provenance.printable_file)))
            else:
                path, provenance = each
                file = path.as_posix() if full_names else provenance.file
                found.append(Input(replace(provenance, file=file), path))
    return found


def group_by_slice(batches: Iterator[Batch], slice_rows: int) -> Iterator[Iterator[Batch]]:
    """Group batches into slices of `slice_rows` records; read each slice to its end before the next."""
    for first in batches:
        yield _take_records(first, batches, slice_rows)


def _take_records(first: Batch, rest: Iterator[Batch], n: int) -> Iterator[Batch]:
    for batch in chain([first], rest):
        yield batch
        n -= batch.read.total()
        if not n:
            return


class InputReader:
    """Read inputs in batches, with the articles and refusals of `readers.read`.

    Columns of a Parquet file become batches without a Python object for each row, unless a row must be mended
    or refused.

    Parameters
    ----------
    slice_rows : int
        No batch crosses a multiple of this number of records, counted from where reading starts.

    Attributes
    ----------
    total_bytes : int
        Size of all files.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        *,
        sections: Sequence[str],
        carry: Sequence[str] = (),
        slice_rows: int = sys.maxsize,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        stdin: BinaryIO | None = None,
    ) -> None:
        self._inputs = inputs
        self._options = ReadOptions(tuple(sections), limits, tuple(carry))
        self._slice_rows = slice_rows
        self._stdin = stdin
        self._handle: BinaryIO | None = None
        self._open_input = 0  # the number of the input that `_handle` and `_n_rows` belong to
        self._n_rows = 0  # of the open Parquet file
        self._bytes_before = np.cumsum([0, *(file_size(each) for each in inputs)]).tolist()
        self.total_bytes: int = self._bytes_before[-1]

    def batches(self, start: Offset = Offset()) -> Iterator[Batch]:
        """Read from an offset on; in a file of lines, earlier records are read again and dropped."""
        room = self._slice_rows
        for records in self._records(start):
            first = 0
            while first < len(records.ends):
                part = records.slice(first, min(first + room, len(records.ends)))
                first += len(part.ends)
                room = room - len(part.ends) or self._slice_rows
                refused = [(part.inputs[row], refusal) for row, refusal in part.refused]
                end = part.ends[-1]
                yield Batch(part.articles, refused, end, Counter(part.inputs), self.bytes_before(end))

    def bytes_before(self, offset: Offset) -> int:
        """Estimate the bytes of all records before an offset."""
        before = int(self._bytes_before[offset.input])
        if not offset.record or self._handle is None:
            return before
        size = int(self._bytes_before[offset.input + 1]) - before
        if self._open_input != offset.input or self._handle.closed:
            return before + size
        done = size * offset.record // self._n_rows if self._n_rows else self._handle.tell()
        return before + min(done, size)

    def _records(self, start: Offset) -> Iterator[_Records]:
        """Yield the columns of Parquet files as they are; gather the records of other files into columns."""
        gathered: list[tuple[Offset, Article | Refusal]] = []
        n_bytes = 0
        for number in range(start.input, len(self._inputs)):
            index = start.record if number == start.input else 0
            for item in self._read_input(number, index):
                if isinstance(item, _Records):
                    if gathered:
                        yield _from_records(gathered, self._options.carry)
                        gathered, n_bytes = [], 0
                    yield item
                    continue
                index += 1
                gathered.append((Offset(number, index), item))
                n_bytes += 4 * len(item.text) if isinstance(item, Article) else 0
                if len(gathered) == BATCH_ROWS or n_bytes > BATCH_BYTES:
                    yield _from_records(gathered, self._options.carry)
                    gathered, n_bytes = [], 0
        if gathered:
            yield _from_records(gathered, self._options.carry)

    def _read_input(self, number: int, first: int) -> Iterator[Article | Refusal | _Records]:
        """Read the records of an input from number `first` on; those of Parquet as columns."""
        source = self._inputs[number]
        self._open_input, self._handle, self._n_rows = number, None, 0
        if source.refusal:
            yield from [source.refusal][first:]
        elif source.path is None:
            options = {field.name: getattr(self._options, field.name) for field in fields(ReadOptions)}
            yield from readers.read([STDIN], stdin=self._stdin, **options)
        elif _is_parquet(source.path):
            self._n_rows = count_parquet_rows(source.path)
            for item in refuse_on_error(source.provenance, self._read_parquet(source.path, number, first)):
                if isinstance(item, Refusal):  # nothing of the file follows
                    records = _from_records([(Offset(number), item)], self._options.carry)
                    item = replace(records, ends=[Offset(number + 1)])
                yield item
        else:
            rows = refuse_on_error(source.provenance, self._read_lines(source.path, source.provenance))
            yield from islice(rows, first, None)

    def _read_lines(self, path: Path, provenance: Provenance) -> Iterator[Article | Refusal]:
        with path.open("rb") as self._handle:
            yield from read_file(self._handle, provenance, self._options)

    def _read_parquet(self, path: Path, number: int, first: int) -> Iterator[_Records]:
        with path.open("rb") as self._handle:
            for batch in read_batches(self._handle, self._options, first_row=first):
                for part in _halve_large(batch):
                    yield self._from_rows(part, number, first)
                    first += len(part)

    def _from_rows(self, batch: pa.RecordBatch, number: int, before: int) -> _Records:
        """Convert rows of a Parquet file that has `before` rows before them."""
        limits, carry = self._options.limits, self._options.carry
        columns, is_plain = arrow_columns.from_parquet(batch, limits=limits, carry=carry)
        ends = [Offset(number, before + row + 1) for row in range(len(batch))]
        inputs = [number] * len(batch)
        if is_plain.all():
            return _Records(columns, np.arange(len(batch)), [], inputs, ends)
        (others,) = np.nonzero(~is_plain)
        records = batch_records(batch.take(pa.array(others)), before)
        provenance = self._inputs[number].provenance
        rest = _from_records(
            [
                (ends[row], parse_row(record, provenance, before + row + 1, self._options))
                for row, record in zip(others.tolist(), records, strict=True)
            ],
            carry,
        )
        rows = np.concatenate([np.flatnonzero(is_plain), others[rest.rows]])
        order = np.argsort(rows)
        articles = pa.concat_batches([columns, rest.articles]).take(pa.array(order))
        refused = [(int(others[row]), refusal) for row, refusal in rest.refused]
        return _Records(articles, rows[order], refused, inputs, ends)


def file_size(source: Input) -> int:
    """Return the bytes of an input's file, 0 if it has none or can't be read."""
    try:
        return source.path.stat().st_size if source.path else 0
    except OSError:  # reading it yields a refusal
        return 0


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return sniff_container(handle.read(MAGIC_BYTES)) == "parquet"
    except OSError:
        return False


def count_parquet_rows(path: Path) -> int:
    """Return the rows of a Parquet file, 0 if it can't be read as one."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _halve_large(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve a batch until no piece unpacks to more than `BATCH_BYTES`."""
    if len(batch) > 1 and arrow_columns.decoded_bytes(batch) > BATCH_BYTES:
        half = len(batch) // 2
        yield from _halve_large(batch.slice(0, half))
        yield from _halve_large(batch.slice(half))
    else:
        yield batch


def _from_records(records: Sequence[tuple[Offset, Article | Refusal]], carry: Sequence[str]) -> _Records:
    """Convert records, each with the offset behind it."""
    articles = [record for _, record in records if isinstance(record, Article)]
    rows = [row for row, (_, record) in enumerate(records) if isinstance(record, Article)]
    refused = [(row, record) for row, (_, record) in enumerate(records) if isinstance(record, Refusal)]
    columns = arrow_columns.from_articles(articles, carry=carry)
    ends = [end for end, _ in records]
    return _Records(columns, np.array(rows, np.int64), refused, [end.input for end in ends], ends)
