"""Messages, progress and errors on standard error; tables on standard output."""

from __future__ import annotations

import os
import signal
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.log import current, job_log, settings_of
from newsdesk.base.log import note as note

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
NOTE_EVERY_SECONDS = 30.0
UPDATE_EVERY_SECONDS = 0.1
PACKAGE = Path(__file__).parents[1]
# path_option("--params", default="params.yaml", help="..."): a path whose default the help shows
path_option = partial(click.option, show_default=True, type=click.Path(path_type=Path))
_live_lines = ExitStack()  # closed before an error is printed, so that the error is the last line


def counted(n: int, noun: str) -> str:
    """Return `1 row` or `2,000 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


class ProgressLine:
    """Show progress on standard error: a live line on a terminal, a plain line every 30 seconds in a log.

    `total` is the size of the work, as bytes or parts, `done` how much of it an earlier run has done; without
    a total no share is shown. If `prints_rows`, standard output may be the same terminal: no line is live.
    A live line is erased at the end.
    """

    def __init__(
        self, label: str, *, unit: str = "", total: int = 0, done: int = 0, prints_rows: bool = False
    ) -> None:
        from rich.progress import Progress, TextColumn

        self._label, self._unit = label, unit
        is_free = not (prints_rows and sys.stdout.isatty())
        self._live = sys.stderr.isatty() and is_free and current().shows_progress
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            console=_stderr_console(),
            transient=True,
            disable=not self._live,
            redirect_stdout=False,  # it may be a file while standard error is a terminal
            refresh_per_second=5,
            speed_estimate_period=3600.0,  # a part may take minutes
        )
        self._progress.add_task("", total=total or None, completed=done)
        self._task = self._progress.tasks[0]
        self._count = 0
        self._last_note = time.monotonic()
        self._next_update = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def update(self, n: int, done: int = 0) -> None:
        """Count `n` more; `done` of the total are done by now."""
        self._count += n
        now = time.monotonic()
        if now < self._next_update:
            return
        self._next_update = now + UPDATE_EVERY_SECONDS
        self._progress.update(self._task.id, completed=done)
        self._task.description = self._text()
        if self._live and not self._progress.live.is_started:
            self._progress.start()
            _live_lines.callback(self._stop)
        elif not self._live and now - self._last_note >= NOTE_EVERY_SECONDS:
            self._last_note = now
            percent = round(self._task.percentage, 1) if self._task.total else None
            note(self._task.description, count=self._count, percent=percent)

    def _stop(self) -> None:
        if self._progress.live.is_started:  # else an empty line would be printed in a log
            self._progress.stop()

    def _text(self) -> str:
        seconds = self._task.elapsed or 1e-9
        slow = 0 < self._count < seconds
        rate = f"{seconds / self._count:,.0f} s each" if slow else f"{self._count / seconds:,.0f}/s"
        count = counted(self._count, self._unit) if self._unit else f"{self._count:,}"
        parts = [f"{self._label}: {count}", rate]
        if self._task.total:
            parts.append(f"{self._task.percentage:.0f} %")
            if to_go := round(self._task.time_remaining or 0):
                parts.append(f"{timedelta(seconds=to_go)} to go")
        return ", ".join(parts)


@cache
def _stderr_console() -> Console:
    """Return the console that all live lines share, since one nests within another."""
    from rich.console import Console

    return Console(stderr=True)


def progress(
    items: Iterable[T], label: str, *, size: Callable[[T], int] = lambda item: 1, prints_rows: bool = False
) -> Iterator[T]:
    """Yield items and show their count and rate; a batch counts as `size` returns."""
    with ProgressLine(label, prints_rows=prints_rows) as line:
        for item in items:
            yield item
            line.update(size(item))


class Stopped(BaseException):
    """SIGTERM was received; the argument is its number."""


def _stop(number: int, frame: object) -> None:
    raise Stopped(number)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    """Show a RuntimeWarning of this package in one line, and other warnings as Python does."""
    if issubclass(category, RuntimeWarning) and Path(filename).is_relative_to(PACKAGE):
        note(f"newsdesk: warning: {message}", level="warning")
    else:
        note(warnings.formatwarning(message, category, filename, lineno).rstrip(), level="warning")


def _report(message: str, error: BaseException) -> None:
    with job_log(settings_of(error)):
        note(f"newsdesk: {message}", level="error")


def entry_point(command: click.Command) -> None:
    """Run a command and exit; an error that a user can mend is one line on standard error."""
    signal.signal(signal.SIGTERM, _stop)  # raises, as SIGINT does, so that half-written files are removed
    warnings.showwarning = _show_warning
    try:
        with _live_lines:
            command(standalone_mode=False)
    except NewsdeskError as error:
        _report(str(error), error)
        sys.exit(error.exit_code)
    except Stopped as stopped:
        _report(f"stopped by signal {stopped.args[0]}", stopped)
        sys.exit(128 + stopped.args[0])
    except click.exceptions.Abort as abort:
        _report("interrupted", abort.__cause__ or abort)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder without write permission
        _report(f"{error.filename or 'output'}: {error.strerror or error}", error)
        # flushing the buffer at exit would fail once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)


BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ISOLATE_RIGHT_TO_LEFT, END_ISOLATE = "\u2067", "\u2069"
MAX_WORD, MIN_ARABIC, COLUMN_GAP = 20, 14, 3  # cells of a terminal


def _printable(cell: str) -> str:
    """Return a cell on one line, without terminal escapes and bidirectional controls."""
    line = " ".join(cell.split())
    return "".join(c for c in line if unicodedata.category(c) != "Cc" and c not in BIDI_CONTROLS)


def print_rows(rows: Sequence[Mapping[str, str]], *, arabic: str | None = None) -> None:
    """Print rows as a table on standard output, the column with Arabic text last.

    Elsewhere a terminal would swap the cells beside it, by the Unicode bidirectional algorithm. Where a
    terminal is too narrow, columns with one value go below the table, and the Arabic column is cut.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    names = [*(name for name in rows[0] if name != arabic), *filter(None, [arabic])]
    columns = {name: [_printable(row[name]) for row in rows] for name in names}
    widths, constant = _widths(columns), {}
    room = console.width - (1 if arabic else 0)  # some terminals draw the two isolates as boxes
    if not console.is_terminal:
        console.width = sum(widths.values())  # a file or a pipe has no edge to fold at
    elif sum(widths.values()) > room:
        constant = _constant_columns({name: columns[name] for name in names[1:] if name != arabic})
        columns = {name: cells for name, cells in columns.items() if name not in constant}
        widths = _fit_widths(columns, {name: widths[name] for name in columns}, room, arabic)
    if arabic:
        columns[arabic] = [_isolated(text, widths[arabic] - COLUMN_GAP) for text in columns[arabic]]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", width=widths[name] - COLUMN_GAP)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    console.print(table)
    for name, value in constant.items():
        if value:
            console.print(f"{name} is {value} in all rows")


