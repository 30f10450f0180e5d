"""Read inputs as articles: open each file, unpack it, and choose the reader by its content."""

from __future__ import annotations

import re
import sys
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import BinaryIO, cast

from newsdesk.base.columns import Columns, Corpus, find_corpus
from newsdesk.base.schema import Refusal
from newsdesk.readers.account import Account
from newsdesk.readers.archives import Members, open_zip, tar_members, zip_members
from newsdesk.readers.chunks import CHUNK_BYTES, peek, read_chunks, seekable
from newsdesk.readers.column_aliases import FoundColumns
from newsdesk.readers.compression import Compression, UnpackedSize, unpack
from newsdesk.readers.documents import WORKBOOK, find_signature, ole_document, zip_document
from newsdesk.readers.encodings import BLANK, detect_encoding, to_utf8
from newsdesk.readers.formats.delimited import read_delimited
from newsdesk.readers.formats.fasttext import read_fasttext
from newsdesk.readers.formats.feeds import read_feed
from newsdesk.readers.formats.fragments import read_fragment
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.formats.json_records import read_json, read_jsonl
from newsdesk.readers.formats.layouts import LAYOUTS
from newsdesk.readers.formats.mail import read_mail
from newsdesk.readers.formats.markdown import read_markdown
from newsdesk.readers.formats.parquet import read_parquet
from newsdesk.readers.formats.sheets import read_workbook
from newsdesk.readers.formats.trec import read_trec
from newsdesk.readers.formats.warc import read_warc
from newsdesk.readers.options import Limits, ReadOptions
from newsdesk.readers.pages.saved_pages import read_saved_page
from newsdesk.readers.records import RawRecord, Rows, parse_record
from newsdesk.readers.refusals import Provenance, RefusalError, refuse_on_error
from newsdesk.readers.sniffing import Container, TextFormat, sniff_container, sniff_text
from newsdesk.readers.walk import walk

_STDIN = "-"
_Reader = Callable[[Iterator[bytes], ReadOptions], Iterator[RawRecord]]
_COMPRESSED_SUFFIX = re.compile(r"\.(?:gz|bz2|xz|zst)$")
_BYTE_READERS: dict[Container | None, _Reader] = {"warc": read_warc, "mail": read_mail}
_TEXT_READERS: dict[TextFormat, _Reader] = {
    "page": read_saved_page,
    "html": read_html,
    "fragment": read_fragment,
    "jsonl": read_jsonl,
    "json": read_json,
    "delimited": read_delimited,
    "trec": read_trec,
    "feed": read_feed,
    "markdown": read_markdown,
    "fasttext": read_fasttext,
}
_NO_COLUMNS = Columns()
_FORMATS_WITH_COLUMNS = {"jsonl", "json", "delimited"}  # others give fields of their own
_LINE_BY_LINE = {"jsonl", "fasttext"}  # the position of a record is its line


