"""Print the rows of the workbook on standard input as JSON lines; run by `sheets` in a process of its own.

calamine allocates the whole extent of a sheet, and a workbook of a kilobyte may state one of half a terabyte:
the process then ends without an error that could be caught. So it has a limit of memory and of time.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from typing import Any

MAX_SECONDS = 600


def main(max_bytes: int) -> None:
    """Print the name of each sheet, then its rows; null at the end, or an error."""
    _limit(max_bytes)
    try:
        import python_calamine

        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        for sheet in workbook.sheets_metadata:
            if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet:
                _write(sheet.name)
                for row in workbook.get_sheet_by_name(sheet.name).iter_rows():
                    _write([_plain(value) for value in row])
    except BaseException as error:  # a panic of calamine is no Exception
        _write({"error": (str(error).splitlines() or [type(error).__name__])[0]})
    else:
        _write(None)


def _limit(max_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


def _plain(value: Any) -> Any:
    if value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a sheet knows no integers
    if isinstance(value, (str, int, float)):
        return value
    return str(value) if isinstance(value, timedelta) else value.isoformat()


def _write(value: Any) -> None:
    line = json.dumps(value, ensure_ascii=False)
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
