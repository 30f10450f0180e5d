"""Read fastText's training files: a line is an article, its `__label__` words are dropped from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsdesk.readers.chunks import split_lines
from newsdesk.readers.encodings import BLANK, decode
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long

_LABEL = re.compile(r"(?<!\S)__label__[^\s,]*(?:\s*,(?=\s))?\s*|,__label__\S*\s*", re.I)


def read_fasttext(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each line that is not blank; `position` is the line."""
    max_bytes = options.limits.max_line_bytes
    for number, offset, raw in split_lines(chunks, max_bytes=max_bytes):
        if raw is not None and not raw.strip(BLANK):
            continue
        record: dict[str, str] | RefusalError
        try:
            if raw is None:
                raise too_long("the line", max_bytes)
            record = {"text": _LABEL.sub("", decode(raw, offset=offset)).lstrip(",: \t").rstrip()}
        except RefusalError as error:
            record = error
        yield RawRecord(number, record, raw or b"")
