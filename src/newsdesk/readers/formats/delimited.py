"""Read CSV and TSV: quoted fields may hold newlines, and a broken row is refused by itself."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from newsdesk.readers.chunks import Line, split_lines
from newsdesk.readers.column_aliases import check_text_column
from newsdesk.readers.encodings import BLANK, decode, decode_leniently
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long
from newsdesk.readers.sniffing import column_names, split_header


def read_delimited(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each row that is not blank; `position` is the row below the header."""
    max_bytes = options.limits.max_line_bytes
    lines = _RowLines(split_lines(chunks, max_bytes=max_bytes), max_bytes)
    delimiter, names = split_header(lines.read_header())
    columns = column_names(names)
    check_text_column(columns)
    for position, (row, error) in enumerate(_rows(lines, delimiter), start=1):
        if error is None and len(row) != len(columns):
            error = RefusalError("bad_record", f"{len(row)} fields, expected {len(columns)}")
        record = error or dict(zip(columns, row, strict=True))
        yield RawRecord(position, record, lines.first_line)


def _rows(lines: _RowLines, delimiter: str) -> Iterator[tuple[list[str], RefusalError | None]]:
    """Yield the fields of each row, and its error if it has one."""
    # The limit of the csv module holds for the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), lines.max_bytes))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield [], RefusalError("bad_record", f"broken quoting: {error}")
            lines.unread_row()  # a quote that is never closed costs only its own line
        except _RowTooLongError:
            yield [], too_long("the row", lines.max_bytes)
            lines.unread_row()
        else:
            if row is None:
                return
            if row or lines.error:
                yield row, lines.error


class _RowTooLongError(Exception):
    """A quoted field spans too many lines."""


class _RowLines:
    """Feeds lines to `csv.reader` and holds those of the current row, so that they can be read again."""

    def __init__(self, lines: Iterator[Line], max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.error: RefusalError | None = None
        self._lines = lines
        self._unread: deque[Line] = deque()
        self._row: list[Line] = []
        self._size = 0

    def read_header(self) -> str:
        """Return the first line that is not blank."""
        line = next((line for line in self._lines if line.raw is None or line.raw.strip(BLANK)), None)
        if line is None or line.raw is None:
            raise too_long("the header", self.max_bytes)
        return decode(line.raw, offset=line.offset)

    def start_row(self) -> None:
        self.error, self._row, self._size = None, [], 0

    def unread_row(self) -> None:
        """Return all lines of the row but the first, to be read again."""
        self._unread.extendleft(reversed(self._row[1:]))

    @property
    def first_line(self) -> bytes:
        return self._row[0].raw or b""

    def __iter__(self) -> _RowLines:
        return self

    def __next__(self) -> str:
        line = self._unread.popleft() if self._unread else next(self._lines)
        self._row.append(line)
        self._size += len(line.raw or b"")
        if self._size > self.max_bytes:
            raise _RowTooLongError
        if line.raw is None:
            self.error = too_long("a line of the row", self.max_bytes)
            return "\n"
        text, error = decode_leniently(line.raw, offset=line.offset)
        self.error = self.error or error
        return text + "\n"
