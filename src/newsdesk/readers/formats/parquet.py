"""Read Parquet in batches whose size in bytes, not in rows, is bounded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from newsdesk.base.schema import MAX_EXCERPT, Article, Refusal
from newsdesk.readers.limits import Limits
from newsdesk.readers.records import FIELDS, check_columns, take
from newsdesk.readers.refusals import Place, Refused, excerpt

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = 16 * 2**20
_MAX_BATCH_ROWS = 1024
_BUFFER_BYTES = 2**20
_DICTIONARY_BYTES = 32 * 2**20
_MAGIC = b"PAR1"


def read_parquet(handle: BinaryIO, place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield one article or refusal a row; `position` is the row."""
    position = 0
    for batch in read_batches(handle, limits, carry=place.carry):
        for record in records_of(batch, position):
            position += 1
            yield take_row(record, place, position, limits)


def read_batches(
    handle: BinaryIO, limits: Limits, *, carry: Sequence[str] = (), first_row: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield the columns that articles are made of, and those to carry, from a row on; names in lower case.

    Raises
    ------
    Refused
        If the file is cut or corrupt, has no column of text or unpacks to too much.
    """
    size = handle.seek(0, 2)
    handle.seek(max(size - len(_MAGIC), 0))
    if handle.read() != _MAGIC or size < 3 * len(_MAGIC):
        raise Refused("truncated", "the Parquet file ends without its footer")
    batches = _batches(handle, size, limits, carry=carry, first_row=first_row)
    position = first_row
    while True:
        with _corrupt_after(position):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch
        position += len(batch)


def records_of(batch: pa.RecordBatch, position: int) -> Iterator[dict[str, Any]]:
    """Yield a batch's rows as mappings; `position` is how many rows stand before it."""
    with _corrupt_after(position):
        columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


@contextmanager
def _corrupt_after(position: int) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise Refused(
            "unreadable_file", f"the Parquet file is corrupt after row {position}: {first}"
        ) from None


def take_row(record: dict[str, Any], place: Place, position: int, limits: Limits) -> Article | Refusal:
    """Return the article of a row, or why it has none."""
    decoded = {}
    try:
        for name, value in record.items():
            decoded[name] = value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        refused = Refused("bad_encoding", f"byte {error.start} of {name} is not valid UTF-8")
        return place.refuse(position, refused, raw=_shown(decoded))
    taken = take(decoded, place, position, limits=limits, raw="")
    return replace(taken, excerpt=excerpt(_shown(decoded))) if isinstance(taken, Refusal) else taken


def _shown(record: dict[str, Any]) -> str:
    short = {name: value[:MAX_EXCERPT] if isinstance(value, str) else value for name, value in record.items()}
    return json.dumps(short, ensure_ascii=False, default=str)


def _batches(
    handle: BinaryIO, size: int, limits: Limits, *, carry: Sequence[str], first_row: int
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(handle) as table:
        schema, meta = table.schema_arrow, table.metadata
    names = {name: name.strip().lower() for name in schema.names}
    check_columns(list(names.values()))
    wanted = [name for name in schema.names if names[name] in FIELDS or names[name] in carry]
    _check_size(meta, size, limits)
    # Read as dictionaries, a value that a small file repeats a million times is held once; but all different
    # values of a row group are held then, so that large ones are read as they stand.
    small = _small_columns(meta)
    texts = [name for name in wanted if pa.types.is_string(schema.field(name).type) and name in small]
    # Read ahead, all row groups that were read would be kept; without a buffer, each is loaded whole.
    with pq.ParquetFile(handle, read_dictionary=texts, pre_buffer=False, buffer_size=_BUFFER_BYTES) as table:
        for group in range(meta.num_row_groups):
            about = meta.row_group(group)
            if first_row >= about.num_rows:
                first_row -= about.num_rows
                continue
            row_bytes = about.total_byte_size // max(about.num_rows, 1) + 1
            rows = min(max(_BATCH_BYTES // row_bytes, 1), _MAX_BATCH_ROWS)
            for batch in table.iter_batches(batch_size=rows, row_groups=[group], columns=wanted):
                if first_row < len(batch):
                    yield batch.slice(first_row).rename_columns([names[name] for name in batch.schema.names])
                first_row = max(first_row - len(batch), 0)


def _small_columns(meta: Any) -> set[str]:
    """Names of the columns that unpack to little in every row group."""
    largest: Counter[str] = Counter()
    for group in range(meta.num_row_groups):
        for k in range(meta.num_columns):
            column = meta.row_group(group).column(k)
            name, size = column.path_in_schema, column.total_uncompressed_size
            largest[name] = max(largest[name], size)
    return {name for name, size in largest.items() if size <= _DICTIONARY_BYTES}


def _check_size(meta: Any, size: int, limits: Limits) -> None:
    unpacked = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    if unpacked > limits.max_unpacked_bytes:
        raise Refused("zip_bomb", f"unpacks to more than {limits.max_unpacked_bytes} bytes")
    if unpacked > limits.ratio_from_bytes and unpacked > limits.max_ratio * size:
        raise Refused("zip_bomb", f"unpacks to more than {limits.max_ratio} times its size")


def _values(column: Any) -> list[Any]:
    """Return a column as Python values: text as undecoded bytes, moments as ISO text."""
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
        # Arrow takes the file's word for it that this is UTF-8.
        column = column.cast(pa.large_binary())
    return list(column.to_pylist())
