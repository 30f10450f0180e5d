"""Read Parquet in batches that are limited in bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from newsdesk.base.schema import MAX_EXCERPT, Article, Refusal
from newsdesk.readers.column_aliases import map_header
from newsdesk.readers.compression import UnpackedSize
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord, Rows, parse_record
from newsdesk.readers.refusals import Provenance, RefusalError, excerpt

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = 16 * 2**20
_MAX_BATCH_ROWS = 1024
_MAX_DECODED_BYTES = 64 * 2**20  # of row groups that are read together
_BUFFER_BYTES = 2**20
_DICTIONARY_BYTES = 32 * 2**20
_MAGIC = b"PAR1"


def read_parquet(handle: BinaryIO, provenance: Provenance, options: ReadOptions) -> Rows:
    """Yield one article or refusal for each row; `position` is the row."""
    position = 0
    row_options = replace(options, on_columns=None)  # called with the schema
    for batch in read_batches(handle, options, file=provenance.printable_file):
        for record in batch_records(batch, position):
            position += 1
            yield parse_row(record, provenance, position, row_options)


def read_batches(
    handle: BinaryIO, options: ReadOptions, *, file: str = "", first_row: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield the known and the carried columns in batches; `file` names the table for `on_columns`."""
    size = handle.seek(0, 2)
    handle.seek(max(size - len(_MAGIC), 0))
    if handle.read() != _MAGIC or size < 3 * len(_MAGIC):
        raise RefusalError("truncated", "the Parquet file ends without its footer")
    batches = _batches(handle, size, options, file=file, first_row=first_row)
    n_read = first_row
    while True:
        with _refusing_corrupt_file(n_read):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch
        n_read += len(batch)


def batch_records(batch: pa.RecordBatch, n_before: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as records; `n_before` rows of the file precede the batch."""
    with _refusing_corrupt_file(n_before):
        columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


@contextmanager
def _refusing_corrupt_file(n_read: int) -> Iterator[None]:
    try:
        yield
    except _corrupt_errors() as error:
        if isinstance(error, OSError) and error.errno:  # of the disk, not of the content
            raise
        first = (str(error).splitlines() or [""])[0]
        detail = f"the Parquet file is corrupt after row {n_read}: {first}"
        raise RefusalError("unreadable_file", detail) from None


def _corrupt_errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, OverflowError)


def parse_row(
    record: dict[str, Any], provenance: Provenance, position: int, options: ReadOptions
) -> Article | Refusal:
    """Return the article of a row, or its refusal."""
    decoded: dict[str, Any] = {}
    content: dict[str, Any] | RefusalError = decoded
    try:
        for name, value in record.items():
            decoded[name] = value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        content = RefusalError("bad_encoding", f"byte {error.start} of {name} is not valid UTF-8")
    row = parse_record(RawRecord(position, content), provenance, options)
    if not isinstance(row, Refusal):
        return row
    short = {name: v[:MAX_EXCERPT] if isinstance(v, str) else v for name, v in decoded.items()}
    return replace(row, excerpt=excerpt(json.dumps(short, ensure_ascii=False, default=str)))


def _batches(
    handle: BinaryIO, size: int, options: ReadOptions, *, file: str, first_row: int
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(handle) as table:
        schema, meta = table.schema_arrow, table.metadata
    found = map_header(schema.names, options)
    if options.on_columns:
        options.on_columns(found, file)
    used = {*chain(*found.fields.values(), *found.carried.values())}
    wanted = [name for name in schema.names if name in used]
    unpacked = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    UnpackedSize(options.limits, input_bytes=size).add(unpacked, packed=size, unpacked=unpacked)
    # A dictionary holds a repeated value once, but also all distinct values of a row group.
    small = _small_columns(meta)
    texts = [name for name in wanted if pa.types.is_string(schema.field(name).type) and name in small]
    # Reading ahead would keep all row groups in memory; without a buffer each would be loaded whole.
    open_table = partial(pq.ParquetFile, handle, metadata=meta, pre_buffer=False, buffer_size=_BUFFER_BYTES)
    with open_table(read_dictionary=texts) as table, open_table() as plain:
        for groups in _gather_groups(meta):
            n_rows, n_bytes = _size(meta, groups)
            if first_row >= n_rows:
                first_row -= n_rows
                continue
            rows = min(max(_BATCH_BYTES // (n_bytes // max(n_rows, 1) + 1), 1), _MAX_BATCH_ROWS)
            read = partial((table if len(groups) == 1 else plain).iter_batches, rows, columns=wanted)
            for batch in _read_groups(read, groups):
                if first_row < len(batch):
                    yield batch.slice(first_row)
                first_row = max(first_row - len(batch), 0)


def _gather_groups(meta: Any) -> Iterator[range]:
    """Yield consecutive row groups that are small even if all rows of a group hold its largest value."""
    start = rows = decoded = 0
    for group in range(meta.num_row_groups):
        n_rows, n_bytes = _size(meta, [group])
        if group > start and (
            rows + n_rows > _MAX_BATCH_ROWS or decoded + n_rows * n_bytes > _MAX_DECODED_BYTES
        ):
            yield range(start, group)
            start, rows, decoded = group, 0, 0
        rows, decoded = rows + n_rows, decoded + n_rows * n_bytes
    yield range(start, meta.num_row_groups)


def _size(meta: Any, groups: Iterable[int]) -> tuple[int, int]:
    """Return the rows and the unpacked bytes of row groups."""
    infos = [meta.row_group(group) for group in groups]
    return sum(info.num_rows for info in infos), sum(info.total_byte_size for info in infos)


def _read_groups(read: Callable[..., Iterator[pa.RecordBatch]], groups: range) -> Iterator[pa.RecordBatch]:
    """Yield batches of row groups; of several, those before a corrupt one."""
    try:
        batches = [*read(row_groups=groups)] if len(groups) > 1 else []
    except _corrupt_errors():
        batches = []
    if batches:
        yield from batches
        return
    for group in groups:
        yield from read(row_groups=[group])


def _small_columns(meta: Any) -> set[str]:
    """Return the names of the columns that unpack to little in every row group."""
    largest: Counter[str] = Counter()
    for group in range(meta.num_row_groups):
        for k in range(meta.num_columns):
            column = meta.row_group(group).column(k)
            name, size = column.path_in_schema, column.total_uncompressed_size
            largest[name] = max(largest[name], size)
    return {name for name, size in largest.items() if size <= _DICTIONARY_BYTES}


def _values(column: Any) -> list[Any]:
    """Return a column as Python values: text as undecoded bytes, times as ISO text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        used = pc.unique(column.indices).drop_null()
        values = dict(zip(used.to_pylist(), _values(column.dictionary.take(used)), strict=True))
        return [values.get(index) for index in column.indices.to_pylist()]
    if pa.types.is_timestamp(kind):
        return list(column.cast(pa.timestamp(kind.unit)).cast(pa.string()).to_pylist())
    if pa.types.is_date(kind):
        return list(column.cast(pa.string()).to_pylist())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # Arrow does not check that this is UTF-8.
        column = column.cast(pa.large_binary())
    return list(column.to_pylist())
