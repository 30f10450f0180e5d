"""Read CSV and TSV so that each line below the header belongs to one row or to one refusal.

A row is a line, or several lines if a quoted field holds line ends. Such a field begins behind a delimiter or
the start of a line with a quote, and ends with a quote before a delimiter or the end of a line. A stray quote
opens one too. So the rows that follow are not taken into the field: if a line in it is a whole row by itself
(`_Table._is_whole_row`), the quote is stray. Then the line with the quote is refused, and the lines below it
are read anew; below a row that began with an identifier, prose is refused too. If the field is closed but the
row has more or fewer fields than the header, each of its lines is refused.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from newsdesk.readers.chunks import Line, split_lines
from newsdesk.readers.column_aliases import map_header
from newsdesk.readers.encodings import BLANK, BLANK_LINE, decode, decode_leniently
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long
from newsdesk.readers.sniffing import separator, split_header

Row = tuple[list[str] | RefusalError, list[Line]]  # the fields and the lines


def read_delimited(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each row that is not blank; `position` is the row below the header."""
    max_bytes = options.limits.max_line_bytes
    # The limit of the csv module holds for the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), max_bytes))
    lines = _Lines(split_lines(chunks, max_bytes=max_bytes))
    delimiter, names = _read_header(lines, max_bytes)
    map_header(names, options)
    table = _Table(lines, delimiter, len(names), max_bytes)
    position = end = 0  # the number of a record, and of its last line
    for fields, covered in table.rows():
        if fields == names:
            fields = RefusalError("bad_record", f"line {covered[0].number} is the header again")
        if isinstance(fields, RefusalError):
            for line in filter(table.is_filled, covered):
                position += 1
                yield RawRecord(position, fields, line.raw or b"", line.number - end)
                end = line.number
            continue
        position += 1
        last = covered[-1].number
        yield RawRecord(position, dict(zip(names, fields, strict=True)), covered[0].raw or b"", last - end)
        end = last


class _Lines:
    """Lines that can be returned, to be read again."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: deque[Line] = deque()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> Line:
        return self._returned.popleft() if self._returned else next(self._lines)

    def give_back(self, lines: list[Line]) -> None:
        self._returned.extendleft(reversed(lines))


def _read_header(lines: _Lines, max_bytes: int) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the columns."""
    header = _read_filled(lines, max_bytes)
    named = separator(header)
    delimiter, names = split_header(_read_filled(lines, max_bytes), named) if named else split_header(header)
    return delimiter, list(names)


def _read_filled(lines: _Lines, max_bytes: int) -> str:
    """Return the first line that is not blank."""
    line = next((line for line in lines if line.raw is None or line.raw.strip(BLANK)), None)
    if line is None:
        raise RefusalError("truncated", "the table ends before its header")
    if line.raw is None:
        raise too_long("the header", max_bytes)
    return decode(line.raw, offset=line.offset)


