"""From inputs to articles: open each file, unpack it, and choose the reader by its content."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.archives import members
from newsdesk.readers.chunks import CHUNK, Budget, from_handle, gunzip, peel, seekable
from newsdesk.readers.encodings import BLANK, detect, to_utf8
from newsdesk.readers.formats.delimited import read_delimited
from newsdesk.readers.formats.documents import read_html, read_page
from newsdesk.readers.formats.json_records import read_json, read_jsonl
from newsdesk.readers.formats.parquet import read_parquet
from newsdesk.readers.formats.trec import read_trec
from newsdesk.readers.limits import Limits
from newsdesk.readers.refusals import Place, Refused, ending_in_refusal
from newsdesk.readers.sniffing import TextFormat, sniff_container, sniff_text
from newsdesk.readers.walk import walk

Rows = Iterator[Article | Refusal]
_STDIN = "-"


def read(
    inputs: Iterable[Path | str],
    *,
    sections: Sequence[str],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stdin: BinaryIO | None = None,
    carry: Sequence[str] = (),
) -> Rows:
    """Read articles from files and folders of any known format.

    The format is chosen by content: saved page text, HTML, JSON lines, JSON arrays, CSV, TSV, Parquet, TREC,
    each also within gzip or zip. Everything is read as a stream, in an order that depends on names only.
    Whatever can't be taken is yielded as a refusal where it stands; no input raises.

    Parameters
    ----------
    inputs : iterable of path
        Files, folders (read with all below them) and "-" for standard input.
    sections : sequence of str
        Section labels by which the teasers of saved pages are known.
    limits : Limits
        Bounds on what one input may cost.
    stdin : binary file, optional
        Read for "-" instead of the process's standard input.
    carry : sequence of str
        Fields of records to carry along, as `records.carried` returns them.

    Yields
    ------
    Article or Refusal
        A record's own `source` wins over the default: the folder's name for a folder, the parent folder's for
        a file, "stdin" for standard input.
    """
    for given in inputs:
        if given == _STDIN:
            opened = _Opened(sections, limits)
            chunks = from_handle(stdin or sys.stdin.buffer)
            place = Place("stdin", _STDIN, tuple(carry))
            yield from ending_in_refusal(place, opened.read(chunks, place))
            continue
        for found in walk(Path(given)):
            if isinstance(found, Refusal):
                yield found
            else:
                path, place = found
                place = replace(place, carry=tuple(carry))
                yield from ending_in_refusal(place, _read_path(path, place, sections, limits))


def _read_path(path: Path, place: Place, sections: Sequence[str], limits: Limits) -> Rows:
    with path.open("rb") as handle:
        yield from read_open(handle, place, sections=sections, limits=limits)


def read_open(handle: BinaryIO, place: Place, *, sections: Sequence[str], limits: Limits) -> Rows:
    """Read an open file from its start, as `read` does."""
    yield from _Opened(sections, limits).read(from_handle(handle), place, handle=handle)


class _Opened:
    """One input file with all that it contains, which share a budget."""

    def __init__(self, sections: Sequence[str], limits: Limits) -> None:
        self._limits = limits
        self._budget = Budget(limits)
        self._readers: dict[TextFormat, Callable[[Iterator[bytes], Place, Limits], Rows]] = {
            "page": partial(read_page, sections=sections),
            "html": read_html,
            "jsonl": read_jsonl,
            "json": read_json,
            "delimited": read_delimited,
            "trec": read_trec,
        }

    def read(
        self, chunks: Iterator[bytes], place: Place, *, nesting: int = 0, handle: BinaryIO | None = None
    ) -> Rows:
        """Read a stream of any format; `handle` is its own file, if it has one."""
        head, chunks = peel(chunks, CHUNK)
        container = sniff_container(head)
        if container in {"gzip", "zip"} and nesting == self._limits.max_nesting:
            raise Refused("bad_archive", f"more than {nesting} archives within each other")
        if container == "gzip":
            yield from self.read(gunzip(chunks, self._budget), place, nesting=nesting + 1)
        elif container == "zip":
            with seekable(chunks, handle) as archive:
                yield from self._read_members(archive, place, nesting=nesting + 1)
        elif container == "parquet":
            with seekable(chunks, handle) as table:
                yield from read_parquet(table, place, self._limits)
        else:
            yield from self._read_text(head, chunks, place)

    def _read_members(self, archive: BinaryIO, place: Place, *, nesting: int) -> Rows:
        for member in members(archive, place, self._budget):
            if isinstance(member, Refusal):
                yield member
            else:
                here, chunks = member
                yield from ending_in_refusal(here, self.read(chunks, here, nesting=nesting))

    def _read_text(self, head: bytes, chunks: Iterator[bytes], place: Place) -> Rows:
        complete = len(head) < CHUNK
        encoding = detect(head, complete=complete)
        text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
        if complete and not text.strip(BLANK.decode()):
            deque(chunks, maxlen=0)  # raises if the stream only seems empty because it broke
            raise Refused("empty_file", "the file is empty")
        reader = self._readers[sniff_text(text, suffix=_suffix(place.file))]
        yield from reader(to_utf8(chunks, encoding), place, self._limits)


def _suffix(file: str) -> str:
    """Return the suffix of a name, in lower case, that of gzip left out."""
    return PurePath(file.lower().removesuffix(".gz")).suffix
