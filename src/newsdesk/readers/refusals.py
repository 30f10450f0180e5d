"""Refusals: a reader raises `RefusalError` at the fault; `Provenance` adds the file and the position."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

from newsdesk.base.extras import MissingExtraError, named_extras
from newsdesk.base.schema import MAX_EXCERPT, Reason, Refusal

_WHITESPACE = re.compile(r"[\t\n\v\f\r\x85]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

T = TypeVar("T")


class RefusalError(Exception):
    """A row or a file cannot be read; never leaves `newsdesk.readers`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


def too_long(what: str, max_bytes: int) -> RefusalError:
    """Return the error for a unit of input that exceeds its size limit."""
    return RefusalError("field_too_large", f"{what} is longer than {max_bytes} bytes")


def import_extra(library: str, what: str) -> Any:
    """Import a library of an extra; refuse the file, which is `what`, if it is not installed."""
    try:
        with named_extras():
            return import_module(library)
    except MissingExtraError as error:
        raise RefusalError("unknown_format", f"{what}: {error}") from None


def path_error(error: Exception, name: str) -> RefusalError:
    """Return the error for a path that cannot be opened; `str(error)` would reveal the absolute path."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return RefusalError("missing_file", f"{name} does not exist")
    if isinstance(error, OSError):
        return RefusalError("unreadable_file", error.strerror or type(error).__name__)
    return RefusalError("unreadable_file", "the path can't be followed")  # pathlib: a NUL or a loop of links


def excerpt(raw: str | bytes) -> str:
    """Return the start of a refused row without control characters, safe to print on a terminal."""
    start = raw[: 4 * MAX_EXCERPT]
    if isinstance(start, bytes):
        start = start.decode("utf-8", "replace")
    return _UNPRINTABLE.sub("", _WHITESPACE.sub(" ", start))[:MAX_EXCERPT]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The default source of an input's articles, and the file name that its refusals show."""

    source: str
    file: str

    def member(self, name: str) -> Provenance:
        """Return the provenance of a member of this archive."""
        return replace(self, file=f"{self.file}/{name}")

    @property
    def printable_file(self) -> str:
        """The file name without control characters and lone surrogates."""
        return _UNPRINTABLE.sub("\ufffd", self.file)

    def refuse(
        self,
        position: int,
        error: RefusalError,
        *,
        raw: str | bytes = "",
        article_id: str | None = None,
        lines: int = 0,
    ) -> Refusal:
        """Return the refusal of the row at `position`; position 0 is the whole file."""
        return Refusal(
            source=excerpt(self.source),
            file=self.printable_file,
            position=position,
            reason=error.reason,
            detail=excerpt(error.detail),
            article_id=article_id,
            excerpt=excerpt(raw),
            lines=lines,
        )


def refuse_on_error(provenance: Provenance, rows: Iterable[T]) -> Iterator[T | Refusal]:
    """Yield rows; if reading fails midway, end with a refusal of the file."""
    try:
        yield from rows
    except RefusalError as error:
        yield provenance.refuse(0, error)
    except OSError as error:
        yield provenance.refuse(0, path_error(error, provenance.file))
    except ImportError as error:
        yield provenance.refuse(0, RefusalError("unreadable_file", _missing_library(error)))


def _missing_library(error: ImportError) -> str:
    """Describe a missing library, with the command that installs it if it is a whole one."""
    advice = f"; pip install {error.name}" if isinstance(error, ModuleNotFoundError) else ""
    return f"a library that reads this format is not installed: {error}{advice}"
