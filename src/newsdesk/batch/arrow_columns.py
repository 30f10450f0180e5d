"""Articles as Arrow columns, made from records or straight from the columns of a Parquet file.

The bytes of a Parquet batch show which rows need no check and no repair. All other rows go through the
functions of the readers and of `repair`, so that each rule is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.schema import Article, content_id
from newsdesk.inference.text import repair_text
from newsdesk.readers import Limits, adapters
from newsdesk.readers.column_aliases import ALIASES
from newsdesk.readers.records import MAX_OPTIONAL_CHARS, as_text, carried

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Rows = np.ndarray[Any, np.dtype[np.int64]]  # or positions in bytes

TEXT, ID = ALIASES["text"], ALIASES["article_id"]
COLUMNS = ("article_id", "title", "text", "kind", "section")
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
UNCHECKED_TYPES = (
    pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp,
    pa.types.is_date,
)  # fmt: skip
# First and last bytes that a space may have; the byte before tells the last byte of an Arabic letter apart.
MAY_LEAD = np.zeros(256, bool)
MAY_LEAD[[*range(0x21), 0x7F, 0xC2, 0xE1, 0xE2, 0xE3]] = True
MAY_END = np.zeros(256, bool)
MAY_END[[*range(0x21), *range(0x7F, 0xC0)]] = True
ARABIC_LEAD = np.zeros(256, bool)
ARABIC_LEAD[0xD8:0xDC] = True


def from_articles(articles: Sequence[Article], *, carry: Sequence[str] = ()) -> pa.RecordBatch:
    """Convert articles to string columns: `COLUMNS`, then the carried ones."""
    carried_rows = [carried(article, carry) for article in articles]
    values = {name: [getattr(article, name) for article in articles] for name in COLUMNS}
    values |= {name: [row[k] for row in carried_rows] for k, name in enumerate(carry)}
    return _batch({name: pa.array(column, pa.string()) for name, column in values.items()}, carry)


def _batch(columns: dict[str, pa.Array], carry: Sequence[str]) -> pa.RecordBatch:
    schema = pa.schema([pa.field(name, pa.string()) for name in (*COLUMNS, *carry)])
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def repair_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Repair titles and texts as `repair` does."""
    for name in ("title", "text"):
        k = batch.schema.get_field_index(name)
        batch = batch.set_column(k, name, _repair_column(batch.column(k)))
    return batch


def _repair_column(column: pa.StringArray) -> pa.StringArray:
    data, starts, ends = _bytes(column)
    mask = pa.array(_has_mendable_byte(data, ends) | _may_have_outer_space(data, starts, ends))
    repaired = [repair_text(value) for value in column.filter(mask).to_pylist()]
    return pc.replace_with_mask(column, mask, pa.array(repaired, pa.string())) if repaired else column


