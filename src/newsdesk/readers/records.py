"""Turn a record, a mapping of names to values, into an article."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from newsdesk.base.schema import Article, Refusal, content_id
from newsdesk.readers import adapters
from newsdesk.readers.limits import Limits
from newsdesk.readers.refusals import Place, Refused

TEXT = ("text", "content", "full_text", "body")
ID = ("id", "article_id")
SOURCE = ("source", "outlet")
PUBLISHED = ("published", "date")
REGION = ("regions", "region")
TOPIC = ("topics", "topic")
FIELDS = frozenset(
    {"title", "key", "url", "section", "country", "kind", "region_origin", "topic_origin"}.union(
        TEXT, ID, SOURCE, PUBLISHED, REGION, TOPIC
    )
)

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NONE_APPLIES = "none"
MAX_OPTIONAL = 10_000
_MAX_LABEL = 60


@dataclass(frozen=True, slots=True)
class CarryingArticle(Article):
    """An article with the fields of its record that its place asks for: what is there, as text."""

    fields: Mapping[str, str | None] = field(default_factory=dict)


def take(
    record: Mapping[str, Any], place: Place, position: int, *, limits: Limits, raw: str
) -> Article | Refusal:
    """Return the record's article, or the reason why it has none; `raw` is the record as it stands."""
    adapted = adapters.adapt(record)
    try:
        article = _article(adapted, source=place.source, limits=limits)
    except Refused as refused:
        return place.refuse(position, refused, raw=raw, article_id=_identifier_if_any(adapted, limits))
    article = replace(article, file=place.printable_file, position=position)
    if not place.carry:
        return article
    asked = {name: as_text(record[name]) for name in place.carry if name in record}
    return CarryingArticle(**{f.name: getattr(article, f.name) for f in fields(Article)}, fields=asked)


def carried(article: Article, names: Sequence[str]) -> list[str | None]:
    """The record's own fields of these names as text; where it has none, those of the article as read."""
    own = article.fields if isinstance(article, CarryingArticle) else {}
    return [own[name] if name in own else as_text(getattr(article, name, None)) for name in names]


def as_text(value: Any) -> str | None:
    """A field's value as text: strings as they are, moments in ISO 8601, all else in JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return sanitize(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def check_columns(columns: list[str]) -> None:
    """Refuse a table in which no column can be the text."""
    if not any(name in TEXT for name in columns):
        found = ", ".join(columns) or "none"
        raise Refused("missing_column", f"no text column ({', '.join(TEXT)}); the columns are: {found}")


def sanitize(text: str) -> str:
    """Mend what no later stage should have to know of: line ends, NULs, lone surrogates."""
    text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", text)


def _article(record: Mapping[str, Any], *, source: str, limits: Limits) -> Article:
    if not any(name in record for name in TEXT):
        raise Refused("missing_column", f"no text ({', '.join(TEXT)}) among: {', '.join(map(str, record))}")
    title = _string(record, ("title",), limits) or ""
    text = _string(record, TEXT, limits) or ""
    article_id = _identifier(record, ID, limits)
    region, topic = _labels(record, REGION), _labels(record, TOPIC)
    kind = _string_if_any(record, ("kind",))
    return Article(
        article_id=article_id or content_id(title, text),
        source=_string_if_any(record, SOURCE) or sanitize(source),
        title=title,
        text=text,
        kind="teaser" if kind == "teaser" else "article",
        key=_string_if_any(record, ("key",)) or article_id,
        url=_string_if_any(record, ("url",)),
        published=_time(_pick(record, PUBLISHED)[1]),
        section=_string_if_any(record, ("section",)),
        country=_string_if_any(record, ("country",)),
        region=region,
        topic=topic,
        region_origin=_origin(record, "region_origin", region),
        topic_origin=_origin(record, "topic_origin", topic),
    )


def _pick(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    """Return the first of the fields that has a value, and it; NaN is how pandas writes a missing one."""
    for name in names:
        value = record.get(name)
        if value is not None and not (isinstance(value, float) and math.isnan(value)):
            return name, value
    return names[0], None


def _string(record: Mapping[str, Any], names: tuple[str, ...], limits: Limits) -> str | None:
    return _checked(*_pick(record, names), limits)


def _identifier(record: Mapping[str, Any], names: tuple[str, ...], limits: Limits) -> str | None:
    name, value = _pick(record, names)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        value = str(value)
    return _checked(name, value, limits)


def _checked(name: str, value: Any, limits: Limits) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused("bad_record", f"{name} is {type(value).__name__}, expected a string")
    return _within(sanitize(value), name, limits) or None


def _identifier_if_any(record: Mapping[str, Any], limits: Limits) -> str | None:
    try:
        return _identifier(record, ID, limits)
    except Refused:
        return None


def _within(text: str, name: str, limits: Limits) -> str:
    if len(text) > limits.max_field_chars:
        raise Refused(
            "field_too_large",
            f"{name} has {len(text)} characters, at most {limits.max_field_chars} are taken",
        )
    return text


def _string_if_any(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return a field that an article can do without: what is no string, or is too long, is none."""
    _, value = _pick(record, names)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        value = str(value)
    return sanitize(value) or None if isinstance(value, str) and len(value) <= MAX_OPTIONAL else None


def _labels(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the labels: None where nobody labelled, () where somebody found that none applies.

    What is no list of strings is one label of that spelling, which no taxonomy has: who only wants the text
    can ignore it, and `clean` refuses it by name.
    """
    _, value = _pick(record, names)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = [label.strip() for label in value.split("|") if label.strip()]
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        value = [repr(value)]
    labels = tuple(sanitize(label)[:_MAX_LABEL] for label in value)
    return () if labels == (_NONE_APPLIES,) else labels


def _origin(record: Mapping[str, Any], name: str, labels: tuple[str, ...] | None) -> str | None:
    return None if labels is None else _string_if_any(record, (name,)) or "gold"


def _time(value: Any) -> datetime | None:
    """Return a moment in UTC to the second; one without a zone is taken as UTC, an unreadable one is None."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)  # RFC 2822, as feeds write it
        except (ValueError, TypeError, IndexError):
            return None
    moment = moment.replace(microsecond=0)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return None
