"""Read JSON: a record a line, or an array of records of any size.

An array is cut into its records before any of them is parsed. An event parser (ijson) was tried instead: one
broken record ends it, a lone surrogate becomes a question mark, and 100,000 open brackets cost it 20 GB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.chunks import CHUNK, document, lines, peel
from newsdesk.readers.encodings import BLANK, decode
from newsdesk.readers.limits import Limits
from newsdesk.readers.records import take
from newsdesk.readers.refusals import Place, Refused, start_of

_OUTSIDE = re.compile(rb'[][{},"]')
_INSIDE = re.compile(rb'["\\]')


def read_jsonl(chunks: Iterator[bytes], place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield one article or refusal a line that is not blank; `position` is the line."""
    for line in lines(chunks, max_bytes=limits.max_line_bytes):
        if line.raw is None:
            yield place.refuse(line.number, _too_long("line", limits))
        elif line.raw.strip(BLANK):
            yield _take(line.raw, line.offset, place, line.number, limits)


def read_json(chunks: Iterator[bytes], place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield one article or refusal a record of an array, or that of a single object."""
    head, chunks = peel(chunks, CHUNK)
    if not head.lstrip(BLANK).startswith(b"["):
        yield _take(document(chunks, max_bytes=limits.max_line_bytes), 0, place, 1, limits)
        return
    elements = _elements(chunks, max_bytes=limits.max_line_bytes)
    for position, (offset, raw) in enumerate(elements, start=1):
        if raw is None:
            yield place.refuse(position, _too_long("record", limits))
        else:
            yield _take(raw, offset, place, position, limits)


def _too_long(what: str, limits: Limits) -> Refused:
    return Refused("field_too_large", f"the {what} is longer than {limits.max_line_bytes} bytes")


def _take(raw: bytes, offset: int, place: Place, position: int, limits: Limits) -> Article | Refusal:
    try:
        # strict=False takes a bare tab or newline within a string, which scrapers write.
        record = json.loads(decode(raw, offset=offset), strict=False)
    except json.JSONDecodeError as error:
        refused = Refused("bad_record", f"not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        refused = Refused("bad_record", "the JSON is nested too deep")
    except ValueError:  # Python reads no integer of more than 4,300 digits
        refused = Refused("bad_record", "the JSON holds a number of too many digits")
    except Refused as error:
        refused = error
    else:
        if isinstance(record, dict):
            return take(record, place, position, limits=limits, raw=start_of(raw))
        refused = Refused("bad_record", f"a JSON object is expected, found {type(record).__name__}")
    return place.refuse(position, refused, raw=start_of(raw))


def _elements(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the elements of an array: the byte at which each begins, and its bytes, None if too many.

    Raises
    ------
    Refused
        `truncated` if the array isn't closed, `bad_record` if something stands outside of it.
    """
    held = bytearray()
    offset = size = 0
    inside = False
    for piece, sign in _pieces(chunks):
        size += len(piece)
        held += piece
        if size > max_bytes:
            held.clear()
        if not sign:
            continue
        if inside and size > max_bytes:
            yield offset, None
        elif inside and (held.strip(BLANK) or sign == b","):  # else an empty array or a comma too many
            yield offset, bytes(held)
        elif not inside:
            _check_blank(held, offset)
        inside = sign != b"]"
        offset += size + 1
        size = 0
        held.clear()
    if inside:
        raise Refused("truncated", f"the JSON array is not closed; the last record begins at byte {offset}")
    _check_blank(held, offset)


def _check_blank(held: bytearray, offset: int) -> None:
    if held.strip(BLANK):
        raise Refused("bad_record", f"something stands outside of the JSON array after byte {offset}")


def _pieces(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Cut at the array's brackets and at the commas between its elements.

    Yields the bytes up to a cut and the sign at which it was made, empty where only a chunk ends. No more
    of JSON is looked at than strings and depth, so a broken element seldom spoils another one.
    """
    depth = 0
    pattern = _OUTSIDE
    skip = 0  # an escape may be divided between two chunks
    for chunk in chunks:
        done, at = 0, skip
        while match := pattern.search(chunk, at):
            at = match.end()
            sign = match.group()
            was = depth
            if sign == b"\\":
                at += 1
            elif sign == b'"':
                pattern = _OUTSIDE if pattern is _INSIDE else _INSIDE
            elif sign in b"[{":
                depth += 1
            elif sign == b"]" or (sign == b"}" and depth > 1):
                depth = max(depth - 1, 0)
            if (sign == b"," and depth == 1) or {was, depth} == {0, 1}:
                yield chunk[done : at - 1], sign
                done = at
        skip = max(at - len(chunk), 0)
        yield chunk[done:], b""