def _bytes(column: pa.StringArray) -> tuple[Bytes, Rows, Rows]:
    """Return a column's bytes, and where each value starts and ends in them; null is empty."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    bounds = bounds.astype(np.int64) if len(column) else np.zeros(1, np.int64)
    data = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return data[bounds[0] : bounds[-1]], bounds[:-1] - bounds[0], bounds[1:] - bounds[0]


def _rows_at(positions: Rows, ends: Rows) -> Mask:
    """Mark the rows that hold the bytes at these positions."""
    mask = np.zeros(len(ends), bool)
    mask[np.searchsorted(ends, positions, side="right")] = True
    return mask


def _has_mendable_byte(data: Bytes, ends: Rows) -> Mask:
    low = np.flatnonzero(((data < 0x20) & (data != ord("\n"))) | (data == ord("&")) | (data == 0x7F))
    high = np.flatnonzero(data == 0xC2)  # a control if 0x80 to 0x9F follows
    return _rows_at(np.concatenate([low, high[data[high + 1] < 0xA0]]), ends)


def _may_have_outer_space(data: Bytes, starts: Rows, ends: Rows) -> Mask:
    filled = ends > starts
    if not filled.any():
        return filled
    first, last = (data[np.where(filled, at, 0)] for at in (starts, ends - 1))
    before = data[np.where(ends - starts > 1, ends - 2, 0)]
    may_end = MAY_END[last] & ~(ARABIC_LEAD[before] & (last >= 0x80) & (ends - starts > 1))
    mask: Mask = filled & (MAY_LEAD[first] | may_end)
    return mask


def decoded_bytes(batch: pa.RecordBatch) -> int:
    """Return the bytes of a batch once its dictionary-encoded columns are decoded."""
    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary.cast(pa.binary())).take(column.indices)
            total += pc.sum(lengths.cast(pa.int64())).as_py() or 0
        else:
            total += column.nbytes
    return total


def from_parquet(
    batch: pa.RecordBatch, *, limits: Limits, carry: Sequence[str] = ()
) -> tuple[pa.RecordBatch, Mask]:
    """Convert the rows that readers would take unchanged; returns their columns and a mask of them.

    A row whose mask is false is left to the readers, which check, mend or refuse it.
    """
    nothing = from_articles([], carry=carry), np.zeros(len(batch), bool)
    values = {name: _decoded(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    if len(values) < batch.num_columns or not _is_known(values, carry):
        return nothing
    text = _first(values, TEXT, len(batch)).fill_null("")
    title = _first(values, ("title",), len(batch)).fill_null("")
    identifier = _first(values, ID, len(batch))
    section = _first(values, ("section",), len(batch))
    kind = _first(values, ("kind",), len(batch))
    mask = np.ones(len(batch), bool)
    for column, max_bytes in (
        (title, limits.max_field_chars), (text, limits.max_field_chars), (identifier, limits.max_field_chars),
        (section, MAX_OPTIONAL_CHARS), (kind, MAX_OPTIONAL_CHARS),
    ):  # fmt: skip
        mask &= ~_to_check(column, max_bytes)
    carried_columns = {name: _carried_text(values[name]) for name in carry}
    for column in carried_columns.values():
        mask &= ~_to_check(column, limits.max_field_chars)
    rows = pa.array(mask)
    columns = {"title": title, "text": text, "section": _empty_to_null(section), **carried_columns}
    columns["kind"] = pc.if_else(pc.equal(kind, "teaser").fill_null(False), "teaser", "article")
    columns = {name: column.filter(rows) for name, column in columns.items()}
    identifier = _empty_to_null(identifier).filter(rows)
    columns["article_id"] = _fill_identifiers(identifier, columns["title"], columns["text"])
    return _batch(columns, carry), mask


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in TEXT_TYPES)


def _is_known(values: dict[str, pa.Array], carry: Sequence[str]) -> bool:
    """Return whether no column has a type whose values must be checked one by one, or invalid UTF-8."""
    used = {"title", "kind", "section", *TEXT, *ID}
    for name, column in values.items():
        kind = column.type
        if _is_text(kind) or (name not in used and pa.types.is_list(kind) and _is_text(kind.value_type)):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                return False
        elif name in used and not pa.types.is_null(kind):
            if not (name in ID and pa.types.is_integer(kind)):
                return False
        elif not any(test(kind) for test in UNCHECKED_TYPES):
            return False
    record = dict.fromkeys(values, "")
    is_adapted = adapters.adapt(record) is not record
    return not is_adapted and all(name in values for name in carry)


def _first(values: dict[str, pa.Array], names: Sequence[str], n: int) -> pa.StringArray:
    """Return the first value of each row among some columns."""
    found = [values[name].cast(pa.string()) for name in names if name in values]
    return pc.coalesce(*found) if len(found) > 1 else found[0] if found else pa.nulls(n, pa.string())


def _empty_to_null(column: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _to_check(column: pa.StringArray, max_bytes: int) -> Mask:
    """Mark rows with NULs, carriage returns or many bytes; a text has no more characters than bytes."""
    data, starts, ends = _bytes(column)
    return _rows_at(np.flatnonzero((data == 0) | (data == 0x0D)), ends) | (ends - starts > max_bytes)


def _carried_text(column: pa.Array) -> pa.StringArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp(kind.unit))
    if _is_text(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.string())
    return pa.array([as_text(value) for value in column.to_pylist()], pa.string())


def _fill_identifiers(
    identifier: pa.StringArray, title: pa.StringArray, text: pa.StringArray
) -> pa.StringArray:
    """Replace missing identifiers by a hash of the content."""
    missing = pc.is_null(identifier)
    pairs = zip(title.filter(missing).to_pylist(), text.filter(missing).to_pylist(), strict=True)
    hashes = [content_id(*pair) for pair in pairs]
    return pc.replace_with_mask(identifier, missing, pa.array(hashes, pa.string())) if hashes else identifier
