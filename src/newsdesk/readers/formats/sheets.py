"""Read workbooks of Excel and OpenDocument: each worksheet is a table, perhaps with a title above."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from newsdesk.readers.column_aliases import count_known, map_header
from newsdesk.readers.formats import workbook_rows
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord, Rows, parse_record
from newsdesk.readers.refusals import Provenance, RefusalError, import_extra

_MAX_TITLE_ROWS = 10  # above the header
_BASE_BYTES = 2**29  # address space that Python and its libraries take


def read_workbook(handle: BinaryIO, provenance: Provenance, options: ReadOptions) -> Rows:
    """Yield one article or refusal for each row that is not blank; `position` is the row of the sheet."""
    import_extra("python_calamine", "a workbook, to be saved as CSV")
    with _rows(handle, 2 * options.limits.max_workbook_bytes + _BASE_BYTES) as rows:
        sheet, position, before = provenance, 0, 0
        columns: list[str] | None = None
        is_empty = True
        no_header: RefusalError | None = None  # of the sheet, whose header may be below its title
        for row, line in rows:
            if isinstance(row, str):
                if no_header:
                    yield sheet.refuse(0, no_header)
                sheet, columns, position, before, no_header = provenance.member(row), [], 0, 0, None
                continue
            position += 1
            is_empty = False
            if columns is None or all(value is None for value in row):
                continue  # a blank row, or a sheet that was refused
            if columns:
                record = dict(zip(columns, row, strict=True))
                yield parse_record(RawRecord(position, record, line, position - before), sheet, options)
                before = position
                continue
            names = ["" if value is None else str(value) for value in row]
            try:
                if not no_header or count_known(names) > 1:
                    map_header(names, options)
                    columns, no_header = names, None
            except RefusalError as error:
                no_header = error
            if no_header and (no_header.reason != "missing_column" or position >= _MAX_TITLE_ROWS):
                yield sheet.refuse(0, no_header)
                columns, no_header = None, None
    if no_header:
        yield sheet.refuse(0, no_header)
    if is_empty:
        raise RefusalError("empty_file", "the sheets of the workbook have no rows")


@contextmanager
def _rows(handle: BinaryIO, max_bytes: int) -> Iterator[Iterator[tuple[Any, bytes]]]:
    """Yield the lines of `workbook_rows` from a process of its own, which is ended with the context."""
    stdin = handle.fileno()
    handle.seek(0)
    os.lseek(stdin, 0, os.SEEK_SET)  # a buffered file may seek within its buffer alone
    process = subprocess.Popen(
        [sys.executable, "-P", workbook_rows.__file__, str(max_bytes)],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _parse(process)
    finally:
        process.kill()
        process.communicate()


def _parse(process: subprocess.Popen[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Yield the name of each sheet and its rows, with their lines; refuse one that breaks off."""
    for line in process.stdout or ():
        if not line.endswith(b"\n"):
            break
        value = json.loads(line)
        if value is None:
            return
        if isinstance(value, dict):
            reason = "too much memory" if "memory" in value["error"].lower() else value["error"]
            raise RefusalError("bad_archive", f"a workbook that can't be read; save it as CSV: {reason}")
        yield value, line.rstrip()
    raise RefusalError("zip_bomb", "the workbook takes too much memory or time; save it as CSV")
