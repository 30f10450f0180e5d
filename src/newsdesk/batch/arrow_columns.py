"""Articles as Arrow columns, made from records or straight from the columns of a Parquet file.

Arrow finds the rows that need no check and no repair. All other rows go through the functions of the readers
and of `repair`, so that each rule is written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.schema import Article, content_id
from newsdesk.inference.text import repair_text
from newsdesk.readers import adapters
from newsdesk.readers.column_aliases import find_columns
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import MAX_OPTIONAL_CHARS, as_text, carried

Mask = np.ndarray[Any, np.dtype[np.bool_]]

HOME = " home"  # the home country; carried columns have trimmed names, so none is called so
FIELDS = {name.strip(): name for name in ("article_id", "title", "text", "kind", "section", HOME)}
COLUMNS, OPTIONAL = tuple(FIELDS.values()), ("kind", "section", HOME)
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
UNCHECKED_TYPES = (
    pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp,
    pa.types.is_date,
)  # fmt: skip
MENDABLE = r"[\x00-\x09\x0b-\x1f\x7f-\x{9f}&<]"  # what `repair_text` may change, beside outer space


def from_articles(articles: Sequence[Article], *, carry: Sequence[str] = ()) -> pa.RecordBatch:
    """Convert articles to string columns: `COLUMNS`, then the carried ones."""
    carried_rows = [carried(article, carry) for article in articles]
    values = {name: [getattr(article, field) for article in articles] for field, name in FIELDS.items()}
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
    has_outer_space = pc.not_equal(pc.utf8_trim_whitespace(column), column)
    mask = pc.or_(pc.match_substring_regex(column, MENDABLE), has_outer_space).fill_null(False)
    repaired = [repair_text(value) for value in column.filter(mask).to_pylist()]
    return pc.replace_with_mask(column, mask, pa.array(repaired, pa.string())) if repaired else column


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


def from_parquet(batch: pa.RecordBatch, options: ReadOptions) -> tuple[pa.RecordBatch, Mask]:
    """Convert the rows that readers would take unchanged; returns their columns and a mask of them.

    A row whose mask is false is left to the readers, which check, mend or refuse it.
    """
    values = {
        name: column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    found = find_columns(batch.schema.names, options)
    carry, limits = options.carry, options.limits
    used = {field: found.fields[field][0] for field in FIELDS if field in found.fields}
    if not _is_known(values, used) or any(name not in found.carried for name in carry):
        return from_articles([], carry=carry), np.zeros(len(batch), bool)
    columns = {
        name: values[used[field]].cast(pa.string()) if field in used else pa.nulls(len(batch), pa.string())
        for field, name in FIELDS.items()
    }
    columns |= {name: _carried_text(values[found.carried[name][0]]) for name in carry}
    mask = np.ones(len(batch), bool)
    for name, column in columns.items():
        mask &= ~_to_check(column, MAX_OPTIONAL_CHARS if name in OPTIONAL else limits.max_field_chars)
    for name in ("title", "text"):
        columns[name] = columns[name].fill_null("")
    for name in ("section", "article_id", HOME):
        columns[name] = pc.if_else(pc.equal(columns[name], ""), pa.scalar(None, pa.string()), columns[name])
    is_teaser = pc.equal(columns["kind"], "teaser").fill_null(False)
    columns["kind"] = pc.if_else(is_teaser, "teaser", "article")
    columns = {name: column.filter(pa.array(mask)) for name, column in columns.items()}
    identifier, title, text = (columns[name] for name in ("article_id", "title", "text"))
    columns["article_id"] = _fill_identifiers(identifier, title, text)
    return _batch(columns, carry), mask


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in TEXT_TYPES)


def _is_known(values: dict[str, pa.Array], used: Mapping[str, str]) -> bool:
    """Return whether no column has a type whose values must be checked one by one, or invalid UTF-8."""
    fields = {name: field for field, name in used.items()}
    for name, column in values.items():
        kind = column.type
        if _is_text(kind) or (name not in fields and pa.types.is_list(kind) and _is_text(kind.value_type)):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                return False
        elif name in fields and not pa.types.is_null(kind):
            if not (fields[name] == "article_id" and pa.types.is_integer(kind)):
                return False
        elif not any(test(kind) for test in UNCHECKED_TYPES):
            return False
    record = dict.fromkeys(values, "")
    return adapters.adapt(record) is record


def _to_check(column: pa.StringArray, max_bytes: int) -> Mask:
    """Mark rows with NULs, carriage returns or many bytes; a text has no more characters than bytes."""
    is_long = pc.greater(pc.binary_length(column), max_bytes)
    mask: Mask = (
        pc.or_(pc.match_substring_regex(column, r"[\x00\r]"), is_long)
        .fill_null(False)
        .to_numpy(zero_copy_only=False)
    )
    return mask


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
