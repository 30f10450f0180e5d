"""Read web archives (WARC and ARC): an HTML page or text that a server answered with is a page."""

from __future__ import annotations

import io
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

from newsdesk.readers.chunks import CHUNK_BYTES, ChunkFile, read_whole
from newsdesk.readers.compression import Compression, UnpackedSize, unpack
from newsdesk.readers.encodings import document_to_utf8
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.pages.saved_pages import read_saved_page
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, import_extra

_CONTENT = {"response", "resource", "conversion"}  # the other types are notes of the crawler
_READERS = {"text/html": read_html, "application/xhtml+xml": read_html, "text/plain": read_saved_page}
_CODINGS: dict[str, Compression] = {
    "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "br": "brotli", "zstd": "zstd",
}  # fmt: skip
_MAX_HEADERS = 2**20  # bytes, of one record


def read_warc(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the articles of each response; `position` is the record, among those of all types."""
    import_extra("warcio", "a web archive")
    from warcio.archiveiterator import ArchiveIterator

    logging.getLogger("warcio").setLevel(logging.CRITICAL)  # it warns of addresses with spaces
    source = ChunkFile(chunks)
    source.allow(_MAX_HEADERS)
    archive = ArchiveIterator(source)
    archive.INC_RECORD = ""  # which it prints if the length of a record is wrong
    position = n_content = 0
    while True:
        with _refusing_corrupt_file(position):
            record = next(archive, None)
        if record is None:
            break
        position += 1
        found: list[RawRecord] = []
        if record.rec_type in _CONTENT:
            n_content += 1
            found = _read_record(record, source, position, options)
        with _refusing_corrupt_file(position):
            deque(_read_stream(record.raw_stream, source), maxlen=0)
            archive.read_to_end()
        if archive.err_count or record.length is None or record.raw_stream.limit:
            raise RefusalError("truncated", f"the length of record {position} of the web archive is wrong")
        yield from found
    if not n_content:
        raise RefusalError("empty_file", "the web archive holds no response")


@contextmanager
def _refusing_corrupt_file(position: int) -> Iterator[None]:
    from warcio.exceptions import ArchiveLoadFailed
    from warcio.statusandheaders import StatusAndHeadersParserException

    try:
        yield
    except (
        ArchiveLoadFailed,
        StatusAndHeadersParserException,
        EOFError,
        ValueError,
        AttributeError,
    ) as error:
        first = (str(error).splitlines() or [""])[0]
        detail = f"the web archive is corrupt after record {position}: {first}"
        raise RefusalError("bad_archive", detail) from None


def _read_record(record: Any, source: ChunkFile, position: int, options: ReadOptions) -> list[RawRecord]:
    """Return the articles of a response, or its refusal."""
    url = record.rec_headers.get_header("WARC-Target-URI") or record.rec_headers.get_header("uri")
    headers = record.http_headers or record.rec_headers
    try:
        status = record.http_headers.get_statuscode() if record.http_headers else "200"
        if status != "200":
            raise RefusalError("bad_record", f"the server answered with status {status[:20]}")
        kind = _content_type(headers.get_header("Content-Type"))
        reader = _READERS.get(kind.get_content_type())
        if not reader:
            raise RefusalError(
                "unknown_format", f"the response is {kind.get_content_type()[:100]}, not a page"
            )
        content = _read_content(record, source, options.limits)
        found = list(reader(document_to_utf8(content, kind.get_content_charset()), options))
    except RefusalError as error:
        return [RawRecord(position, error, url or "")]
    stated = {"url": url, "published": record.rec_headers.get_header("WARC-Date")}
    return [_with_headers(each, position, stated) for each in found]


def _content_type(value: str | None) -> Message:
    message = Message()
    message["Content-Type"] = value or "text/html"
    return message


def _with_headers(record: RawRecord, position: int, stated: dict[str, str | None]) -> RawRecord:
    """Fill in what the headers of a response say of its article."""
    columns = record.columns
    if not isinstance(columns, RefusalError) and columns.get("kind") != "teaser":
        columns = {**columns, **stated, **{name: value for name, value in columns.items() if value}}
    return record._replace(position=position, columns=columns)


def _read_content(record: Any, source: ChunkFile, limits: Limits) -> bytes:
    """Return the body of a response, without its chunks and its compression."""
    from warcio.bufferedreaders import ChunkedDataReader

    max_bytes = limits.max_line_bytes
    body = read_whole(_read_stream(record.raw_stream, source), "the response", max_bytes=max_bytes)
    headers = record.http_headers
    if headers and (headers.get_header("Transfer-Encoding") or "").lower() == "chunked":
        body = ChunkedDataReader(io.BytesIO(body)).read()
    coding = ((headers and headers.get_header("Content-Encoding")) or "").lower()
    if coding in {"", "identity"} or body.lstrip().startswith(b"<"):  # crawlers may store it unpacked
        return body
    if coding not in _CODINGS:
        raise RefusalError("unknown_format", f"the response is compressed with {coding[:20]}")
    unpacked = unpack(iter([body]), _CODINGS[coding], UnpackedSize(limits))
    return read_whole(unpacked, "the response", max_bytes=max_bytes)


def _read_stream(stream: Any, source: ChunkFile) -> Iterator[bytes]:
    """Yield the rest of a record in chunks."""
    while True:
        source.allow(CHUNK_BYTES + _MAX_HEADERS)
        if not (chunk := stream.read(CHUNK_BYTES)):
            return
        yield chunk
