"""Lines on standard error: plain, or those of a job's log, with the time and the name of the job."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import click

Level = Literal["info", "warning", "error"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How notes are written; the default is for commands that run no job."""

    job: str = ""
    form: LogFormat = "text"
    quiet: bool = False  # warnings and errors only

    @property
    def shows_progress(self) -> bool:
        """Whether a live line of progress may stand among the notes."""
        return self.form == "text" and not self.quiet


_settings = LogSettings()


def current() -> LogSettings:
    """Return how notes are written at present."""
    return _settings


def use(settings: LogSettings) -> None:
    """Write notes of this process by these settings, as a worker does those of its job."""
    global _settings
    _settings = settings


def note(message: str, *, level: Level = "info", **figures: Any) -> None:
    """Print a message on standard error, apart from the results on standard output.

    Figures are only in logs in JSON.
    """
    if _settings.quiet and level == "info":
        return
    time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if _settings.form == "json":
        entry = {"time": time, "job": _settings.job, "level": level, "message": message, **figures}
        message = json.dumps(entry, default=str)  # in ASCII, so that any file name is on one line
    elif _settings.job and not sys.stderr.isatty():
        message = "\n".join(f"{time} {_settings.job}: {line}" for line in message.splitlines())
    click.echo(message, file=sys.stderr)  # rich replaces it while a line is live; `err=True` writes past that


@contextmanager
def job_log(settings: LogSettings) -> Iterator[None]:
    """Write notes as lines of a job's log; `settings_of` returns the settings for an error that ends it."""
    global _settings
    before, _settings = _settings, settings
    try:
        yield
    except BaseException as error:
        error.__dict__["log_settings"] = settings
        raise
    finally:
        _settings = before


def settings_of(error: BaseException) -> LogSettings:
    """Return the settings of the log in which an error was raised."""
    found = error.__dict__.get("log_settings", _settings)
    return found if isinstance(found, LogSettings) else _settings
