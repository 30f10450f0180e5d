"""Byte streams as iterators of chunks: look ahead, split into lines, make seekable."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from newsdesk.readers.refusals import RefusalError, too_long

CHUNK_BYTES = 2**18
_MAX_SPOOL_IN_MEMORY = 64 * 2**20


class Line(NamedTuple):
    """A line without its line end, or an element of a JSON array."""

    number: int
    offset: int  # in bytes from the start of the file
    raw: bytes | None  # None if it exceeds the size limit


def read_chunks(handle: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of an open file in chunks."""
    while chunk := handle.read(CHUNK_BYTES):
        yield chunk


def peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first `size` or more bytes, or all, and the whole stream with its error, if any."""
    read: list[bytes] = []
    try:
        while sum(map(len, read)) < size:
            read.append(next(chunks))
    except StopIteration:
        pass
    except (RefusalError, OSError) as error:
        chunks = _fail(error)
    return b"".join(read), chain(read, chunks)


def _fail(error: Exception) -> Iterator[bytes]:
    yield from ()
    raise error


@contextmanager
def seekable(chunks: Iterable[bytes], handle: BinaryIO | None) -> Iterator[BinaryIO]:
    """Yield a seekable file: `handle` itself, or a copy of the chunks in memory or an unnamed file."""
    if handle is not None:
        handle.seek(0)
        yield handle
        return
    with tempfile.SpooledTemporaryFile(max_size=_MAX_SPOOL_IN_MEMORY) as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        yield cast(BinaryIO, spool)


def split_lines(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[Line]:
    r"""Split at \n, \r\n and \r; a line longer than `max_bytes` is numbered but not held in memory."""
    number, offset = 1, 0
    held, size = b"", 0  # the current line; `size` also counts bytes that are no longer held
    for chunk in chunks:
        lines = (held + chunk).splitlines(keepends=True)
        # the last line may continue, as after a CR that lacks its LF
        rest = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
        size -= len(held)
        for line in lines:
            size += len(line)
            yield Line(number, offset, line.rstrip(b"\r\n") if size <= max_bytes + 2 else None)
            number, offset, size = number + 1, offset + size, 0
        size += len(rest)
        held = rest if size <= max_bytes + 2 else rest[-1:]
    if size:
        yield Line(number, offset, held.rstrip(b"\r\n") if size <= max_bytes + 2 else None)


def read_whole(chunks: Iterable[bytes], what: str, *, max_bytes: int) -> bytes:
    """Return the whole stream; refuse one longer than `max_bytes`."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > max_bytes:
            raise too_long(what, max_bytes)
    return bytes(content)


class ChunkFile:
    """A file for libraries that call `read`; after `allow`, no more than the allowed bytes can be read."""

    closed = False

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._error: RefusalError | None = None
        self.position = 0
        self._end: int | None = None

    def allow(self, n_bytes: int) -> None:
        """Allow `n_bytes` more from here; reading more raises a `RefusalError`."""
        self._end = self.position + n_bytes

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, fewer than `size` only at the end of the stream."""
        parts, missing = [], size
        while missing:
            chunk = self._held or self._next_chunk()
            if not chunk:
                break
            self._held = chunk[missing:] if missing > 0 else b""
            part = chunk[:missing] if missing > 0 else chunk
            parts.append(part)
            missing -= len(part) if missing > 0 else 0
            self.position += len(part)
            if self._end is not None and self.position > self._end:
                raise RefusalError("field_too_large", "a header of the archive is too long")
        return b"".join(parts)

    def _next_chunk(self) -> bytes:
        if self._error:  # a library may read on after an error
            raise self._error
        try:
            return next(self._chunks, b"")
        except RefusalError as error:
            self._error = error
            raise

    def readable(self) -> bool:
        """Return that the file can be read."""
        return True

    def close(self) -> None:
        """Do nothing; the owner of the chunks closes them."""
