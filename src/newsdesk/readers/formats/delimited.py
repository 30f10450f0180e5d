"""Read CSV and TSV: quoted fields may hold newlines, and a broken row is refused by itself."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.chunks import Line, lines
from newsdesk.readers.encodings import BLANK, decode, decode_anyway
from newsdesk.readers.limits import Limits
from newsdesk.readers.records import check_columns, take
from newsdesk.readers.refusals import Place, Refused, start_of
from newsdesk.readers.sniffing import split_header


def read_delimited(chunks: Iterator[bytes], place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield one article or refusal a row that is not blank; `position` is the row, the header not counted.

    A quote that is never closed costs its own line: reading goes on with the next one.
    """
    feed = _Feed(lines(chunks, max_bytes=limits.max_line_bytes), limits)
    delimiter, names = split_header(feed.header())
    columns = [name.strip().lower() for name in names]
    check_columns(columns)
    for position, (row, fault) in enumerate(_rows(feed, delimiter), start=1):
        if fault is None and len(row) != len(columns):
            fault = Refused("bad_record", f"{len(row)} fields, expected {len(columns)}")
        if fault is not None:
            yield place.refuse(position, fault, raw=feed.start_of_row())
        else:
            record = dict(zip(columns, row, strict=True))
            yield take(record, place, position, limits=limits, raw=feed.start_of_row())


def _rows(feed: _Feed, delimiter: str) -> Iterator[tuple[list[str], Refused | None]]:
    # csv's own bound is one for the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), feed.max_bytes))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin_row()
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield [], Refused("bad_record", f"broken quoting: {error}")
            feed.give_back()
        except _RowTooLongError:
            yield [], Refused("field_too_large", f"the row is longer than {feed.max_bytes} bytes")
            feed.give_back()
        else:
            if row is None:
                return
            if row or feed.fault:
                yield row, feed.fault


class _RowTooLongError(Exception):
    """A quoted field has run on for too many lines."""


class _Feed:
    """The lines as `csv.reader` takes them, those of the row under way held so as to be given back."""

    def __init__(self, source: Iterator[Line], limits: Limits) -> None:
        self.max_bytes = limits.max_line_bytes
        self.fault: Refused | None = None
        self._source = source
        self._returned: deque[Line] = deque()
        self._row: list[Line] = []
        self._size = 0

    def header(self) -> str:
        """Return the first line that is not blank."""
        line = next((line for line in self._source if line.raw is None or line.raw.strip(BLANK)), None)
        if line is None or line.raw is None:
            raise Refused("field_too_large", f"the header is longer than {self.max_bytes} bytes")
        return decode(line.raw, offset=line.offset)

    def begin_row(self) -> None:
        self.fault, self._row, self._size = None, [], 0

    def give_back(self) -> None:
        """Let all lines of the row but its first one be read again."""
        self._returned.extendleft(reversed(self._row[1:]))

    def start_of_row(self) -> str:
        return start_of(self._row[0].raw or b"")

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._source)
        self._row.append(line)
        self._size += len(line.raw or b"")
        if self._size > self.max_bytes:
            raise _RowTooLongError
        return self._text(line) + "\n"

    def _text(self, line: Line) -> str:
        if line.raw is None:
            self.fault = Refused(
                "field_too_large", f"a line of the row is longer than {self.max_bytes} bytes"
            )
            return ""
        text, fault = decode_anyway(line.raw, offset=line.offset)
        self.fault = self.fault or fault
        return text
