"""Streams as iterators of byte chunks: look ahead, unpack gzip, split into bounded lines."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from newsdesk.readers.limits import Limits
from newsdesk.readers.refusals import Refused

CHUNK = 2**18
_SPOOL_IN_MEMORY = 64 * 2**20
_GZIP = 31  # zlib's wbits for a gzip header and the largest window


class Line(NamedTuple):
    """A line without its end; `raw` is None if it was too long to be held."""

    number: int
    offset: int
    raw: bytes | None


class Budget:
    """What one input file may still unpack to, all its layers and members together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total = 0

    def charge(self, size: int, *, packed: int, unpacked: int) -> None:
        """Account for `size` new bytes of a stream that unpacked `packed` bytes to `unpacked` so far."""
        self._total += size
        if self._total > self._limits.max_unpacked_bytes:
            raise Refused("zip_bomb", f"unpacks to more than {self._limits.max_unpacked_bytes} bytes")
        if unpacked > self._limits.ratio_from_bytes and unpacked > self._limits.max_ratio * packed:
            raise Refused("zip_bomb", f"unpacks to more than {self._limits.max_ratio} times its size")


def from_handle(handle: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of an open file."""
    while chunk := handle.read(CHUNK):
        yield chunk


def peel(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return at least the first `size` bytes, if there are as many, and the whole stream again.

    A stream that breaks within these bytes breaks at the same place when it is read again.
    """
    held: list[bytes] = []
    try:
        while sum(map(len, held)) < size:
            held.append(next(chunks))
    except StopIteration:
        pass
    except (Refused, OSError) as error:
        chunks = _break(error)
    return b"".join(held), chain(held, chunks)


def _break(error: Exception) -> Iterator[bytes]:
    yield from ()
    raise error


def gunzip(chunks: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    """Unpack gzip, also of several members; what precedes a break is yielded before the break is raised."""
    packed = unpacked = 0
    inflate = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            packed += len(chunk)
            rest = chunk
            while rest:
                if inflate.eof:
                    rest = rest.lstrip(b"\0")  # tapes and tar pad with zeros
                    if not rest:
                        break
                    inflate = zlib.decompressobj(_GZIP)
                piece = inflate.decompress(rest, CHUNK)
                unpacked += len(piece)
                budget.charge(len(piece), packed=packed, unpacked=unpacked)
                if piece:
                    yield piece
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise Refused(
            "bad_archive", f"the gzip is corrupt after {unpacked} unpacked bytes: {error}"
        ) from None
    if not inflate.eof:
        raise Refused("truncated", f"the gzip ends early, after {unpacked} unpacked bytes")


@contextmanager
def seekable(chunks: Iterable[bytes], handle: BinaryIO | None) -> Iterator[BinaryIO]:
    """Return a stream for random access: its own file, or a copy in memory, if large in an unnamed file."""
    if handle is not None:
        handle.seek(0)
        yield handle
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY) as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        yield cast(BinaryIO, spool)


def lines(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[Line]:
    r"""Split at \n, \r\n and \r; of a line longer than `max_bytes` only its number is kept."""
    number, offset = 1, 0
    held, size = b"", 0  # the line under way; `size` counts also what is no longer held
    for chunk in chunks:
        *ended, rest = _split(held + chunk)
        size -= len(held)
        for piece in ended:
            size += len(piece)
            raw = piece.rstrip(b"\r\n")
            yield Line(number, offset, raw if size <= max_bytes + 2 else None)
            number, offset, size = number + 1, offset + size, 0
        size += len(rest)
        held = rest if size <= max_bytes + 2 else rest[-1:]
    if size:
        yield Line(number, offset, held.rstrip(b"\r\n") if size <= max_bytes + 2 else None)


def _split(data: bytes) -> list[bytes]:
    """Split into lines with their ends and a last piece that may go on, as after a CR whose LF is to come."""
    pieces = data.splitlines(keepends=True)
    if not pieces or pieces[-1].endswith(b"\n"):
        pieces.append(b"")
    return pieces


def document(chunks: Iterable[bytes], *, max_bytes: int) -> bytes:
    """Return a whole stream that must fit into `max_bytes`."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) > max_bytes:
            raise Refused("field_too_large", f"the page is longer than {max_bytes} bytes")
    return bytes(held)