class _Table:
    """The rows below a header; as an iterator, the lines of the row that `csv.reader` reads."""

    def __init__(self, lines: _Lines, delimiter: str, width: int, max_bytes: int) -> None:
        self._lines, self._delimiter, self._width, self._max_bytes = lines, delimiter, width, max_bytes
        self._blank = BLANK_LINE.replace(delimiter.encode(), b"")  # a line of tabs is a row of a TSV
        self._reader = csv.reader(self, delimiter=delimiter, strict=True)
        # of the row that is read
        self._opening = ""
        self._opening_fields: list[str] | None = None
        self._covered: list[Line] = []
        self._size, self._is_begun = 0, False
        self._error: RefusalError | None = None
        self._broken: list[str] = []  # fields of the last line that was refused for its quotes

    def is_filled(self, line: Line) -> bool:
        """Return whether a line is not blank."""
        return line.raw is None or line.raw.strip(self._blank) != b""

    def rows(self) -> Iterator[Row]:
        """Yield the fields of each row, or its error, with its lines."""
        for line in self._lines:
            if line.raw is None:
                yield too_long("the line", self._max_bytes), [line]
                continue
            if not line.raw.strip(self._blank):
                continue
            text, error = decode_leniently(line.raw, offset=line.offset)
            if '"' in text:
                yield self._read_quoted(line, text, error)
            else:
                yield self._check(text.split(self._delimiter), error), [line]

    def _check(self, fields: list[str], error: RefusalError | None) -> list[str] | RefusalError:
        """Return the fields of a row, or its error."""
        if error:
            return error
        if len(fields) != self._width:
            return RefusalError("bad_record", f"{len(fields)} fields, expected {self._width}")
        if self._broken:
            if _is_identifier(self._broken[0]) and len(fields[0].split()) > 1:  # prose
                return RefusalError("bad_record", "the line belongs to a row with broken quoting")
            self._broken = []
        return fields

    def _read_quoted(self, line: Line, text: str, error: RefusalError | None) -> Row:
        """Return the row that begins in a line with a quote, or the error of this line alone."""
        self._opening, self._opening_fields, self._error = text, None, error
        self._size, self._is_begun = len(line.raw or b""), False
        self._covered = covered = [line]
        try:
            return self._check(next(self._reader), self._error), covered
        except (csv.Error, RefusalError) as problem:
            if isinstance(problem, csv.Error):
                problem = RefusalError("bad_record", f"broken quoting in line {line.number}: {problem}")
            self._lines.give_back(covered[1:])
            self._broken = _as_characters(text, self._delimiter)
            return error or problem, [line]

    def __iter__(self) -> _Table:
        return self

    def __next__(self) -> str:
        """Return the line that begins a row, then those that a quoted field takes in, unless one is a row."""
        if not self._is_begun:
            self._is_begun = True
            return self._opening + "\n"
        line = next(self._lines)
        self._covered.append(line)
        self._size += len(line.raw or b"")
        if line.raw is None or self._size > self._max_bytes:
            raise too_long("the row", self._max_bytes)
        text, error = decode_leniently(line.raw, offset=line.offset)
        self._error = self._error or error
        if self._is_whole_row(text):
            lost = f"a field would take in line {line.number}"
            raise RefusalError("bad_record", f"broken quoting in line {self._covered[0].number}: {lost}")
        return text + "\n"

    def _is_whole_row(self, text: str) -> bool:
        """Return whether a line in a quoted field is a row, as the line that opens the field would be.

        The line has as many fields as the header. If the opening line begins with an identifier, the line
        does so too; else both have the right number of fields, and spaces behind the same delimiters, as
        commas of a sentence have them. A table of one column has no line that can be told from text.
        """
        n = text.count(self._delimiter)
        if self._width == 1 or n < self._width - 1 or (n > self._width - 1 and '"' not in text):
            return False
        has_identifier = _is_identifier(self._opening.partition(self._delimiter)[0])
        if has_identifier and not _is_identifier(text.partition(self._delimiter)[0]):
            return False
        fields = _as_characters(text, self._delimiter)
        if has_identifier or len(fields) != self._width:
            return len(fields) == self._width
        if self._opening_fields is None:
            self._opening_fields = _as_characters(self._opening, self._delimiter)
        return len(self._opening_fields) == self._width and all(
            a.startswith(" ") == b.startswith(" ") for a, b in zip(fields, self._opening_fields, strict=True)
        )


def _is_identifier(field: str) -> bool:
    """Return whether a field looks like a number, a date, a URL or another identifier."""
    return any(char.isdigit() for char in field) and len(field.split()) == 1


def _as_characters(text: str, delimiter: str) -> list[str]:
    """Return the fields of a line, with the quote of a field that is not closed as a character."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [""])
    except csv.Error:
        *closed, rest = next(csv.reader([text], delimiter=delimiter), [""])
        return [*closed, *rest.split(delimiter)]
