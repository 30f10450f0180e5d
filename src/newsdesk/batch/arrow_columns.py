"""Articles as Arrow columns: of records read one by one, or of Parquet's own columns without a record a row.

Which rows of a Parquet batch can be taken as they are is told here, by their bytes; all others, and all that
is mended, go through the readers' and the repair's own functions, so that each rule has one place.
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
Bounds = np.ndarray[Any, np.dtype[np.int64]]

TEXT, ID = ALIASES["text"], ALIASES["article_id"]
COLUMNS = ("article_id", "title", "text", "kind", "section")
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
SAFE_UNUSED = (
    pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp,
    pa.types.is_date,
)  # fmt: skip
# First and last bytes that may be of a space; the last one of an Arabic letter is told by the byte before it.
MAY_LEAD = np.zeros(256, bool)
MAY_LEAD[[*range(0x21), 0x7F, 0xC2, 0xE1, 0xE2, 0xE3]] = True
MAY_END = np.zeros(256, bool)
MAY_END[[*range(0x21), *range(0x7F, 0xC0)]] = True
ARABIC_LEAD = np.zeros(256, bool)
ARABIC_LEAD[0xD8:0xDC] = True


def from_articles(articles: Sequence[Article], *, carry: Sequence[str] = ()) -> pa.RecordBatch:
    """Columns of articles: `COLUMNS`, then those to carry, all of strings."""
    further = [carried(article, carry) for article in articles]
    values = {name: [getattr(article, name) for article in articles] for name in COLUMNS}
    values |= {name: [row[k] for row in further] for k, name in enumerate(carry)}
    return _batch({name: pa.array(column, pa.string()) for name, column in values.items()}, carry)


def _batch(columns: dict[str, pa.Array], carry: Sequence[str]) -> pa.RecordBatch:
    schema = pa.schema([pa.field(name, pa.string()) for name in (*COLUMNS, *carry)])
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def repaired(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns with title and text as `repair` leaves them."""
    for name in ("title", "text"):
        k = batch.schema.get_field_index(name)
        batch = batch.set_column(k, name, _repaired(batch.column(k)))
    return batch


def _repaired(column: pa.StringArray) -> pa.StringArray:
    data, starts, ends = _bytes(column)
    rows = np.flatnonzero(_with_mendable(data, ends) | _with_outer_space(data, starts, ends))
    mended = [repair_text(value) for value in column.take(pa.array(rows)).to_pylist()]
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return (
        pc.replace_with_mask(column, pa.array(mask), pa.array(mended, pa.string())) if len(rows) else column
    )


def _bytes(column: pa.StringArray) -> tuple[Bytes, Bounds, Bounds]:
    """A column's bytes, and where in them each value starts and ends; null is empty."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    bounds = bounds.astype(np.int64) if len(column) else np.zeros(1, np.int64)
    data = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return data[bounds[0] : bounds[-1]], bounds[:-1] - bounds[0], bounds[1:] - bounds[0]


def _rows_of(places: Bounds, ends: Bounds) -> Mask:
    rows = np.zeros(len(ends), bool)
    rows[np.searchsorted(ends, places, side="right")] = True
    return rows


def _with_mendable(data: Bytes, ends: Bounds) -> Mask:
    low = np.flatnonzero(((data < 0x20) & (data != ord("\n"))) | (data == ord("&")) | (data == 0x7F))
    high = np.flatnonzero(data == 0xC2)  # followed by 0x80 to 0x9F it is a control
    return _rows_of(np.concatenate([low, high[data[high + 1] < 0xA0]]), ends)


def _with_outer_space(data: Bytes, starts: Bounds, ends: Bounds) -> Mask:
    filled = ends > starts
    if not filled.any():
        return filled
    first, last = (data[np.where(filled, at, 0)] for at in (starts, ends - 1))
    before = data[np.where(ends - starts > 1, ends - 2, 0)]
    may_end = MAY_END[last] & ~(ARABIC_LEAD[before] & (last >= 0x80) & (ends - starts > 1))
    mask: Mask = filled & (MAY_LEAD[first] | may_end)
    return mask


def decoded_bytes(batch: pa.RecordBatch) -> int:
    """Bytes that the strings of a batch take when a value that is repeated is written out each time."""
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
    """Columns of the rows that readers would take as they stand, and which rows these are.

    A row whose mask is false is left to the readers: something in it is to be mended, checked or refused.
    """
    none = from_articles([], carry=carry), np.zeros(len(batch), bool)
    values = {name: _decoded(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    if len(values) < batch.num_columns or not _is_known(values, carry):
        return none
    text = _first(values, TEXT, len(batch)).fill_null("")
    title = _first(values, ("title",), len(batch)).fill_null("")
    identifier = _first(values, ID, len(batch))
    section = _first(values, ("section",), len(batch))
    kind = _first(values, ("kind",), len(batch))
    plain = np.ones(len(batch), bool)
    for column, longest in (
        (title, limits.max_field_chars), (text, limits.max_field_chars), (identifier, limits.max_field_chars),
        (section, MAX_OPTIONAL_CHARS), (kind, MAX_OPTIONAL_CHARS),
    ):  # fmt: skip
        plain &= ~_to_check(column, longest)
    further = {name: _carried(values[name]) for name in carry}
    for column in further.values():
        plain &= ~_to_check(column, limits.max_field_chars)
    rows = pa.array(np.flatnonzero(plain))
    columns = {"title": title, "text": text, "section": _filled(section), **further}
    columns["kind"] = pc.if_else(pc.equal(kind, "teaser").fill_null(False), "teaser", "article")
    columns = {name: column.take(rows) for name, column in columns.items()}
    columns["article_id"] = _identified(_filled(identifier).take(rows), columns["title"], columns["text"])
    return _batch(columns, carry), plain


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in TEXTS)


def _is_known(values: dict[str, pa.Array], carry: Sequence[str]) -> bool:
    """Whether the columns are of types that need no look at each value, and their strings are UTF-8."""
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
        elif not any(test(kind) for test in SAFE_UNUSED):
            return False
    record = dict.fromkeys(values, "")
    is_adapted = adapters.adapt(record) is not record
    return not is_adapted and all(name in values for name in carry)


def _first(values: dict[str, pa.Array], names: Sequence[str], n: int) -> pa.StringArray:
    """The first of the columns that has a value, row by row."""
    found = [values[name].cast(pa.string()) for name in names if name in values]
    return pc.coalesce(*found) if len(found) > 1 else found[0] if found else pa.nulls(n, pa.string())


def _filled(column: pa.StringArray) -> pa.StringArray:
    """The column with null for what is empty."""
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _to_check(column: pa.StringArray, longest: int) -> Mask:
    """Rows with NULs or carriage returns, or that may be too long: no text has more characters than bytes."""
    data, starts, ends = _bytes(column)
    return _rows_of(np.flatnonzero((data == 0) | (data == 0x0D)), ends) | (ends - starts > longest)


def _carried(column: pa.Array) -> pa.StringArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp(kind.unit))
    if _is_text(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.string())
    return pa.array([as_text(value) for value in column.to_pylist()], pa.string())


def _identified(identifier: pa.StringArray, title: pa.StringArray, text: pa.StringArray) -> pa.StringArray:
    """The identifiers, and a hash of the content where there is none."""
    lacking = pc.is_null(identifier)
    if not pc.any(lacking).as_py():
        return identifier
    pairs = zip(title.filter(lacking).to_pylist(), text.filter(lacking).to_pylist(), strict=True)
    return pc.replace_with_mask(
        identifier, lacking, pa.array([content_id(*pair) for pair in pairs], pa.string())
    )
