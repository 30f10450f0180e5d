"""Read inputs as articles: open each file, unpack it, and choose the reader by its content."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO

from newsdesk.base.schema import Refusal
from newsdesk.readers.chunks import CHUNK_BYTES, peek, read_chunks, seekable
from newsdesk.readers.containers import UnpackedSize, unpack_gzip, zip_members
from newsdesk.readers.encodings import BLANK, detect_encoding, to_utf8
from newsdesk.readers.formats.delimited import read_delimited
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.formats.json_array import read_json
from newsdesk.readers.formats.jsonl import read_jsonl
from newsdesk.readers.formats.parquet import read_parquet
from newsdesk.readers.formats.saved_pages import read_saved_page
from newsdesk.readers.formats.trec import read_trec
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.records import Rows
from newsdesk.readers.refusals import Provenance, RefusalError, refuse_on_error
from newsdesk.readers.sniffing import TextFormat, sniff_container, sniff_text
from newsdesk.readers.walk import walk

_STDIN = "-"
_TEXT_READERS: dict[TextFormat, Callable[[Iterator[bytes], Provenance, ReadOptions], Rows]] = {
    "page": read_saved_page,
    "html": read_html,
    "jsonl": read_jsonl,
    "json": read_json,
    "delimited": read_delimited,
    "trec": read_trec,
}


def read(
    inputs: Iterable[Path | str],
    *,
    sections: Sequence[str],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stdin: BinaryIO | None = None,
    carry: Sequence[str] = (),
) -> Rows:
    """Read articles from files and folders of any supported format.

    The format is detected by content: saved page text, HTML, JSON lines, JSON, CSV, TSV, Parquet and TREC,
    each also within gzip or zip. Inputs are read as streams, in an order that depends on their names only.
    Rows and files that cannot be read are yielded as refusals in their place; bad input never raises.

    Parameters
    ----------
    inputs : iterable of path
        Files, folders (read with all subfolders) and "-" for standard input.
    sections : sequence of str
        Section labels that newsrooms print, used to find the teasers of saved pages.
    limits : Limits
        Limits on the size of one input.
    stdin : binary file, optional
        Read for "-" instead of the process's standard input.
    carry : sequence of str
        Further columns of the records to carry along; `records.carried` returns them.

    Yields
    ------
    Article or Refusal
        The source of an article is the record's own, or by default the folder's name for a folder, the
        parent folder's name for a file and "stdin" for standard input.

    Examples
    --------
    >>> import io
    >>> [article] = read(["-"], sections=(), stdin=io.BytesIO('{"id": 7, "text": "خبر"}'.encode()))
    >>> article.article_id, article.source, article.text
    ('7', 'stdin', 'خبر')
    """
    options = ReadOptions(tuple(sections), limits, tuple(carry))
    for given in inputs:
        if given == _STDIN:
            provenance, chunks = Provenance("stdin", _STDIN), read_chunks(stdin or sys.stdin.buffer)
            yield from refuse_on_error(provenance, _InputReader(options).read(chunks, provenance))
            continue
        for found in walk(Path(given)):
            if isinstance(found, Refusal):
                yield found
            else:
                path, provenance = found
                yield from refuse_on_error(provenance, _read_path(path, provenance, options))


def _read_path(path: Path, provenance: Provenance, options: ReadOptions) -> Rows:
    with path.open("rb") as handle:
        yield from read_file(handle, provenance, options)


def read_file(handle: BinaryIO, provenance: Provenance, options: ReadOptions) -> Rows:
    """Read an open file from its start, as `read` does."""
    yield from _InputReader(options).read(read_chunks(handle), provenance, handle=handle)


class _InputReader:
    """Reads one input file and all that it contains within one limit on the unpacked size."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._size = UnpackedSize(options.limits)

    def read(
        self,
        chunks: Iterator[bytes],
        provenance: Provenance,
        *,
        nesting: int = 0,
        handle: BinaryIO | None = None,
    ) -> Rows:
        """Read a stream of any format; `handle` is the stream's own seekable file, if it has one."""
        head, chunks = peek(chunks, CHUNK_BYTES)
        container = sniff_container(head)
        if container in {"gzip", "zip"} and nesting == self._options.limits.max_nesting:
            raise RefusalError("bad_archive", f"more than {nesting} archives within each other")
        if container == "gzip":
            yield from self.read(unpack_gzip(chunks, self._size), provenance, nesting=nesting + 1)
        elif container == "zip":
            with seekable(chunks, handle) as archive:
                yield from self._read_members(archive, provenance, nesting=nesting + 1)
        elif container == "parquet":
            with seekable(chunks, handle) as table:
                yield from read_parquet(table, provenance, self._options)
        else:
            yield from self._read_text(head, chunks, provenance)

    def _read_members(self, archive: BinaryIO, provenance: Provenance, *, nesting: int) -> Rows:
        for member in zip_members(archive, provenance, self._size):
            if isinstance(member, Refusal):
                yield member
            else:
                inner, chunks = member
                yield from refuse_on_error(inner, self.read(chunks, inner, nesting=nesting))

    def _read_text(self, head: bytes, chunks: Iterator[bytes], provenance: Provenance) -> Rows:
        complete = len(head) < CHUNK_BYTES
        encoding = detect_encoding(head, complete=complete)
        text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
        if complete and not text.strip(BLANK.decode()):
            deque(chunks, maxlen=0)  # raises if the stream seems empty only because it is broken
            raise RefusalError("empty_file", "the file is empty")
        reader = _TEXT_READERS[sniff_text(text, suffix=_suffix(provenance.file))]
        yield from reader(to_utf8(chunks, encoding), provenance, self._options)


def _suffix(file: str) -> str:
    """Return the suffix of a name in lower case, ignoring that of gzip."""
    return PurePath(file.lower().removesuffix(".gz")).suffix
