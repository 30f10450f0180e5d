"""Read many inputs in batches of Arrow columns, from any record on, with the refused rows beside them."""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk.base.columns import Columns
from newsdesk.base.schema import Article, Refusal
from newsdesk.batch import arrow_columns
from newsdesk.readers import Limits
from newsdesk.readers.account import Account
from newsdesk.readers.column_aliases import FoundColumns
from newsdesk.readers.dispatch import read_file, read_stdin
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


@dataclass(frozen=True, slots=True, order=True)
class Offset:
    """A point in the stream of records: the number of an input and of a record in it, both from 0."""

    input: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records: articles as columns, and each refusal with the number of its input."""

    articles: pa.RecordBatch
    refused: list[tuple[int, Refusal]]
    end: Offset  # of the next record
    read: Counter[int]  # records by input
    lines: Counter[int]  # of tables, by input
    bytes_read: int  # of all inputs up to `end`

    def count(self, account: Account, inputs: Sequence[Input]) -> None:
        """Add the records to an account, the articles as kept."""
        refused: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for number, refusal in self.refused:
            refused[number][refusal.reason] += 1
        for number, seen in self.read.items():
            file, kept = inputs[number].provenance.printable_file, seen - refused[number].total()
            account.add(file, seen=seen, kept=kept, refused=refused[number], lines=self.lines[number])


def find_inputs(names: Iterable[str], *, full_names: bool = False) -> list[Input]:
    """List the files of all inputs in the order of the readers, named as by them or by their whole paths."""
    found: list[Input] = []
    for name in names:
        if name == STDIN:
            found.append(Input(Provenance("stdin", STDIN)))
            continue
        for each in walk(Path(name), full_names=full_names):
            if isinstance(each, Refusal):
                found.append(Input(Provenance(each.source, each.file), refusal=each))
            else:
                path, provenance = each
                found.append(Input(provenance, path))
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
    """Read inputs in batches, with the articles and refusals of `newsdesk.readers.read`.

    Columns of a Parquet file become batches without a Python object for each row, unless a row must be mended
    or refused. No batch crosses a multiple of `slice_rows` records, counted from where reading starts. If an
    input can't be opened or read, `on_error` is called with its number before it is refused.
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
        columns: Columns = Columns(),  # noqa: B008 - frozen
        on_columns: Callable[[FoundColumns, str], None] | None = None,
        on_error: Callable[[int, OSError], object] = lambda number, error: None,
    ) -> None:
        self._inputs = inputs
        self._on_error = on_error
        self._options = ReadOptions(tuple(sections), limits, tuple(carry), columns, on_columns)
        self._slice_rows = slice_rows
        self._stdin = stdin
        self._handle: BinaryIO | None = None
        self._open_input = 0  # the number of the input that `_handle` and `_n_rows` belong to
        self._n_rows = 0  # of the open Parquet file
        self._bytes_before = np.cumsum([0, *(file_size(each) for each in inputs)]).tolist()
        self.total_bytes: int = self._bytes_before[-1]

    def batches(self, start: Offset = Offset()) -> Iterator[Batch]:
        """Read from an offset on; in a file of lines, earlier records are read again and dropped."""
        gathered: list[tuple[int, Offset, Article | Refusal]] = []
        n_read = n_bytes = 0
        for number, offset, item in self._items(start):
            if isinstance(item, pa.RecordBatch):
                if gathered:
                    yield self._from_records(gathered)
                    gathered, n_bytes = [], 0
                first = offset.record
                for rows in self._cut(item, n_read):
                    yield self._from_rows(rows, number, first)
                    first += len(rows)
                n_read += len(item)
                continue
            gathered.append((number, offset, item))
            n_read += 1
            n_bytes += 4 * len(item.text) if isinstance(item, Article) else 0
            if len(gathered) == BATCH_ROWS or n_bytes > BATCH_BYTES or n_read % self._slice_rows == 0:
                yield self._from_records(gathered)
                gathered, n_bytes = [], 0
        if gathered:
            yield self._from_records(gathered)

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

    def _items(self, start: Offset) -> Iterator[tuple[int, Offset, Article | Refusal | pa.RecordBatch]]:
        """Yield records, each with the offset behind it, and rows of Parquet with the offset of the first."""
        for number in range(start.input, len(self._inputs)):
            source = self._inputs[number]
            first = start.record if number == start.input else 0
            self._open_input, self._handle, self._n_rows = number, None, 0
            if source.path is None or not _is_parquet(source.path):
                for record in islice(self._read_records(source), first, None):
                    first += 1
                    yield number, Offset(number, first), record
                continue
            self._n_rows = count_parquet_rows(source.path)
            name = source.provenance.printable_file
            for rows in refuse_on_error(source.provenance, self._read_parquet(source.path, name, first)):
                if isinstance(rows, Refusal):  # nothing of the file follows
                    yield number, Offset(number + 1), rows
                else:
                    yield number, Offset(number, first), rows
                    first += len(rows)

    def _read_records(self, source: Input) -> Iterator[Article | Refusal]:
        if source.refusal:
            yield source.refusal
        elif source.path:
            yield from refuse_on_error(source.provenance, self._read_file(source.path, source.provenance))
        else:
            yield from read_stdin(self._stdin, self._options)

    def _read_file(self, path: Path, provenance: Provenance) -> Iterator[Article | Refusal]:
        with self._reporting_errors(), path.open("rb") as self._handle:
            yield from read_file(self._handle, provenance, self._options)

    def _read_parquet(self, path: Path, file: str, first: int) -> Iterator[pa.RecordBatch]:
        with self._reporting_errors(), path.open("rb") as self._handle:
            yield from read_batches(self._handle, self._options, file=file, first_row=first)

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._on_error(self._open_input, error)
            raise

    def _cut(self, rows: pa.RecordBatch, n_read: int) -> Iterator[pa.RecordBatch]:
        """Cut rows, before which `n_read` records were read, where slices end and by unpacked bytes."""
        while len(rows):
            n = min(len(rows), self._slice_rows - n_read % self._slice_rows)
            while n > 1 and arrow_columns.decoded_bytes(rows.slice(0, n)) > BATCH_BYTES:
                n //= 2
            yield rows.slice(0, n)
            rows = rows.slice(n)
            n_read += n

    def _from_records(self, records: Sequence[tuple[int, Offset, Article | Refusal]]) -> Batch:
        articles = [record for *_, record in records if isinstance(record, Article)]
        refused = [(number, record) for number, _, record in records if isinstance(record, Refusal)]
        columns = arrow_columns.from_articles(articles, carry=self._options.carry)
        end, read = records[-1][1], Counter(number for number, *_ in records)
        lines: Counter[int] = Counter()
        for number, _, record in records:
            lines[number] += record.lines
        return Batch(columns, refused, end, read, lines, self.bytes_before(end))

    def _from_rows(self, rows: pa.RecordBatch, number: int, before: int) -> Batch:
        """Convert rows of a Parquet file that has `before` rows before them."""
        columns, is_plain = arrow_columns.from_parquet(rows, self._options)
        others = np.flatnonzero(~is_plain)
        row_options = replace(self._options, on_columns=None)
        records = [
            parse_row(record, self._inputs[number].provenance, before + row + 1, row_options)
            for row, record in zip(
                others.tolist(), batch_records(rows.take(pa.array(others)), before), strict=True
            )
        ]
        if articles := [record for record in records if isinstance(record, Article)]:
            is_article = np.array([isinstance(record, Article) for record in records])
            order = np.argsort(np.concatenate([np.flatnonzero(is_plain), others[is_article]]))
            read = arrow_columns.from_articles(articles, carry=self._options.carry)
            columns = pa.concat_batches([columns, read]).take(pa.array(order))
        refused = [(number, record) for record in records if isinstance(record, Refusal)]
        end = Offset(number, before + len(rows))
        return Batch(columns, refused, end, Counter({number: len(rows)}), Counter(), self.bytes_before(end))


def file_status(path: Path | None) -> os.stat_result | None:
    """Return the status of a file; None without a file, or if reading it will yield a refusal."""
    with suppress(OSError):
        return path.stat() if path else None
    return None


def file_size(source: Input) -> int:
    """Return the bytes of an input's file, 0 if it has none or can't be read."""
    found = file_status(source.path)
    return found.st_size if found else 0


def _is_parquet(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as handle:
        return sniff_container(handle.read(MAGIC_BYTES)) == "parquet"
    return False


def count_parquet_rows(path: Path) -> int:
    """Return the rows of a Parquet file, 0 if it can't be read as one."""
    with suppress(pa.ArrowException, OSError):
        return int(pq.read_metadata(path).num_rows)
    return 0
