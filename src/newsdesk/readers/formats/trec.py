"""Read TREC-style files as the ANT corpus writes them: <DOC> elements with one tag a field."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.chunks import lines
from newsdesk.readers.encodings import decode_anyway
from newsdesk.readers.limits import Limits
from newsdesk.readers.records import take
from newsdesk.readers.refusals import Place, Refused

_FIELD = re.compile(r"<(DOCNO|URL|SRC|CAT|TITLE|TIME|ABSTRACT|TEXT)>(.*?)</\1>", re.S)
_OPEN, _CLOSE = "<DOC>", "</DOC>"
_SOURCES = {"alarabia": "alarabiya"}


def read_trec(chunks: Iterator[bytes], place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield one article or refusal a <DOC>; `position` is the document. Between documents nothing is read."""
    for position, (text, fault) in enumerate(_documents(chunks, limits.max_line_bytes), start=1):
        if fault is None and text.count(_OPEN) > 1:
            fault = Refused("bad_record", "a line holds more than one document")
        if fault is not None:
            yield place.refuse(position, fault, raw=text)
        else:
            yield take(_record(text), place, position, limits=limits, raw=text)


def _documents(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[str, Refused | None]]:
    """Yield each document and what is wrong with it."""
    too_long = Refused("field_too_large", f"the document is longer than {max_bytes} bytes")
    held: list[str] = []
    size = 0
    fault: Refused | None = None
    for line in lines(chunks, max_bytes=max_bytes):
        text, wrong = decode_anyway(line.raw, offset=line.offset) if line.raw is not None else ("", too_long)
        if text.lstrip().startswith(_OPEN):
            if held:
                yield "\n".join(held), Refused("bad_record", "the document has no </DOC>")
            held, size, fault = [], 0, None
        elif not held:
            continue
        size += len(line.raw or b"")
        fault = fault or wrong or (too_long if size > max_bytes else None)
        held.append(text if size <= max_bytes else "")
        if text.rstrip().endswith(_CLOSE):
            yield "\n".join(held), fault
            held = []
    if held:
        yield "\n".join(held), Refused("truncated", "the file ends before </DOC>")


def _record(document: str) -> dict[str, str]:
    found = {tag: value.strip() for tag, value in reversed(_FIELD.findall(document))}
    record = {
        "article_id": found.get("DOCNO", ""),
        "source": _SOURCES.get(found.get("SRC", ""), found.get("SRC", "")),
        "title": found.get("TITLE", ""),
        "url": found.get("URL", ""),
        "section": found.get("CAT", ""),
        "published": found.get("TIME", ""),
    }
    if "TEXT" in found or "ABSTRACT" in found:
        record["text"] = found.get("TEXT") or found.get("ABSTRACT", "")
    return record
