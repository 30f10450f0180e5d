"""Read JSON lines, a JSON array of any length, or a single object.

The event parser ijson stops at a broken record, and 100,000 brackets cost it 20 GB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from newsdesk.readers.chunks import CHUNK_BYTES, Line, peek, split_lines
from newsdesk.readers.column_aliases import printable
from newsdesk.readers.encodings import BLANK, BLANK_LINE, decode
from newsdesk.readers.formats.json_wrappers import find_wrapped_array, unwrap
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long

_OUTSIDE_STRING = re.compile(rb'[][{},"]')
_INSIDE_STRING = re.compile(rb'["\\]')


def read_jsonl(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each line that is not blank; `position` is the line.

    NULs alone, which a file holds after a crash of its writer, are a line that is refused.
    """
    max_bytes = options.limits.max_line_bytes
    lines = split_lines(chunks, max_bytes=max_bytes)
    filled = (line for line in lines if line.raw is None or line.raw.strip(BLANK_LINE))
    return _parse(filled, "the line", options)


def read_json(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield each element of an array, or a single object."""
    max_bytes = options.limits.max_line_bytes
    head, chunks = peek(chunks, CHUNK_BYTES)
    if head.lstrip(BLANK).startswith(b"["):
        return _parse(_elements(chunks, max_bytes=max_bytes), "the record", options)
    return _read_object(chunks, options)


def _read_object(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the records of an object; of one that is too long or broken, those of the array that it wraps."""
    max_bytes = options.limits.max_line_bytes
    head, chunks = peek(chunks, max_bytes + 1)
    lines = [Line(1, 0, head if len(head) <= max_bytes else None)]
    records = list(_parse(lines, "the record", options))
    if not records or not isinstance(records[0].columns, RefusalError):
        return (record._replace(position=number) for number, record in enumerate(records, start=1))
    if (begin := find_wrapped_array(head)) is not None:
        rest = chain([head[begin:]], _after(chunks, len(head)))
        return _parse(_elements(rest, max_bytes=max_bytes, is_wrapped=True), "the record", options)
    first_line, _, more = head.partition(b"\n")
    if more.strip(BLANK) and _is_object(first_line):  # JSON lines, the first of them long
        return read_jsonl(chunks, options)
    return iter(records)


def _is_object(line: bytes) -> bool:
    try:
        return bool(_parse_object(decode(line)))
    except RefusalError:
        return False


def _after(chunks: Iterable[bytes], n_bytes: int) -> Iterator[bytes]:
    """Yield a stream without its first bytes."""
    for chunk in chunks:
        yield chunk[n_bytes:]
        n_bytes = max(n_bytes - len(chunk), 0)


def _parse(lines: Iterable[Line], what: str, options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the record of each line or element, or the records within it."""
    for number, offset, raw in lines:
        try:
            if raw is None:
                raise too_long(what, options.limits.max_line_bytes)
            record = _parse_object(decode(raw, offset=offset))
        except RefusalError as error:
            yield RawRecord(number, error, raw or b"")
            continue
        is_known = bool(options.corpus.fields)
        for found in [record] if is_known else unwrap(record, options.columns.text_column):
            written = raw or b"" if found is record else json.dumps(found, ensure_ascii=False)
            yield RawRecord(number, found, written)


def _elements(chunks: Iterable[bytes], *, max_bytes: int, is_wrapped: bool = False) -> Iterator[Line]:
    """Split an array into its elements; what follows it is an error, or the rest of its wrapper."""
    held = bytearray()
    number = 1
    offset = size = 0
    inside = False
    for content, delimiter in _split(chunks):
        size += len(content)
        held += content
        if size > max_bytes:
            held.clear()
        if not delimiter:
            continue
        if not inside:
            _check_blank(held, offset)
        elif (
            size > max_bytes or held.strip(BLANK) or delimiter == b","
        ):  # else an empty array or a final comma
            yield Line(number, offset, bytes(held) if size <= max_bytes else None)
            number += 1
        inside = delimiter != b"]"
        if is_wrapped and not inside:
            return
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


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; refuse one that gives a key two values, of which Python would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if value != found[key]:
                raise RefusalError("bad_record", f"two values of the key {printable(key)[:50]}")
    return found


# strict=False accepts a bare tab or newline within a string, which scrapers write.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unique)


def _parse_object(text: str) -> dict[str, object]:
    try:
        record = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RefusalError("bad_record", f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise RefusalError("bad_record", "the JSON is nested too deep") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise RefusalError("bad_record", "the JSON holds a number of too many digits") from None
    if not isinstance(record, dict):
        raise RefusalError("bad_record", f"expected a JSON object, found {type(record).__name__}")
    return record