def _widths(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the width of each column, with the gap between columns."""
    return {name: _longest([name, *cells]) + COLUMN_GAP for name, cells in columns.items()}


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _constant_columns(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the columns that have one value in all rows, with this value; of a single row, empty ones."""
    constant = {name: cells[0] for name, cells in columns.items() if len(set(cells)) == 1}
    return {name: value for name, value in constant.items() if len(columns[name]) > 1 or not value}


def _fit_widths(
    columns: Mapping[str, Sequence[str]], widths: Mapping[str, int], room: int, arabic: str | None
) -> dict[str, int]:
    """Return widths of columns that fit: the Arabic column gives way first, then the widest one to a word."""
    fitted = dict(widths)
    least = {
        name: min(_longest(" ".join([name, *cells]).split()), MAX_WORD) + COLUMN_GAP
        for name, cells in columns.items()
    }
    if arabic:
        least[arabic] = min(widths[arabic], MIN_ARABIC + COLUMN_GAP)
        excess = sum(widths.values()) - room
        fitted[arabic] = max(least[arabic], widths[arabic] - max(0, excess))
    while sum(fitted.values()) > room:
        wide = [name for name in fitted if fitted[name] > least[name]] or list(fitted)
        widest = max(wide, key=fitted.__getitem__)
        if fitted[widest] == COLUMN_GAP + 1:
            break  # as many letters as columns fit
        fitted[widest] -= 1
    return fitted


def _isolated(text: str, room: int) -> str:
    """Cut a text to the room there is, and isolate it from the cells beside it."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > room:
        text = f"{set_cell_size(text, room - 1).rstrip()}…"
    return f"{ISOLATE_RIGHT_TO_LEFT}{text}{END_ISOLATE}" if text else ""
