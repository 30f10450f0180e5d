"""Build articles from records, which map column names to values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from newsdesk.base.schema import NO_LABEL, Article, Refusal, content_id
from newsdesk.readers import adapters
from newsdesk.readers.column_aliases import (
    FoundColumns,
    check_text_column,
    find_columns,
    printable,
    same_meaning,
)
from newsdesk.readers.corpora import Fields, compose
from newsdesk.readers.dates import parse_time
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.refusals import Provenance, RefusalError

Rows = Iterator[Article | Refusal]

MAX_OPTIONAL_CHARS = 10_000
_MAX_LABEL_CHARS = 60
_MAX_EXACT = 2**53  # up to which a float holds each whole number
_WHOLE_FLOAT = re.compile(r"(\d+)\.0")  # as pandas writes a number in a column with gaps
_NO_VALUE = {"NaN", "nan", "NaT", "<NA>", "NULL", "null", "None"}  # as libraries write a missing value
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ArticleWithColumns(Article):
    """An article with the columns of its record that are carried along, as text."""

    columns: Mapping[str, str | None] = field(default_factory=dict)


class RawRecord(NamedTuple):
    """A record as its format gives it, or the error of one that can't be read."""

    position: int
    columns: Mapping[str, Any] | RefusalError
    raw: str | bytes = ""  # as written
    lines: int = 0  # of a table, from the end of the record before to the end of this one


def parse_record(record: RawRecord, provenance: Provenance, options: ReadOptions) -> Article | Refusal:
    """Return the article of a record, or its refusal with the start of the record as written."""
    position, columns, raw, lines = record
    if isinstance(columns, RefusalError):
        return provenance.refuse(position, columns, raw=raw, lines=lines)
    found = find_columns(columns, options)
    adapted = adapters.adapt(columns)
    values: Fields = {}
    try:
        values = compose(_field_values(columns, adapted, found), columns, position, options)
        if "text" not in values:
            check_text_column(found)
        if options.on_columns and (adapted is columns or found.chosen):
            options.on_columns(found, provenance.printable_file)
        place = {"file": provenance.printable_file, "position": position, "lines": lines}
        article = _build_article(values, provenance.source, options.limits, place)
        kept = {name: as_text(_choose(columns, name, n)[1]) for name, n in found.carried.items()}
    except RefusalError as error:
        article_id = None
        with suppress(RefusalError):
            article_id = _string(values, "article_id", options.limits)
        return provenance.refuse(position, error, raw=raw, article_id=article_id, lines=lines)
    if not options.carry:
        return article
    return ArticleWithColumns(**{f.name: getattr(article, f.name) for f in fields(Article)}, columns=kept)


def _field_values(record: Mapping[str, Any], adapted: Mapping[str, Any], found: FoundColumns) -> Fields:
    """Return the column and the value of each field of a record, which may be one of a public corpus."""
    if adapted is record:
        return {
            field: (names[0], record.get(names[0])) if len(names) == 1 else _choose(record, field, names)
            for field, names in found.fields.items()
        }
    values = {field: (field, value) for field, value in adapted.items() if field not in found.chosen}
    chosen = {field: found.fields[field] for field in found.chosen if field in found.fields}
    return values | {field: _choose(record, field, names) for field, names in chosen.items()}


def _choose(record: Mapping[str, Any], field_name: str, names: Sequence[str]) -> tuple[str, Any]:
    """Return the column of a field that has a value, and the value; refuse two that differ."""
    if len(names) == 1:
        return names[0], record.get(names[0])
    values = [(name, _number_as_text(record[name])) for name in names if not _is_blank(record[name])]
    values = [(name, value) for name, value in values if isinstance(value, str)] or values
    if any(value != values[0][1] for _, value in values):
        raise same_meaning(field_name, [name for name, _ in values])
    return values[0] if values else (names[0], None)


