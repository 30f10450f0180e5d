"""Read many inputs piece by piece, from any record on, as Arrow columns with the refused rows beside them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk import readers
from newsdesk.base.schema import Article, Refusal
from newsdesk.batch import arrow_columns
from newsdesk.readers import Limits
from newsdesk.readers.dispatch import read_file
from newsdesk.readers.formats.parquet import batch_records, parse_row, read_batches
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import Provenance, refuse_on_error
from newsdesk.readers.sniffing import sniff_container
from newsdesk.readers.walk import walk

PIECE_ROWS = 1024
PIECE_BYTES = 64 * 2**20
MAGIC_BYTES = 4
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """A file as its refusals name it, standard input (no path), or what was refused on the way there."""

    provenance: Provenance
    path: Path | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A place in the stream: so many records of an input have been read, and all of the inputs before it."""

    input: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """Records as columns: the articles, where each stands among the records, and the refused with theirs.

    `final` tells that nothing of the input follows.
    """

    articles: pa.RecordBatch
    places: np.ndarray[Any, np.dtype[np.int64]]
    refused: list[tuple[int, Refusal]]
    n: int
    final: bool = False

    def cut(self, start: int, stop: int) -> Taken:
        """The records from one to another."""
        first, last = np.searchsorted(self.places, [start, stop]).tolist()
        places = self.places[first:last] - start
        refused = [(at - start, refusal) for at, refusal in self.refused if start <= at < stop]
        return Taken(self.articles.slice(first, last - first), places, refused, stop - start, self.final)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some records in a row: the articles among them as columns, and the refused with their inputs' numbers.

    `read` counts records by the number of their input; `ends` is where the next piece begins, `done_bytes`
    how far the inputs have been read by then.
    """

    articles: pa.RecordBatch
    refused: list[tuple[int, Refusal]]
    ends: At
    read: Counter[int]
    done_bytes: int


def find(names: Iterable[str], *, full_names: bool = False) -> list[Input]:
    """The files of the inputs, in the readers' order.

    Parameters
    ----------
    full_names : bool
        Name files by their path, as the inputs give it, so that two of one name are told apart; else as
        the readers do.
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


def take_records(first: Piece, rest: Iterator[Piece], n: int) -> Iterator[Piece]:
    """The pieces of so many records, or of all that is left; no piece may reach beyond them."""
    for piece in chain([first], rest):
        yield piece
        n -= piece.read.total()
        if not n:
            return