def read(
    inputs: Iterable[Path | str],
    *,
    sections: Sequence[str],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stdin: BinaryIO | None = None,
    carry: Sequence[str] = (),
    columns: Columns = Columns(),  # noqa: B008 - frozen
    corpora: Mapping[str, Corpus] = MappingProxyType({}),
    on_columns: Callable[[FoundColumns, str], None] | None = None,
    account: Account | None = None,
) -> Rows:
    """Read articles from files and folders of any supported format.

    The format is detected by content: saved page text, HTML, Markdown, JSON lines, JSON, CSV, TSV, Parquet,
    TREC, fastText's training files, workbooks, feeds, messages, MHTML and web archives, each also within
    gzip, bzip2, xz, Zstandard, zip or tar. Inputs are read as streams, in an order that depends on
    their names only. Rows and files that cannot be read are yielded as refusals in their place; bad input
    never raises.

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
    corpora : mapping of str to Corpus
        How corpora are read, by the name of their file or folder; columns that they name go before `columns`.
    on_columns : callable, optional
        Called with the columns that were found and the name of the file, at least once for each set of names.
    account : Account, optional
        Opens an entry for each input file; `file` of a row then begins with the path as given.

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
    options = ReadOptions(tuple(sections), limits, tuple(carry), columns, on_columns=on_columns)
    for given in inputs:
        if given != _STDIN:
            yield from _read_files(Path(given), options, corpora, account)
            continue
        if account:
            account.open(_STDIN)
        yield from read_stdin(stdin, options)


def _read_files(
    root: Path, options: ReadOptions, corpora: Mapping[str, Corpus], account: Account | None
) -> Rows:
    """Read a file, or all files of a folder."""
    name = root.resolve().name if corpora else ""
    for found in walk(root, full_names=account is not None):
        if account:
            account.open(found.file if isinstance(found, Refusal) else found[1].printable_file)
        if isinstance(found, Refusal):
            yield found
        else:
            path, provenance = found
            # `relative_to` takes as long as reading a short article
            file = "." if path == root else path.as_posix().removeprefix(f"{root.as_posix()}/")
            own = _with_corpus(options, corpora, name, file) if corpora else options
            yield from refuse_on_error(provenance, _read_path(path, provenance, own))


def _with_corpus(
    options: ReadOptions, corpora: Mapping[str, Corpus], root: str, file: str
) -> ReadOptions | None:
    """Return the options for a file of a corpus, None if it is left out."""
    corpus = find_corpus(corpora, root, file)
    if corpus is None:
        return None
    columns = options.columns.model_copy(update=corpus.chosen)
    return replace(options, columns=columns, corpus=corpus, path=file)


def read_stdin(stdin: BinaryIO | None, options: ReadOptions) -> Rows:
    """Read standard input, or what stands for it, as `read` does."""
    provenance = Provenance("stdin", _STDIN)
    rows = _read_stream(read_chunks(stdin or sys.stdin.buffer), provenance, options)
    yield from refuse_on_error(provenance, rows)


def _read_path(path: Path, provenance: Provenance, options: ReadOptions | None) -> Rows:
    if options is None:
        raise RefusalError("not_selected", "no entry of `corpora` in the settings matches the file")
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
    if size is None:
        size = UnpackedSize(options.limits)
        chunks = size.count_input(chunks)
    head, chunks = peek(chunks, CHUNK_BYTES)
    container = sniff_container(head)
    if container in {"gzip", "bzip2", "xz", "zstd"}:
        _check_nesting(nesting, options)
        unpacked = unpack(chunks, cast(Compression, container), size)
        yield from _read_stream(unpacked, provenance, options, nesting=nesting + 1, size=size)
    elif container == "zip":
        with seekable(chunks, handle) as file, open_zip(file) as archive:
            if document := zip_document(archive):
                yield from _read_document(document, file, provenance, options, archive=archive)
                return
            _check_nesting(nesting, options)
            size.input_bytes = max(size.input_bytes, file.seek(0, 2))
            yield from _read_members(zip_members(archive, provenance, size), options, nesting, size)
    elif container == "tar":
        _check_nesting(nesting, options)
        yield from _read_members(tar_members(chunks, provenance, size), options, nesting, size)
    elif container == "parquet":
        with seekable(chunks, handle) as table:
            yield from read_parquet(table, provenance, options)
    elif container == "ole":
        with seekable(chunks, handle) as file:
            document = ole_document(file.read(options.limits.max_workbook_bytes))
            yield from _read_document(document, file, provenance, options)
    elif reader := _BYTE_READERS.get(container):
        own_fields = _without_columns(options)
        for record in reader(chunks, own_fields):
            yield parse_record(record, provenance, own_fields)
    elif document := find_signature(head):
        raise RefusalError("unknown_format", document)
    else:
        yield from _read_text(head, chunks, provenance, options)


def _without_columns(options: ReadOptions) -> ReadOptions:
    """Return the options for a format that gives fields of its own."""
    return replace(options, columns=_NO_COLUMNS, on_columns=None)


def _check_nesting(nesting: int, options: ReadOptions) -> None:
    if nesting == options.limits.max_nesting:
        raise RefusalError("bad_archive", f"more than {nesting} archives within each other")


def _read_members(members: Members, options: ReadOptions, nesting: int, size: UnpackedSize) -> Rows:
    """Read the members of an archive; one that can't be read is refused by itself."""
    for found in members:
        if isinstance(found, Refusal):
            yield found
        else:
            member, content = found
            rows = _read_stream(content, member, options, nesting=nesting + 1, size=size)
            yield from refuse_on_error(member, rows)


def _read_document(
    document: str,
    file: BinaryIO,
    provenance: Provenance,
    options: ReadOptions,
    *,
    archive: zipfile.ZipFile | None = None,
) -> Rows:
    """Read a workbook; refuse other documents."""
    if document != WORKBOOK:
        raise RefusalError("unknown_format", document)
    if not options.limits.max_nesting:
        raise RefusalError("bad_archive", "a workbook, which unpacks as an archive does; save it as CSV")
    packed = file.seek(0, 2)
    unpacked = sum(info.file_size for info in archive.infolist()) if archive else packed
    if unpacked > options.limits.max_workbook_bytes:
        raise RefusalError("zip_bomb", f"unpacks to more than {options.limits.max_workbook_bytes} bytes")
    UnpackedSize(options.limits).add(unpacked, packed=packed, unpacked=unpacked)
    yield from read_workbook(file, provenance, options)


def _read_text(head: bytes, chunks: Iterator[bytes], provenance: Provenance, options: ReadOptions) -> Rows:
    complete = len(head) < CHUNK_BYTES
    encoding = detect_encoding(head, complete=complete)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    if complete and not text.strip(BLANK.decode()):
        deque(chunks, maxlen=0)  # raises if the stream seems empty only because it is broken
        raise RefusalError("empty_file", "the file is empty")
    suffix = PurePath(_COMPRESSED_SUFFIX.sub("", provenance.file.lower())).suffix
    if layout := options.corpus.layout:
        for record in LAYOUTS[layout](to_utf8(chunks, encoding), _without_columns(options)):
            yield parse_record(record, provenance, options)
        return
    form = sniff_text(text, suffix=suffix)
    if form not in _FORMATS_WITH_COLUMNS:
        options = _without_columns(options)
    before = 0
    for record in _TEXT_READERS[form](to_utf8(chunks, encoding), options):
        if form in _LINE_BY_LINE:
            record, before = record._replace(lines=record.position - before), record.position
        yield parse_record(record, provenance, options)
