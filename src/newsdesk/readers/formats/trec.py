"""Read TREC-style files, as the ANT corpus writes them: <DOC> elements with one tag a field."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsdesk.readers.chunks import split_lines
from newsdesk.readers.encodings import decode_leniently
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, too_long

_FIELD = re.compile(r"<(DOCNO|URL|SRC|CAT|TITLE|TIME|ABSTRACT|TEXT)>(.*?)</\1>", re.S)
_OPEN, _CLOSE = "<DOC>", "</DOC>"
_COLUMNS = {
    "DOCNO": "article_id", "SRC": "source", "TITLE": "title",
    "URL": "url", "CAT": "section", "TIME": "published",
}  # fmt: skip
_SOURCES = {"alarabia": "alarabiya"}


def read_trec(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each <DOC>; text between documents is skipped."""
    documents = _documents(chunks, options.limits.max_line_bytes)
    for position, (document, error) in enumerate(documents, start=1):
        if error is None and document.count(_OPEN) > 1:
            error = RefusalError("bad_record", "a line holds more than one document")
        yield RawRecord(position, error or _record(document), document)


def _documents(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[str, RefusalError | None]]:
    """Yield each document and its first error, if it has one."""
    document_too_long = too_long("the document", max_bytes)
    lines: list[str] = []
    size = 0
    error: RefusalError | None = None
    for line in split_lines(chunks, max_bytes=max_bytes):
        text, line_error = decode_leniently(line.raw or b"", offset=line.offset)
        if line.raw is None:
            line_error = document_too_long
        if text.lstrip().startswith(_OPEN):
            if lines:
                yield "\n".join(lines), RefusalError("bad_record", "the document has no </DOC>")
            lines, size, error = [], 0, None
        elif not lines:
            continue
        size += len(line.raw or b"")
        error = error or line_error or (document_too_long if size > max_bytes else None)
        lines.append(text if size <= max_bytes else "")
        if text.rstrip().endswith(_CLOSE):
            yield "\n".join(lines), error
            lines = []
    if lines:
        yield "\n".join(lines), RefusalError("truncated", "the file ends before </DOC>")


def _record(document: str) -> dict[str, str]:
    found = {tag: value.strip() for tag, value in reversed(_FIELD.findall(document))}
    record = {column: found.get(tag, "") for tag, column in _COLUMNS.items()}
    record["source"] = _SOURCES.get(record["source"], record["source"])
    if "TEXT" in found or "ABSTRACT" in found:
        record["text"] = found.get("TEXT") or found.get("ABSTRACT", "")
    return record
