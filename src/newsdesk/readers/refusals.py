"""How readers refuse: raised where the fault is seen, recorded where file and position are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from newsdesk.base.schema import MAX_EXCERPT, Reason, Refusal

_SPACES = re.compile(r"[\t\n\v\f\r\x85]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Row = TypeVar("Row")


class Refused(Exception):  # noqa: N818 - an outcome that is recorded, not an error
    """A row or a file can't be taken; never leaves `newsdesk.readers`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


def excerpt(raw: str) -> str:
    """Return the start of a refused row, fit to be shown on a terminal."""
    start = _SPACES.sub(" ", raw[: 4 * MAX_EXCERPT])
    return _UNPRINTABLE.sub("", start)[:MAX_EXCERPT]


def start_of(raw: bytes) -> str:
    """Return as much of a refused row as an excerpt can show."""
    return raw[: 4 * MAX_EXCERPT].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from: the default source, the file as refusals name it, and fields to carry along."""

    source: str
    file: str
    carry: tuple[str, ...] = ()

    def member(self, name: str) -> Place:
        """Return the place of a member of this archive."""
        return replace(self, file=f"{self.file}/{name}")

    @property
    def printable_file(self) -> str:
        """The file's name, fit to be shown on a terminal and encoded."""
        return _UNPRINTABLE.sub("\ufffd", self.file)

    def refuse(
        self, position: int, refused: Refused, *, raw: str = "", article_id: str | None = None
    ) -> Refusal:
        """Record why the row at `position` (0: the whole file) was not taken."""
        return Refusal(
            source=excerpt(self.source),
            file=self.printable_file,
            position=position,
            reason=refused.reason,
            detail=excerpt(refused.detail),
            article_id=article_id,
            excerpt=excerpt(raw),
        )


def ending_in_refusal(place: Place, rows: Iterable[Row]) -> Iterator[Row | Refusal]:
    """Pass rows on; if the file breaks, keep those before the break and end with the file's refusal."""
    try:
        yield from rows
    except Refused as refused:
        yield place.refuse(0, refused)
    except FileNotFoundError:
        yield place.refuse(0, Refused("missing_file", f"{place.file} does not exist"))
    except OSError as error:
        # Not str(error), which names the absolute path.
        yield place.refuse(0, Refused("unreadable_file", error.strerror or type(error).__name__))
