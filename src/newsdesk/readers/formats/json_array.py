"""Read JSON: an array of records of any length, or a single object.

The event parser ijson stops at a broken record, and 100,000 brackets cost it 20 GB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from newsdesk.readers.chunks import CHUNK_BYTES, peek, read_whole
from newsdesk.readers.encodings import BLANK
from newsdesk.readers.formats.jsonl import parse_json_record
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long

_OUTSIDE_STRING = re.compile(rb'[][{},"]')
_INSIDE_STRING = re.compile(rb'["\\]')


def read_json(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield each element of an array, or a single object."""
    max_bytes = options.limits.max_line_bytes
    head, chunks = peek(chunks, CHUNK_BYTES)
    if not head.lstrip(BLANK).startswith(b"["):
        raw = read_whole(chunks, "the record", max_bytes=max_bytes)
        yield parse_json_record(raw, 1, offset=0)
        return
    for position, (offset, element) in enumerate(_elements(chunks, max_bytes=max_bytes), start=1):
        if element is None:
            yield RawRecord(position, too_long("the record", max_bytes))
        else:
            yield parse_json_record(element, position, offset=offset)


def _elements(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the byte offset and the bytes of each element of an array; None if it exceeds `max_bytes`."""
    held = bytearray()
    offset = size = 0
    inside = False
    for content, delimiter in _split(chunks):
        size += len(content)
        held += content
        if size > max_bytes:
            held.clear()
        if not delimiter:
            continue
        if inside and size > max_bytes:
            yield offset, None
        elif inside and (held.strip(BLANK) or delimiter == b","):  # else an empty array or a final comma
            yield offset, bytes(held)
        elif not inside:
            _check_blank(held, offset)
        inside = delimiter != b"]"
        offset += size + 1
        size = 0
        held.clear()
    if inside:
        detail = f"the JSON array is not closed; the last record begins at byte {offset}"
        raise RefusalError("truncated", detail)
    _check_blank(held, offset)


def _check_blank(held: bytearray, offset: int) -> None:
    if held.strip(BLANK):
        raise RefusalError("bad_record", f"content outside of the JSON array after byte {offset}")


def _split(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the bytes before each bracket or comma of the array, and this delimiter, or b"" after a chunk."""
    depth = 0  # only depth and strings are tracked, so a broken element seldom affects another one
    pattern = _OUTSIDE_STRING
    skip = 0  # an escape may be split between two chunks
    for chunk in chunks:
        start, at = 0, skip
        while match := pattern.search(chunk, at):
            at = match.end()
            sign = match.group()
            depth_before = depth
            if sign == b"\\":
                at += 1
            elif sign == b'"':
                pattern = _OUTSIDE_STRING if pattern is _INSIDE_STRING else _INSIDE_STRING
            elif sign in b"[{":
                depth += 1
            elif sign == b"]" or (sign == b"}" and depth > 1):
                depth = max(depth - 1, 0)
            if (sign == b"," and depth == 1) or {depth_before, depth} == {0, 1}:
                yield chunk[start : at - 1], sign
                start = at
        skip = max(at - len(chunk), 0)
        yield chunk[start:], b""
