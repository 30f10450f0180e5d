"""Columns of Parquet files equal the readers' rows one by one; repair of columns equals `repair`."""

import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article
from newsdesk.batch import arrow_columns
from newsdesk.corpus.repair import repair
from newsdesk.readers import Limits, read
from newsdesk.readers.formats.parquet import read_batches
from newsdesk.readers.options import ReadOptions

ODD = st.sampled_from(
    [
        *"\0\t\n\x0b\x1c\x7f\x85\xa0\u2003\u200f\u3000\ufeff«»ابج.!a;",
        "&amp;",
        "&#1576;",
        "<p>",
        "<b",
        "&x",
        " ",
        "\U0001f600",
    ]
)
TEXTS = st.lists(ODD, max_size=8).map("".join)
LIMITS = Limits(max_field_chars=40)


def parquet_bytes(table: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink)
    return sink.getvalue()


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_repair_of_columns_equals_repair(pairs: list[tuple[str, str]]) -> None:
    articles = [Article("1", "desk", title, text) for title, text in pairs]
    got = arrow_columns.repair_columns(arrow_columns.from_articles(articles))
    assert got.select(["title", "text"]).to_pylist() == [
        {"title": article.title, "text": article.text} for article in map(repair, articles)
    ]


def check_same(content: bytes, *, carry: tuple[str, ...] = ()) -> int:
    """Compare the rows that are converted without the readers with theirs; returns their number."""
    rows = list(read(["-"], sections=(), limits=LIMITS, stdin=io.BytesIO(content), carry=carry))
    n_converted = 0
    for batch in read_batches(io.BytesIO(content), ReadOptions(limits=LIMITS, carry=carry)):
        columns, mask = arrow_columns.from_parquet(batch, ReadOptions(limits=LIMITS, carry=carry))
        own, rows = rows[: len(batch)], rows[len(batch) :]
        converted = [row for row, is_converted in zip(own, mask, strict=True) if is_converted]
        articles = [row for row in converted if isinstance(row, Article)]
        assert articles == converted, "no refused row is converted"
        assert columns.equals(arrow_columns.from_articles(articles, carry=carry))
        n_converted += len(articles)
    return n_converted


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "text": st.none() | TEXTS,
                "title": st.none() | TEXTS,
                "id": st.none() | TEXTS,
                "kind": st.sampled_from([None, "teaser", "news", ""]),
                "section": st.none() | TEXTS,
                "desk": st.none() | TEXTS,
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_converted_rows_equal_those_of_the_readers(rows: list[dict[str, str | None]]) -> None:
    table = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    check_same(parquet_bytes(table), carry=("desk",))


@pytest.mark.parametrize(
    ("columns", "n_converted"),
    [
        ({"id": pa.array([7, None])}, 2),
        ({"id": pa.array([7.5, None])}, 0),
        ({"regions": [["us"], []], "published": pa.array([datetime(2024, 1, 2, tzinfo=UTC), None])}, 2),
        ({"title": pa.array(["عنوان", None], pa.large_string())}, 2),
        ({"title": pa.array([b"\xd8\xa7", b"\xff"])}, 0),
        ({"title": [{"ar": "عنوان"}, None]}, 0),
        ({"section": ["x" * 10_001, "y"]}, 1),
        ({"url": pa.array([b"ok", b"\xff"]).view(pa.string())}, 0),  # the readers refuse this row
        ({"source": ["a", "b"], "date_extracted": ["c", "d"], "content": ["e", "f"], "url": ["g", "h"]}, 0),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_types_that_need_checks_are_left_to_the_readers(columns: dict[str, Any], n_converted: int) -> None:
    text = {} if "content" in columns else {"text": ["نص أول", "نص ثان"]}
    content = parquet_bytes({**text, **columns})
    carry = ("date_extracted",) if "date_extracted" in columns else ()
    assert check_same(content, carry=carry) == n_converted


def test_a_long_text_is_left_to_the_readers() -> None:
    assert check_same(parquet_bytes({"text": ["ا" * 21, "a" * 41, "ب"]})) == 1


def test_carried_values_are_text() -> None:
    table = {
        "text": ["نص"],
        "published": pa.array([datetime(2024, 1, 2, 3, tzinfo=UTC)], pa.timestamp("s", "UTC")),
        "views": [12],
        "share": [0.5],
    }
    carry = ("published", "views", "share")
    assert check_same(parquet_bytes(table), carry=carry) == 1
    (batch,) = read_batches(io.BytesIO(parquet_bytes(table)), ReadOptions(limits=LIMITS, carry=carry))
    columns, _ = arrow_columns.from_parquet(batch, ReadOptions(limits=LIMITS, carry=carry))
    (row,) = columns.select(carry).to_pylist()
    assert row == {"published": "2024-01-02 03:00:00.000", "views": "12", "share": "0.5"}


def test_decoded_bytes_count_repeated_values_each_time() -> None:
    content = parquet_bytes({"text": ["اب" * 100] * 1000})
    (batch,) = read_batches(io.BytesIO(content), ReadOptions())
    assert arrow_columns.decoded_bytes(batch) == 400 * 1000
