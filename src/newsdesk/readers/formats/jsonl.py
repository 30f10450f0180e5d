"""Read JSON lines: one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from newsdesk.readers.chunks import split_lines
from newsdesk.readers.encodings import BLANK, decode
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long


def read_jsonl(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each line that is not blank; `position` is the line."""
    max_bytes = options.limits.max_line_bytes
    for line in split_lines(chunks, max_bytes=max_bytes):
        if line.raw is None:
            yield RawRecord(line.number, too_long("the line", max_bytes))
        elif line.raw.strip(BLANK):
            yield parse_json_record(line.raw, line.number, offset=line.offset)


def parse_json_record(raw: bytes, position: int, *, offset: int) -> RawRecord:
    """Return the record of a JSON object that starts at byte `offset` of the file."""
    try:
        return RawRecord(position, _parse_object(decode(raw, offset=offset)), raw)
    except RefusalError as error:
        return RawRecord(position, error, raw)


def _parse_object(text: str) -> dict[str, object]:
    try:
        # strict=False accepts a bare tab or newline within a string, which scrapers write.
        record = json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        raise RefusalError("bad_record", f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise RefusalError("bad_record", "the JSON is nested too deep") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise RefusalError("bad_record", "the JSON holds a number of too many digits") from None
    if not isinstance(record, dict):
        raise RefusalError("bad_record", f"expected a JSON object, found {type(record).__name__}")
    return record
