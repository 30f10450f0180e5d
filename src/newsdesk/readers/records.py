"""Build articles from records, which map column names to values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from newsdesk.base.schema import NO_LABEL, Article, Refusal, content_id
from newsdesk.readers import adapters
from newsdesk.readers.column_aliases import ALIASES, check_text_column
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.refusals import Provenance, RefusalError

Rows = Iterator[Article | Refusal]

MAX_OPTIONAL_CHARS = 10_000
_MAX_LABEL_CHARS = 60
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
    lines: int = 1  # of the file that the record covers; more for a row of a table with quoted line ends


def parse_record(record: RawRecord, provenance: Provenance, options: ReadOptions) -> Article | Refusal:
    """Return the article of a record, or its refusal with the start of the record as written."""
    position, columns, raw = record
    if isinstance(columns, RefusalError):
        return provenance.refuse(position, columns, raw=raw)
    adapted = adapters.adapt(columns)
    try:
        article = _build_article(adapted, provenance.source, options.limits)
    except RefusalError as error:
        article_id = None
        with suppress(RefusalError):
            article_id = _string(adapted, "article_id", options.limits)
        return provenance.refuse(position, error, raw=raw, article_id=article_id)
    article = replace(article, file=provenance.printable_file, position=position)
    if not options.carry:
        return article
    kept = {name: as_text(columns[name]) for name in options.carry if name in columns}
    return ArticleWithColumns(**{f.name: getattr(article, f.name) for f in fields(Article)}, columns=kept)


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


def _build_article(record: Mapping[str, Any], default_source: str, limits: Limits) -> Article:
    check_text_column(record)
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
        region=region,
        topic=topic,
        region_origin=None if region is None else _optional_string(record, "region_origin") or "gold",
        topic_origin=None if topic is None else _optional_string(record, "topic_origin") or "gold",
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))  # pandas writes NaN


def _find(record: Mapping[str, Any], field_name: str) -> tuple[str, Any]:
    """Return the first column of a field that has a value, and the value."""
    for name in ALIASES[field_name]:
        if not _is_missing(value := record.get(name)):
            return name, value
    return ALIASES[field_name][0], None


def _number_as_text(value: Any) -> Any:
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return str(value) if is_number else value


def _string(record: Mapping[str, Any], field_name: str, limits: Limits) -> str | None:
    """Return a field that must be a string if it has a value, and an identifier also if it is a number."""
    name, value = _find(record, field_name)
    if value is None:
        return None
    if field_name == "article_id":
        value = _number_as_text(value)
    if not isinstance(value, str):
        raise RefusalError("bad_record", f"{name} is {type(value).__name__}, expected a string")
    text = sanitize(value)
    if len(text) > limits.max_field_chars:
        detail = f"{name} has {len(text)} characters, at most {limits.max_field_chars} are allowed"
        raise RefusalError("field_too_large", detail)
    return text or None


def _optional_string(record: Mapping[str, Any], field_name: str) -> str | None:
    """Return an optional field; a value that is not a string or is too long counts as missing."""
    value = _number_as_text(_find(record, field_name)[1])
    if not isinstance(value, str) or len(value) > MAX_OPTIONAL_CHARS:
        return None
    return sanitize(value) or None


def _labels(record: Mapping[str, Any], field_name: str) -> tuple[str, ...] | None:
    """Return the labels: None if the article is not labelled, () if no label applies."""
    value = _find(record, field_name)[1]
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = [label.strip() for label in value.split("|") if label.strip()]
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        value = [repr(value)]  # `clean` refuses it as an unknown label
    labels = tuple(sanitize(label)[:_MAX_LABEL_CHARS] for label in value)
    return () if labels == (NO_LABEL,) else labels


def _time(record: Mapping[str, Any]) -> datetime | None:
    """Return the time of publication in UTC to the second; without a zone it is UTC, unreadable None."""
    value = _find(record, "published")[1]
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):  # RFC 2822, as feeds write it
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            time = parse(value.strip()).replace(microsecond=0)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return None
