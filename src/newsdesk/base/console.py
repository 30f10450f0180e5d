"""What a person at the terminal sees: notes, progress and one-line errors, all on standard error."""

from __future__ import annotations

import os
import signal
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

import click

from newsdesk.base.errors import NewsdeskError

T = TypeVar("T")
NOTE_EVERY_SECONDS = 30.0
PACKAGE = Path(__file__).parents[1]

# click.option for a path, whose default is shown: path_option("--params", default="params.yaml", help="...")
path_option = partial(click.option, show_default=True, type=click.Path(path_type=Path))


def note(message: str) -> None:
    """Say something to the person or the log, apart from the results on standard output."""
    click.echo(message, err=True)


def progress(items: Iterable[T], what: str, *, size: Callable[[T], int] = lambda item: 1) -> Iterator[T]:
    """Pass items through, showing their count and rate: live on a terminal, now and then in a log.

    An item that is a batch counts as many times as its `size` says.
    """
    live = sys.stderr.isatty()
    started = last = time.monotonic()
    count = 0
    for item in items:
        yield item
        count += size(item)
        now = time.monotonic()
        if now - last >= (0.2 if live else NOTE_EVERY_SECONDS):
            last = now
            click.echo(_rate(what, count, now - started), err=True, nl=not live)
    if live and count:
        click.echo(_rate(what, count, time.monotonic() - started), err=True)


def _rate(what: str, count: int, seconds: float) -> str:
    if count > seconds:
        rate = f"{count / seconds:,.0f}/s" if seconds > 0 else ""
    else:
        rate = f"{seconds / count:,.0f} s each"
    return f"{'' if not sys.stderr.isatty() else chr(13)}{what}: {count:,} {rate}  "


class Stopped(BaseException):
    """A signal asked the process to end."""


def _stop(number: int, frame: object) -> None:
    raise Stopped(number)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a RuntimeWarning of this package in one line, and other warnings as Python does."""
    if issubclass(category, RuntimeWarning) and Path(filename).is_relative_to(PACKAGE):
        note(f"newsdesk: warning: {message}")
    else:
        note(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


def entry_point(command: click.Command) -> None:
    """Run a command; a `NewsdeskError` is one line on standard error, and its exit code.

    A signal that asks to stop ends it by an exception, so that half-written files are removed.
    """
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = _show_warning
    try:
        command(standalone_mode=False)
    except NewsdeskError as error:
        note(f"newsdesk: {error}")
        sys.exit(error.exit_code)
    except Stopped as stopped:
        note(f"newsdesk: stopped by signal {stopped.args[0]}")
        sys.exit(128 + stopped.args[0])
    except click.exceptions.Abort:
        note("newsdesk: interrupted")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written to
        note(f"newsdesk: {error.filename or 'output'}: {error.strerror or error}")
        # what is still buffered would be written, and fail, once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)


BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ISOLATE_RIGHT_TO_LEFT, END_ISOLATE = "\u2067", "\u2069"
UNLIMITED = 10_000


def _printable(cell: str) -> str:
    """A cell without line ends, escapes that command the terminal, and signs that would end its isolate."""
    line = " ".join(cell.split())
    return "".join(c for c in line if unicodedata.category(c) != "Cc" and c not in BIDI_CONTROLS)


def print_rows(rows: Sequence[Mapping[str, str]], *, arabic: str | None = None) -> None:
    """Print rows as a table on standard output, the column that holds Arabic last.

    A terminal lays a line out by the Unicode bidirectional algorithm, so Arabic in the middle of a row
    would swap its neighbours; at the end, and isolated, it stands alone and reads from right to left.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = UNLIMITED  # a file or a pipe has no edge to fold at
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = [name for name in rows[0] if name != arabic]
    for name in (*names, arabic) if arabic else names:
        # a folded Arabic cell would leave its isolate on the first line
        table.add_column(name, no_wrap=name == arabic, overflow="ellipsis" if name == arabic else "fold")
    for row in rows:
        cells = [_printable(row[name]) for name in names]
        if arabic:
            shown = _printable(row[arabic])
            cells.append(f"{ISOLATE_RIGHT_TO_LEFT}{shown}{END_ISOLATE}" if shown else "")
        table.add_row(*cells)
    console.print(table)


LIVE_EVERY_SECONDS = 0.2


class Pace:
    """Tells of progress through inputs whose size in bytes is known.

    Parameters
    ----------
    total, done : int
        Bytes to read, and those that an earlier run has read; a total of 0 is one that is not known.
    """

    def __init__(self, what: str, *, total: int, done: int = 0) -> None:
        self._what = what
        self._total = total
        self._first = done
        self._live = sys.stderr.isatty()
        self._started = self._last = time.monotonic()
        self._rows = 0

    def tell(self, rows: int, done: int) -> None:
        """Count so many rows more; say so if it is time to."""
        self._rows += rows
        now = time.monotonic()
        if now - self._last >= (LIVE_EVERY_SECONDS if self._live else NOTE_EVERY_SECONDS):
            self._last = now
            self._show(now - self._started, done)

    def end(self) -> None:
        """Leave the last figures on the terminal."""
        if self._live and self._rows:
            self._show(time.monotonic() - self._started, self._total)
            click.echo(err=True)

    def _show(self, seconds: float, done: int) -> None:
        line = f"{self._what}: {self._rows:,} rows, {self._rows / max(seconds, 1e-9):,.0f}/s"
        if self._total and done > self._first:
            to_go = seconds * (self._total - done) / (done - self._first)
            line += f", {100 * done / self._total:.0f} %, {_clock(to_go)} to go"
        click.echo(f"\r{line}  " if self._live else line, err=True, nl=not self._live)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
