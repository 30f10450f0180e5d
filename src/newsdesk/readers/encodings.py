"""Detect UTF-8, UTF-16 and Windows-1256 by content, convert streams to UTF-8 and decode them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Literal

from newsdesk.readers.refusals import RefusalError

Encoding = Literal["utf-8", "utf-16", "cp1256"]

BLANK_LINE = b" \t\r\n\v\f" + codecs.BOM_UTF8  # bytes of a line that counts as blank
BLANK = BLANK_LINE + b"\0"  # bytes that are no content

_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ARABIC_WORD = re.compile("[ء-ي]{3}")

_MAX_VALID_SEQUENCES = 0.5  # of the high bytes; over 0.9 in broken UTF-8, hardly any in Windows-1256
_MIN_ARABIC = 0.9  # of the high letters; fewer than 0.7 in other code pages and in random bytes
_MAX_CONTROLS_IN_TEXT = 0.3
_MAX_CONTROLS_IN_CODE_PAGE = 0.05


def detect_encoding(head: bytes, *, complete: bool) -> Encoding:
    """Return the encoding of a file by its first bytes, or by all if `complete`; refuse other encodings."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    controls = len(_CONTROL.findall(head)) / max(len(head), 1)
    if controls > _MAX_CONTROLS_IN_TEXT:
        raise RefusalError("unknown_format", "binary data (UTF-16 needs a byte order mark)")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=complete)
    except UnicodeDecodeError as error:
        return _detect_code_page(head, controls=controls, offset=error.start)
    return "utf-8"


def _detect_code_page(head: bytes, *, controls: float, offset: int) -> Encoding:
    high = len(_HIGH.findall(head))
    in_sequences = sum(map(len, _MULTIBYTE.findall(head)))
    if in_sequences > _MAX_VALID_SEQUENCES * high:
        return "utf-8"  # broken: decoding reports each fault at its place
    if controls > _MAX_CONTROLS_IN_CODE_PAGE:
        raise RefusalError("unknown_format", "binary data")
    text = head.decode("cp1256")
    letters = [char for char in text if char > "\x7f" and (char.isalpha() or "\u064b" <= char <= "\u0652")]
    arabic = sum("ء" <= char <= "\u0652" for char in letters)
    if _ARABIC_WORD.search(text) and arabic >= _MIN_ARABIC * len(letters):
        return "cp1256"
    if high * 10 > len(head):
        raise RefusalError("bad_encoding", f"byte {offset} is neither UTF-8 nor Windows-1256")
    return "utf-8"


def to_utf8(chunks: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Convert a stream to UTF-8; UTF-8 is passed on unchecked."""
    if encoding == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    start = 0  # offset of the current chunk
    for chunk in chain(chunks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            offset = start - pending + error.start
            raise RefusalError("bad_encoding", f"byte {offset} is not valid {encoding.upper()}") from None
        start += len(chunk)
        yield text.encode()


def document_to_utf8(content: bytes, charset: str | None) -> Iterator[bytes]:
    """Convert a document within a message or response to UTF-8, by its stated charset if that is true."""
    with suppress(LookupError, UnicodeError):
        return iter([content.decode(charset or "utf-8").encode("utf-8", "replace")])
    return to_utf8(iter([content]), detect_encoding(content, complete=True))


def decode(raw: bytes, *, offset: int = 0) -> str:
    """Decode the part of a UTF-8 file at byte `offset`, without NULs and the byte order marks around it.

    A part may begin or end with one if files were joined that each had one.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise RefusalError("bad_encoding", f"byte {offset + error.start} is not valid UTF-8") from None
    return text.replace("\0", "").strip("\ufeff")


def decode_leniently(raw: bytes, *, offset: int = 0) -> tuple[str, RefusalError | None]:
    """Decode as `decode` does; where that fails, return replacement characters and the error."""
    try:
        return decode(raw, offset=offset), None
    except RefusalError as error:
        return raw.decode("utf-8", "replace"), error