def carried(article: Article, names: Sequence[str]) -> list[str | None]:
    """Return columns of an article's record as text, and fields of the article where the record has none."""
    columns = article.columns if isinstance(article, ArticleWithColumns) else {}
    return [columns[n] if n in columns else as_text(getattr(article, n, None)) for n in names]


def as_text(value: Any) -> str | None:
    """Return a value as text: strings unchanged, times in ISO 8601, other values as JSON."""
    if _is_missing(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return sanitize(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def sanitize(text: str) -> str:
    r"""Normalize line ends to \n, drop NUL characters and replace lone surrogates."""
    text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", text)


def _build_article(record: Fields, default_source: str, limits: Limits, place: Mapping[str, Any]) -> Article:
    title = _string(record, "title", limits) or ""
    text = _string(record, "text", limits) or ""
    article_id = _string(record, "article_id", limits)
    region, topic = _labels(record, "region"), _labels(record, "topic")
    return Article(
        article_id=article_id or content_id(title, text),
        source=_optional_string(record, "source") or sanitize(default_source),
        title=title,
        text=text,
        kind="teaser" if _optional_string(record, "kind") == "teaser" else "article",
        key=_optional_string(record, "key") or article_id,
        url=_optional_string(record, "url"),
        published=_time(record),
        section=_optional_string(record, "section"),
        country=_optional_string(record, "country"),
        home=_optional_string(record, "home"),
        region=region,
        topic=topic,
        region_origin=None if region is None else _optional_string(record, "region_origin") or "gold",
        topic_origin=None if topic is None else _optional_string(record, "topic_origin") or "gold",
        **place,
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))  # pandas writes NaN


def _is_blank(value: Any) -> bool:
    return _is_missing(value) or (isinstance(value, str) and not value.strip())


def _value(record: Fields, field_name: str) -> Any:
    if field_name not in record or _is_missing(value := record[field_name][1]):
        return None
    return None if isinstance(value, str) and value in _NO_VALUE else value


def _number_as_text(value: Any) -> Any:
    """Return a number as text, a whole one without a decimal point: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_EXACT:
        return str(int(value))
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return str(value) if is_number else value


def _string(record: Fields, field_name: str, limits: Limits) -> str | None:
    """Return a field that must be a string if it has a value, and an identifier also if it is a number."""
    value = _value(record, field_name)
    if value is None:
        return None
    name = record[field_name][0]
    if field_name == "article_id":
        value = _number_as_text(value)
    if not isinstance(value, str):
        raise RefusalError("bad_record", f"{printable(name)} is {type(value).__name__}, expected a string")
    text = sanitize(value)
    if field_name == "article_id" and (number := _WHOLE_FLOAT.fullmatch(text)):
        text = number[1]
    if len(text) > limits.max_field_chars:
        detail = f"{printable(name)} has {len(text)} characters, at most {limits.max_field_chars} are allowed"
        raise RefusalError("field_too_large", detail)
    return text or None


def _optional_string(record: Fields, field_name: str) -> str | None:
    """Return an optional field; a value that is not a string or is too long counts as missing."""
    value = _number_as_text(_value(record, field_name))
    if not isinstance(value, str) or len(value) > MAX_OPTIONAL_CHARS:
        return None
    return sanitize(value) or None


def _labels(record: Fields, field_name: str) -> tuple[str, ...] | None:
    """Return the labels: None if the article is not labelled, () if no label applies."""
    value = _value(record, field_name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = [label.strip() for label in value.split("|") if label.strip()]
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        value = [repr(value)]  # `clean` refuses it as an unknown label
    labels = tuple(sanitize(label)[:_MAX_LABEL_CHARS] for label in value)
    return () if labels == (NO_LABEL,) else labels


def _time(record: Fields) -> datetime | None:
    """Return the time of publication, None if there is none that can be read."""
    value = _value(record, "published")
    return parse_time(value) if isinstance(value, str) else None
