"""Parquet: types, limits, misnamed and broken files."""

import io
import tracemalloc
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits, read
from newsdesk.readers.formats.parquet import read_batches
from newsdesk.readers.options import ReadOptions

from .conftest import ReadBytes, reasons


def packed(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def test_rows(read_bytes: ReadBytes) -> None:
    content = packed(
        {
            "Text": ["نص أول", None],
            "id": [1, 2],
            "regions": [["us", "asia"], []],
            "topics": ["politics", None],
            "published": pa.array(
                [datetime(2024, 1, 2, 3, 4, 5), None], pa.timestamp("ns", tz="Asia/Riyadh")
            ),
            "blob": [b"\xff", b""],
        }
    )
    rows = read_bytes(content, "news.csv")  # whatever the name says
    assert rows[0] == Article(
        article_id="1",
        source="desk",
        title="",
        text="نص أول",
        key="1",
        published=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        region=("us", "asia"),
        topic=("politics",),
        region_origin="gold",
        topic_origin="gold",
        file="news.csv",
        position=1,
    )
    assert isinstance(rows[1], Article)
    assert (rows[1].text, rows[1].region, rows[1].topic) == ("", (), None)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([date(2024, 1, 2)]), datetime(2024, 1, 2, tzinfo=UTC)),
        (pa.array([10**15], pa.timestamp("s")), None),
        (pa.array(["2024-01-02"]), datetime(2024, 1, 2, tzinfo=UTC)),
        (pa.array(["2024-01-02"]).dictionary_encode(), datetime(2024, 1, 2, tzinfo=UTC)),
        (pa.array(["2024-01-02"], pa.large_string()), datetime(2024, 1, 2, tzinfo=UTC)),
    ],
)
def test_types_of_a_time(read_bytes: ReadBytes, column: pa.Array, expected: datetime | None) -> None:
    (article,) = read_bytes(packed({"text": ["نص"], "date": column}), "news.parquet")
    assert isinstance(article, Article)
    assert article.published == expected


def test_bad_rows_are_refused_by_themselves(read_bytes: ReadBytes) -> None:
    broken = pa.array(["نص".encode(), b"\xff", b"x" * 3_000_000], pa.binary())
    rows = read_bytes(packed({"id": ["a", "b", "c"], "text": broken}), "news.parquet")
    assert reasons(rows) == ["ok", "bad_encoding", "field_too_large"]
    refusals = [row for row in rows if isinstance(row, Refusal)]
    assert [row.position for row in refusals] == [2, 3]
    assert refusals[1].article_id == "c"
    assert refusals[1].excerpt.startswith('{"id": "c", "text": "xxx')


def test_repeated_value_of_a_dictionary_is_held_once() -> None:
    """40 rows of 4 MB would be 160 MB; as a dictionary the file is a few kB."""
    index = pa.array([0] * 40, pa.int32())
    column = pa.DictionaryArray.from_arrays(index, pa.array(["x" * 4_000_000]))
    options = {"compression": "zstd", "dictionary_pagesize_limit": 2**23, "store_schema": False}
    content = packed({"text": column}, **options)
    assert len(content) < 50_000
    pool = pa.default_memory_pool()
    peak_before = pool.max_memory()  # of other tests in this process
    tracemalloc.start()
    rows = read(["-"], sections=(), limits=Limits(max_field_chars=5_000_000), stdin=io.BytesIO(content))
    assert sum(len(row.text) for row in rows if isinstance(row, Article)) == 40 * 4_000_000
    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert pool.max_memory() <= max(peak_before, 96 * 2**20)


def test_decompression_bomb_is_refused(read_bytes: ReadBytes) -> None:
    content = packed({"text": ["x" * 40_000_000]}, compression="zstd")
    rows = read_bytes(content, "news.parquet")
    assert [(row.reason, row.position) for row in rows if isinstance(row, Refusal)] == [("zip_bomb", 0)]
    rows = read_bytes(content, "news.parquet", Limits(max_unpacked_bytes=2**20))
    assert rows[0].detail == "unpacks to more than 1048576 bytes"  # type: ignore[union-attr]


def test_broken_files(read_bytes: ReadBytes) -> None:
    whole = packed({"text": ["نص"] * 100})
    assert reasons(read_bytes(whole[:-9], "news.parquet")) == ["truncated"]
    assert reasons(read_bytes(whole[:4] + whole[-4:], "news.parquet")) == ["truncated"]
    assert reasons(read_bytes(whole[:4] + bytes(60) + whole[-40:], "news.parquet")) == ["unreadable_file"]


def test_table_without_text_is_refused_as_a_whole(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes(packed({"id": ["1"], "headline": ["عنوان"]}), "news.parquet")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.position) == ("missing_column", 0)
    assert refusal.detail.endswith("among: id, headline; name it with --text-column")


def batch_sizes(content: bytes) -> list[int]:
    return [len(batch) for batch in read_batches(io.BytesIO(content), ReadOptions())]


def test_small_row_groups_are_read_together(read_bytes: ReadBytes) -> None:
    columns = {"id": [*map(str, range(3000))], "text": [f"نص {k}" for k in range(3000)]}
    whole, small = packed(columns), packed(columns, row_group_size=10)
    assert batch_sizes(small) == [1020, 1020, 960]
    assert read_bytes(small, "news.parquet") == read_bytes(whole, "news.parquet")
    rest = [
        batch["id"].to_pylist() for batch in read_batches(io.BytesIO(small), ReadOptions(), first_row=1234)
    ]
    assert [*chain(*rest)] == columns["id"][1234:]
    repeated = packed({"text": ["x" * 1_000_000] * 200}, row_group_size=10)
    assert batch_sizes(repeated) == [60, 60, 60, 20], "at most 64 MB are decoded at once"


def test_rows_before_a_corrupt_row_group_are_kept(read_bytes: ReadBytes) -> None:
    columns = {"id": [*map(str, range(300))], "text": [f"نص {k}" for k in range(300)]}
    content = bytearray(packed(columns, row_group_size=10, use_dictionary=False, compression="gzip"))
    meta = pq.read_metadata(io.BytesIO(content))
    column = meta.row_group(20).column(1)
    content[column.data_page_offset + 40 : column.data_page_offset + column.total_compressed_size] = bytes(
        column.total_compressed_size - 40
    )
    *rows, last = read_bytes(bytes(content), "news.parquet")
    assert [row.article_id for row in rows] == columns["id"][:200]
    assert isinstance(last, Refusal)
    assert (last.reason, last.position) == ("unreadable_file", 0)
    assert last.detail.startswith("the Parquet file is corrupt after row 200: ")
