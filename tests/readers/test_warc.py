"""Web archives: HTML and text that servers answered with, and a refusal of each other response."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons
from .test_html import HTML

PAGE = HTML.replace('<link rel="canonical" href="https://alwadi.example/culture/7">', "")


def record(
    kind: str, body: bytes, *, content_type: str = "application/http", length: int | None = None
) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://alwadi.example/{kind}\r\n"
        f"WARC-Date: 2024-03-06T00:00:00Z\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def response(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8"
) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers])
    return record("response", f"{head}\r\n\r\n".encode() + body)


def chunked(body: bytes, size: int = 300) -> bytes:
    parts = [body[k : k + size] for k in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def arrow(body: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(body)
    return bytes(sink.getvalue())


def check_page(row: Article | Refusal) -> None:
    assert isinstance(row, Article), row
    assert (row.title, row.url) == ("افتتاح متحف البحر", "https://alwadi.example/response")
    assert row.text.startswith("افتتحت المدينة")
    assert row.published == datetime(2024, 3, 5, tzinfo=UTC) or row.published == datetime(
        2024, 3, 5, 10, tzinfo=UTC
    )


@pytest.mark.parametrize("name", ["crawl.warc", "crawl.txt", "crawl.html"])
def test_responses_are_pages_and_other_records_are_not_counted(read_bytes: ReadBytes, name: str) -> None:
    records = [
        record("warcinfo", b"software: x\r\n", content_type="application/warc-fields"),
        record("request", b"GET / HTTP/1.1\r\nHost: alwadi.example\r\n\r\n"),
        response(PAGE.encode()),
        response(b"", status="404 Not Found"),
        response(b"\x89PNG\r\n\x1a\n", kind="image/png"),
        record("metadata", b"x: y", content_type="application/warc-fields"),
        response(PAGE.encode("cp1256", "ignore"), kind="text/html"),
        record("conversion", "عنوان\nنص الخبر".encode(), content_type="text/plain"),
        response(b"<html><body></body></html>"),
    ]
    rows = read_bytes(b"".join(records), name)
    assert reasons(rows) == ["ok", "bad_record", "unknown_format", "ok", "ok", "bad_record"]
    assert [row.position for row in rows] == [3, 4, 5, 7, 8, 9]
    check_page(rows[0])
    check_page(rows[3])
    assert [row.detail for row in rows if isinstance(row, Refusal)] == [
        "the server answered with status 404",
        "the response is image/png, not a page",
        "no article found in the HTML",
    ]
    assert rows[1].excerpt == "https://alwadi.example/response"  # type: ignore[union-attr]


def test_each_record_may_be_compressed(read_bytes: ReadBytes) -> None:
    content = gzip.compress(record("warcinfo", b"x: y")) + gzip.compress(response(PAGE.encode())) * 2
    rows = read_bytes(content, "crawl.warc.gz")
    assert [row.position for row in rows] == [2, 3]
    check_page(rows[1])


def test_chunks_and_compression_of_a_response(read_bytes: ReadBytes) -> None:
    body = PAGE.encode()
    responses = [
        response(chunked(body), "Transfer-Encoding: chunked"),
        response(gzip.compress(body), "Content-Encoding: gzip"),
        response(chunked(gzip.compress(body)), "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        response(zlib.compress(body), "Content-Encoding: deflate"),
        response(arrow(body, "brotli"), "Content-Encoding: br"),
        response(arrow(body, "zstd"), "Content-Encoding: zstd"),
        response(body, "Content-Encoding: br"),  # stored without it
    ]
    rows = read_bytes(b"".join(responses), "crawl.warc")
    assert len(rows) == len(responses)
    for row in rows:
        check_page(row)
    (refusal,) = read_bytes(response(b"x", "Content-Encoding: compress"), "crawl.warc")
    assert refusal.detail == "the response is compressed with compress"  # type: ignore[union-attr]


def test_a_wrong_length_is_refused(read_bytes: ReadBytes, capsys: pytest.CaptureFixture[str]) -> None:
    page = response(PAGE.encode())
    bad = record("response", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE.encode(), length=60)
    rows = read_bytes(page + bad + page, "crawl.warc")
    assert reasons(rows) == ["ok", "truncated"]
    assert rows[1].detail == "the length of record 2 of the web archive is wrong"  # type: ignore[union-attr]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("cut", [30, 400, 900])
def test_truncated_archives_are_refused(read_bytes: ReadBytes, cut: int) -> None:
    page = response(PAGE.encode())
    *kept, last = read_bytes(page + page[:-cut], "crawl.warc")
    assert last.reason in {"truncated", "bad_archive"}  # type: ignore[union-attr]
    assert reasons(kept) == ["ok"]
    assert reasons(read_bytes(page[:-3], "crawl.warc")) == ["ok"]  # the lines between records
    assert reasons(read_bytes(page[:40], "crawl.warc"))[-1] in {"truncated", "bad_archive", "empty_file"}


def test_bombs_within_responses_and_headers_are_refused(read_bytes: ReadBytes) -> None:
    bomb = response(gzip.compress(b" " * 40_000_000), "Content-Encoding: gzip")
    page = response(PAGE.encode())
    assert reasons(read_bytes(bomb + page, "crawl.warc")) == ["zip_bomb", "ok"]
    (refusal,) = read_bytes(b"WARC/1.0\r\nX: " + b"x" * 3_000_000, "crawl.warc")
    assert refusal.detail == "a header of the archive is too long"  # type: ignore[union-attr]
    assert reasons(read_bytes(page, "a.warc", Limits(max_line_bytes=100))) == ["field_too_large"]


def test_an_archive_without_a_response_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(record("warcinfo", b"x: y"), "a.warc")) == ["empty_file"]
    assert reasons(read_bytes(b"WARC/9.9\r\nx: y\r\n\r\n", "a.warc")) == ["bad_archive"]
