"""Tell UTF-8, UTF-16 and Windows-1256 apart, turn all of them into UTF-8, and decode that."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

from newsdesk.readers.refusals import Refused

Encoding = Literal["utf-8", "utf-16", "cp1256"]

BLANK = b" \t\r\n\v\f\0" + codecs.BOM_UTF8  # what is left of a line or file without content

_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ARABIC_WORD = re.compile("[ء-ي]{3}")

# Shares that tell the kinds apart by a wide margin: of broken UTF-8 Arabic more than nine high bytes in ten
# still sit in valid sequences, of Windows-1256 Arabic hardly any; of Windows-1256 news nearly all high
# letters are Arabic, of other code pages and of random bytes fewer than seven in ten.
_MAX_VALID_SEQUENCES = 0.5
_MIN_ARABIC = 0.9
_MAX_CONTROLS_IN_TEXT = 0.3
_MAX_CONTROLS_IN_CODE_PAGE = 0.05


def detect(head: bytes, *, complete: bool) -> Encoding:
    """Return the encoding of a file from its first bytes.

    Broken UTF-8 is reported as UTF-8, so that its faults are found where they stand.

    Parameters
    ----------
    head : bytes
        The start of the file.
    complete : bool
        Whether `head` is the whole file, so that it may not end within a character.

    Raises
    ------
    Refused
        `unknown_format` for binary data, `bad_encoding` for text of another encoding.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    controls = len(_CONTROL.findall(head)) / max(len(head), 1)
    if controls > _MAX_CONTROLS_IN_TEXT:
        raise Refused("unknown_format", "binary data (UTF-16 is known by its byte order mark only)")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=complete)
    except UnicodeDecodeError as error:
        return _of_broken_utf8(head, controls=controls, offset=error.start)
    return "utf-8"


def _of_broken_utf8(head: bytes, *, controls: float, offset: int) -> Encoding:
    high = len(_HIGH.findall(head))
    in_sequences = sum(map(len, _MULTIBYTE.findall(head)))
    if in_sequences > _MAX_VALID_SEQUENCES * high:
        return "utf-8"
    if controls > _MAX_CONTROLS_IN_CODE_PAGE:
        raise Refused("unknown_format", "binary data")
    text = head.decode("cp1256")
    letters = [char for char in text if char > "\x7f" and (char.isalpha() or "\u064b" <= char <= "\u0652")]
    arabic = sum("ء" <= char <= "\u0652" for char in letters)
    if _ARABIC_WORD.search(text) and arabic >= _MIN_ARABIC * len(letters):
        return "cp1256"
    if high * 10 > len(head):
        raise Refused("bad_encoding", f"byte {offset} is neither UTF-8 nor Windows-1256")
    return "utf-8"


def to_utf8(chunks: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Return a stream as UTF-8; UTF-8 itself is passed on unchecked."""
    return chunks if encoding == "utf-8" else _transcoded(chunks, encoding)


def _transcoded(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    start = 0  # of the bytes that the decoder is given or still holds
    for chunk in chain(chunks, [b""]):
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            offset = start - waiting + error.start
            raise Refused("bad_encoding", f"byte {offset} is not valid {encoding.upper()}") from None
        start += len(chunk)
        yield text.encode()


def decode(raw: bytes, *, offset: int = 0) -> str:
    """Decode the part of a UTF-8 file that begins at byte `offset`, without NULs and the file's BOM."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Refused("bad_encoding", f"byte {offset + error.start} is not valid UTF-8") from None
    return (text if offset else text.removeprefix("\ufeff")).replace("\0", "")


def decode_anyway(raw: bytes, *, offset: int = 0) -> tuple[str, Refused | None]:
    """Decode as `decode` does; if that fails return also why, so that the line's other signs still count."""
    try:
        return decode(raw, offset=offset), None
    except Refused as refused:
        return raw.decode("utf-8", "replace"), refused