class Reader:
    """Reads inputs as `readers.read` does, with the same articles and refusals, by the piece.

    Columns of a Parquet file are taken without a record a row where nothing is to be mended or refused.

    Parameters
    ----------
    chunk_rows : int
        No piece reaches beyond a multiple of so many records, counted from where reading starts.

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
        chunk_rows: int = sys.maxsize,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        stdin: BinaryIO | None = None,
    ) -> None:
        self._inputs = inputs
        self._options = ReadOptions(tuple(sections), limits, tuple(carry))
        self._chunk_rows = chunk_rows
        self._stdin = stdin
        self._handle: BinaryIO | None = None
        self._n_rows = 0  # of the Parquet file that is open
        self._bytes_before = np.cumsum([0, *(size_of(given) for given in inputs)]).tolist()
        self.total_bytes: int = self._bytes_before[-1]

    def pieces(self, start: At = At()) -> Iterator[Piece]:
        """Read from a place on; records before it in a file of lines are read again and dropped."""
        room, size = self._chunk_rows, 0
        waiting: list[tuple[int, Article | Refusal]] = []
        ends = start
        for number in range(start.input, len(self._inputs)):
            index = start.record if number == start.input else 0
            for item in self._records(number, index):
                if isinstance(item, Taken):
                    if waiting:
                        yield self._gathered(waiting, ends)
                        room, size, waiting = room - len(waiting) or self._chunk_rows, 0, []
                    done = 0
                    while done < item.n:
                        part = item.cut(done, min(done + room, item.n))
                        index, done = index + part.n, done + part.n
                        ends = At(number + 1) if item.final else At(number, index)
                        yield self._piece(part, [number] * part.n, ends)
                        room = room - part.n or self._chunk_rows
                else:
                    index += 1
                    ends = At(number, index)
                    waiting.append((number, item))
                    size += len(item.text) if isinstance(item, Article) else 0
                    if len(waiting) == min(room, PIECE_ROWS) or 4 * size > PIECE_BYTES:
                        yield self._gathered(waiting, ends)
                        room, size, waiting = room - len(waiting) or self._chunk_rows, 0, []
        if waiting:
            yield self._gathered(waiting, ends)

    def _gathered(self, waiting: list[tuple[int, Article | Refusal]], ends: At) -> Piece:
        taken = _of_records([record for _, record in waiting], self._options.carry)
        return self._piece(taken, [number for number, _ in waiting], ends)

    def _piece(self, taken: Taken, numbers: Sequence[int], ends: At) -> Piece:
        refused = [(numbers[at], refusal) for at, refusal in taken.refused]
        return Piece(taken.articles, refused, ends, Counter(numbers), self.done_bytes(ends))

    def done_bytes(self, ends: At) -> int:
        """How many bytes lie before a place; in Parquet by the share of rows, of a file not open none."""
        before = self._bytes_before[ends.input]
        if not ends.record or self._handle is None:
            return int(before)
        size = self._bytes_before[ends.input + 1] - before
        if self._n_rows:
            done = size * ends.record // self._n_rows
        else:
            done = size if self._handle.closed else self._handle.tell()
        return int(before + min(done, size))

    def _records(self, number: int, first: int) -> Iterator[Article | Refusal | Taken]:
        """The records of an input from one on; those of Parquet as columns."""
        given = self._inputs[number]
        self._handle, self._n_rows = None, 0
        if given.refusal:
            yield from [given.refusal][first:]
        elif given.path is None:
            options = self._options
            yield from readers.read(
                [STDIN],
                sections=options.sections,
                limits=options.limits,
                stdin=self._stdin,
                carry=options.carry,
            )
        elif _is_parquet(given.path):
            self._n_rows = count_parquet_rows(given.path)
            for item in refuse_on_error(
                given.provenance, self._read_parquet(given.path, given.provenance, first)
            ):
                if isinstance(item, Refusal):
                    item = replace(_of_records([item], self._options.carry), final=True)
                yield item
        else:
            yield from islice(
                refuse_on_error(given.provenance, self._read(given.path, given.provenance)), first, None
            )

    def _read(self, path: Path, provenance: Provenance) -> Iterator[Article | Refusal]:
        with path.open("rb") as self._handle:
            yield from read_file(self._handle, provenance, self._options)

    def _read_parquet(self, path: Path, provenance: Provenance, first: int) -> Iterator[Taken]:
        with path.open("rb") as self._handle:
            for batch in read_batches(self._handle, self._options, first_row=first):
                for part in _bounded(batch):
                    yield _of_batch(part, provenance, first, self._options)
                    first += len(part)


def size_of(given: Input) -> int:
    """Bytes of an input's file, 0 where there is none."""
    try:
        return given.path.stat().st_size if given.path else 0
    except OSError:  # it is refused when it is read
        return 0


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return sniff_container(handle.read(MAGIC_BYTES)) == "parquet"
    except OSError:
        return False


def count_parquet_rows(path: Path) -> int:
    """Rows of a Parquet file, 0 where it is none that can be read."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch, in halves where it unpacks to too much."""
    if len(batch) > 1 and arrow_columns.decoded_bytes(batch) > PIECE_BYTES:
        half = len(batch) // 2
        yield from _bounded(batch.slice(0, half))
        yield from _bounded(batch.slice(half))
    else:
        yield batch


def _of_records(records: Sequence[Article | Refusal], carry: Sequence[str]) -> Taken:
    articles = [record for record in records if isinstance(record, Article)]
    places = [k for k, record in enumerate(records) if isinstance(record, Article)]
    refused = [(k, record) for k, record in enumerate(records) if isinstance(record, Refusal)]
    taken = arrow_columns.from_articles(articles, carry=carry)
    return Taken(taken, np.array(places, np.int64), refused, len(records))


def _of_batch(batch: pa.RecordBatch, provenance: Provenance, before: int, options: ReadOptions) -> Taken:
    """The rows of a batch that has so many rows of its file before it."""
    plain, mask = arrow_columns.from_parquet(batch, limits=options.limits, carry=options.carry)
    if mask.all():
        return Taken(plain, np.arange(len(batch)), [], len(batch))
    (left,) = np.nonzero(~mask)
    records = batch_records(batch.take(pa.array(left)), before)
    rows = [
        parse_row(record, provenance, before + k + 1, options)
        for k, record in zip(left.tolist(), records, strict=True)
    ]
    rest = _of_records(rows, options.carry)
    places = np.concatenate([np.flatnonzero(mask), left[rest.places]])
    order = np.argsort(places)
    articles = pa.concat_batches([plain, rest.articles]).take(pa.array(order))
    return Taken(articles, places[order], [(int(left[k]), r) for k, r in rest.refused], len(batch))
