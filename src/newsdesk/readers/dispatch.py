"""Read inputs as articles: open each file, unpack it, and choose the reader by its content."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO

from newsdesk.base.columns import Columns
from newsdesk.base.schema import Refusal
from newsdesk.readers.chunks import CHUNK_BYTES, peek, read_chunks, seekable
from newsdesk.readers.column_aliases import FoundColumns
from newsdesk.readers.containers import UnpackedSize, unpack_gzip, zip_members
from newsdesk.readers.encodings import BLANK, detect_encoding, to_utf8
from newsdesk.readers.formats.delimited import read_delimited
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.formats.json_records import read_json, read_jsonl
from newsdesk.readers.formats.parquet import read_parquet
from newsdesk.readers.formats.saved_pages import read_saved_page
from newsdesk.readers.formats.trec import read_trec
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.records import RawRecord, Rows, parse_record
from newsdesk.readers.refusals import Provenance, RefusalError, refuse_on_error
from newsdesk.readers.sniffing import TextFormat, sniff_container, sniff_text
from newsdesk.readers.walk import walk

_STDIN = "-"
_TEXT_READERS: dict[TextFormat, Callable[[Iterator[bytes], ReadOptions], Iterator[RawRecord]]] = {
    "page": read_saved_page,
    "html": read_html,
    "jsonl": read_jsonl,
    "json": read_json,
    "delimited": read_delimited,
    "trec": read_trec,
}
_FORMATS_WITH_COLUMNS = {"jsonl", "json", "delimited"}  # others give fields of their own


def read(
    inputs: Iterable[Path | str],
    *,
    sections: Sequence[str],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stdin: BinaryIO | None = None,
    carry: Sequence[str] = (),
    columns: Columns = Columns(),  # noqa: B008 - frozen
    on_columns: Callable[[FoundColumns, str], None] | None = None,
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
    columns : Columns
        Columns of tables and keys of JSON records that hold the text, the title, the identifier, the source
        and the time, where they have other names than those in `column_aliases.tsv`.
    on_columns : callable, optional
        Called with the columns that were found and the name of the file, at least once for each set of names.

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
    options = ReadOptions(tuple(sections), limits, tuple(carry), columns, on_columns)
    for given in inputs:
        if given == _STDIN:
            yield from read_stdin(stdin, options)
            continue
        for found in walk(Path(given)):
            if isinstance(found, Refusal):
                yield found
            else:
                path, provenance = found
                yield from refuse_on_error(provenance, _read_path(path, provenance, options))


def read_stdin(stdin: BinaryIO | None, options: ReadOptions) -> Rows:
    """Read standard input, or what stands for it, as `read` does."""
    provenance = Provenance("stdin", _STDIN)
    rows = _read_stream(read_chunks(stdin or sys.stdin.buffer), provenance, options)
    yield from refuse_on_error(provenance, rows)


def _read_path(path: Path, provenance: Provenance, options: ReadOptions) -> Rows:
    with path.open("rb") as handle:
        yield from read_file(handle, provenance, options)


def read_file(handle: BinaryIO, provenance: Provenance, options: ReadOptions) -> Rows:
    """Read an open file from its start, as `read` does."""
    yield from _read_stream(read_chunks(handle), provenance, options, handle=handle)


def _read_stream(
    chunks: Iterator[bytes],
    provenance: Provenance,
    options: ReadOptions,
    *,
    handle: BinaryIO | None = None,
    nesting: int = 0,
    size: UnpackedSize | None = None,
) -> Rows:
    """Read a stream of any format; `handle` is its own seekable file, `size` that of the whole input."""
    head, chunks = peek(chunks, CHUNK_BYTES)
    container = sniff_container(head)
    size = size or UnpackedSize(options.limits)
    if container in {"gzip", "zip"} and nesting == options.limits.max_nesting:
        raise RefusalError("bad_archive", f"more than {nesting} archives within each other")
    if container == "gzip":
        unpacked = unpack_gzip(chunks, size)
        yield from _read_stream(unpacked, provenance, options, nesting=nesting + 1, size=size)
    elif container == "zip":
        with seekable(chunks, handle) as archive:
            for found in zip_members(archive, provenance, size):
                if isinstance(found, Refusal):
                    yield found
                else:
                    member, content = found
                    rows = _read_stream(content, member, options, nesting=nesting + 1, size=size)
                    yield from refuse_on_error(member, rows)
    elif container == "parquet":
        with seekable(chunks, handle) as table:
            yield from read_parquet(table, provenance, options)
    else:
        yield from _read_text(head, chunks, provenance, options)


def _read_text(head: bytes, chunks: Iterator[bytes], provenance: Provenance, options: ReadOptions) -> Rows:
    complete = len(head) < CHUNK_BYTES
    encoding = detect_encoding(head, complete=complete)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    if complete and not text.strip(BLANK.decode()):
        deque(chunks, maxlen=0)  # raises if the stream seems empty only because it is broken
        raise RefusalError("empty_file", "the file is empty")
    suffix = PurePath(provenance.file.lower().removesuffix(".gz")).suffix
    form = sniff_text(text, suffix=suffix)
    if form not in _FORMATS_WITH_COLUMNS:
        options = replace(options, columns=Columns(), on_columns=None)
    for record in _TEXT_READERS[form](to_utf8(chunks, encoding), options):
        yield parse_record(record, provenance, options)
