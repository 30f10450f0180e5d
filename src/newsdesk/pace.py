"""How far a job is: rows, rate and time to go, live on a terminal and a line now and then in a log."""

from __future__ import annotations

import sys
import time

import click

from newsdesk.console import NOTE_EVERY_SECONDS

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
