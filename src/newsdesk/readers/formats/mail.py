"""Read messages (`.eml`) and pages that browsers save as MHTML."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.encodings import document_to_utf8
from newsdesk.readers.formats.html import read_html
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.pages.saved_pages import read_saved_page
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError

_READERS = {"text/html": read_html, "text/plain": read_saved_page}
# what the parser raises on headers and bodies that break the standard
_ERRORS = (ValueError, LookupError, AttributeError, TypeError, RecursionError, AssertionError)
_MAX_LINES = 4  # times `max_line_bytes`, because a saved page holds its images


def read_mail(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the articles of a message's text, and a refusal of each attachment after them."""
    content = read_whole(chunks, "the message", max_bytes=_MAX_LINES * options.limits.max_line_bytes)
    try:
        message = message_from_bytes(content.lstrip(), policy=policy.default)
        bodies = list(_bodies(message))
        attachments = list(_attachments(message))
    except _ERRORS as error:
        raise RefusalError("bad_record", f"the message can't be parsed: {error}") from None
    records = _read_first(message, bodies, options)
    yield from records
    for position, name in enumerate(attachments, start=len(records) + 1):
        detail = f"the attachment {name} is not read; save it as a file"
        yield RawRecord(position, RefusalError("unknown_format", detail), name)


def _read_first(message: EmailMessage, bodies: list[EmailMessage], options: ReadOptions) -> list[RawRecord]:
    """Return the records of the first text in which there is an article, else its refusal."""
    records: list[RawRecord] = []
    for body in bodies:
        reader = _READERS[body.get_content_type()]
        try:
            payload = cast(bytes, body.get_payload(decode=True) or b"")
            found = list(reader(document_to_utf8(payload, body.get_content_charset()), options))
        except RefusalError as error:
            found = [RawRecord(1, error)]
        except _ERRORS as error:
            found = [RawRecord(1, RefusalError("bad_record", f"the message can't be decoded: {error}"))]
        records = records or found
        if not all(isinstance(each.columns, RefusalError) for each in found):
            return [_with_headers(each, message, body) for each in found]
    return records or [RawRecord(1, RefusalError("bad_record", "the message has no text"))]


def _with_headers(record: RawRecord, message: EmailMessage, body: EmailMessage) -> RawRecord:
    """Fill in what the headers of a message say of its article."""
    if isinstance(record.columns, RefusalError) or record.columns.get("kind") == "teaser":
        return record
    headers = {
        "title": _header(message, "Subject"),
        "published": _header(message, "Date"),
        "url": _header(message, "Snapshot-Content-Location") or _header(body, "Content-Location"),
    }
    known = {name: value for name, value in record.columns.items() if value}
    return record._replace(columns={**record.columns, **headers, **known})


def _header(message: EmailMessage, name: str) -> str | None:
    try:
        value = message[name]
    except _ERRORS:
        return None
    return str(value).strip() or None if value else None


def _bodies(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the texts of a message that are no attachments: HTML, then plain text, outer parts first."""
    parts = [part for part in message.walk() if not part.is_multipart() and not part.is_attachment()]
    for kind in _READERS:
        yield from (part for part in parts if part.get_content_type() == kind)


def _attachments(message: EmailMessage) -> Iterator[str]:
    """Yield the names of parts that are neither the text nor resources of its page, such as images."""
    if not message.is_multipart() or message.get_content_type() == "multipart/related":
        return
    for part in message.walk():
        kind: Any = part.get_content_type()
        if part.is_attachment() or (
            kind not in _READERS and not part.is_multipart() and not part["Content-ID"]
        ):
            yield f"{part.get_filename() or 'without a name'} ({kind})"
