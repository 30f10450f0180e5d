"""Records: column names, labels, times and identifiers, one case a row."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from newsdesk.base.schema import Article, Refusal, content_id
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord, parse_record
from newsdesk.readers.refusals import Provenance

PROVENANCE = Provenance("desk", "news.jsonl")


def taken(**record: Any) -> Article:
    row = parse_record(RawRecord(1, {"text": "نص", **record}), PROVENANCE, ReadOptions())
    assert isinstance(row, Article), row
    return row


@pytest.mark.parametrize("name", ["text", "content", "full_text", "body"])
def test_names_of_the_text(name: str) -> None:
    row = parse_record(RawRecord(1, {name: "نص الخبر"}), PROVENANCE, ReadOptions())
    assert isinstance(row, Article)
    assert row.text == "نص الخبر"


def test_defaults() -> None:
    article = taken(title="عنوان")
    assert article.source == "desk"
    assert article.article_id == content_id("عنوان", "نص")
    assert (article.kind, article.key, article.url, article.section) == ("article", None, None, None)
    assert (article.region, article.region_origin, article.topic, article.topic_origin) == (None,) * 4


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (None, None),
        ("", None),
        (float("nan"), None),
        ([], ()),
        ("none", ()),
        (["none"], ()),
        ("us", ("us",)),
        ("us|asia", ("us", "asia")),
        (["us", "asia"], ("us", "asia")),
    ],
)
def test_not_labelled_differs_from_none_applies(value: object, labels: tuple[str, ...] | None) -> None:
    assert taken(regions=value).region == labels
    assert taken(topic=value).topic == labels
    assert taken(topics=value).topic_origin == (None if labels is None else "gold")


def test_origin_is_kept_only_with_labels() -> None:
    assert taken(region="us", region_origin="editor").region_origin == "editor"
    assert taken(region_origin="editor").region_origin is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-03-05", datetime(2024, 3, 5, tzinfo=UTC)),
        ("2024-03-05 10:20:30.75", datetime(2024, 3, 5, 10, 20, 30, tzinfo=UTC)),
        ("2024-03-05T10:20:30+02:00", datetime(2024, 3, 5, 8, 20, 30, tzinfo=UTC)),
        ("2024-03-05T10:20:30Z", datetime(2024, 3, 5, 10, 20, 30, tzinfo=UTC)),
        ("Sun, 18 Feb 2018 12:26:59 GMT", datetime(2018, 2, 18, 12, 26, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("أمس", None),
        (1709600000, None),
    ],
)
def test_times_are_utc_or_unknown(value: object, moment: datetime | None) -> None:
    assert taken(published=value).published == moment
    assert taken(date=value).published == moment


@pytest.mark.parametrize(
    ("value", "article_id"),
    [("AB-7", "AB-7"), (17, "17"), (10**30, "1" + "0" * 30), (Decimal("17"), "17"), (" x\0 ", " x ")],
)
def test_identifier_is_kept_verbatim_and_is_the_key(value: object, article_id: str) -> None:
    assert (taken(id=value).article_id, taken(id=value).key) == (article_id, article_id)
    assert taken(article_id=value, key="k").key == "k"


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"text": ["نص"]}, "text is list, expected a string"),
        ({"title": 7}, "title is int, expected a string"),
        ({"id": True}, "id is bool, expected a string"),
    ],
)
def test_values_of_the_wrong_type_are_refused(fields: dict[str, object], detail: str) -> None:
    row = parse_record(RawRecord(9, {"text": "نص", **fields}, "سطر\x1b[31m\nآخر"), PROVENANCE, ReadOptions())
    assert isinstance(row, Refusal)
    assert (row.reason, row.position, row.detail) == ("bad_record", 9, detail)
    assert row.excerpt == "سطر[31m آخر"


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"outlet": {}}, "source", PROVENANCE.source),
        ({"kind": "video"}, "kind", "article"),
        ({"section": 12}, "section", "12"),
        ({"url": ["x"]}, "url", None),
        ({"country": "x" * 20_000}, "country", None),
        ({"topics": {"a": 1}}, "topic", ("{'a': 1}",)),
        ({"regions": [1]}, "region", ("[1]",)),
        ({"region": "us", "region_origin": "x"}, "region_origin", "x"),
    ],
)
def test_invalid_optional_field_counts_as_missing(
    fields: dict[str, object], name: str, value: object
) -> None:
    """A batch job needs the text only; `clean` refuses unknown labels and origins."""
    row = parse_record(RawRecord(9, {"text": "نص", **fields}), PROVENANCE, ReadOptions())
    assert isinstance(row, Article)
    assert getattr(row, name) == value


def test_refused_record_keeps_its_identifier() -> None:
    row = parse_record(RawRecord(1, {"id": 5, "text": 1}), PROVENANCE, ReadOptions())
    assert row.article_id == "5"
