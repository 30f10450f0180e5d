"""Unpack gzip, bzip2, xz and Zstandard streams within limits."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from newsdesk.readers.chunks import CHUNK_BYTES, ChunkFile
from newsdesk.readers.options import Limits
from newsdesk.readers.refusals import RefusalError

Compression = Literal["gzip", "bzip2", "xz", "zstd", "deflate", "brotli"]  # the last two only over HTTP

_GZIP_WBITS = 31  # zlib's code for a gzip header and the largest window
_XZ_MEMORY_BYTES = 128 * 2**20  # `xz -9` needs 65 MiB
_ARROW_READ_BYTES = 2**14  # a broken stream loses at most so many bytes before the break
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(_GZIP_WBITS),
    "bzip2": bz2.BZ2Decompressor,
    "deflate": zlib.decompressobj,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES),
}


class UnpackedSize:
    """Count the unpacked bytes of one input file and refuse decompression bombs.

    `input_bytes` are those of the file as it is stored, or as many of them as are known.
    """

    def __init__(self, limits: Limits, *, input_bytes: int = 0) -> None:
        self._limits = limits
        self._total = 0
        self.input_bytes = input_bytes

    def count_input(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks of the input file, and count them."""
        for chunk in chunks:
            self.input_bytes += len(chunk)
            yield chunk

    def add(self, n_bytes: int, *, packed: int, unpacked: int) -> None:
        """Count `n_bytes` more of a stream of which `packed` bytes gave `unpacked` bytes so far."""
        limits = self._limits
        self._total += n_bytes
        most = max(limits.max_unpacked_bytes, limits.max_growth * self.input_bytes)
        if self._total > most:
            raise RefusalError("zip_bomb", f"unpacks to more than {most} bytes")
        if unpacked > limits.ratio_from_bytes and unpacked > limits.max_ratio * packed:
            raise RefusalError("zip_bomb", f"unpacks to more than {limits.max_ratio} times its size")


def unpack(chunks: Iterable[bytes], kind: Compression, size: UnpackedSize) -> Iterator[bytes]:
    """Unpack a stream of one or more members; yield what precedes a fault before raising."""
    unpacked = 0
    new = _DECOMPRESSORS.get(kind)
    members = _unpack_members(chunks, new) if new else _unpack_with_arrow(chunks, kind)
    try:
        for content, packed in members:
            unpacked += len(content)
            size.add(len(content), packed=packed, unpacked=unpacked)
            if content:
                yield content
    except EOFError:
        detail = f"the {kind} ends early, after {unpacked} unpacked bytes"
        raise RefusalError("truncated", detail) from None
    except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
        detail = f"the {kind} is corrupt after {unpacked} unpacked bytes: {error}"
        raise RefusalError("bad_archive", detail) from None


def _unpack_members(chunks: Iterable[bytes], new: Callable[[], Any]) -> Iterator[tuple[bytes, int]]:
    """Yield unpacked bytes, each with the number of packed bytes so far."""
    packed = 0
    decompressor = new()
    for chunk in chunks:
        packed += len(chunk)
        rest = chunk
        while True:
            if decompressor.eof:
                rest = rest.lstrip(b"\0")  # tapes and tar pad with zeros
                if not rest:
                    break
                decompressor = new()
            yield decompressor.decompress(rest, CHUNK_BYTES), packed
            if decompressor.eof:
                rest = decompressor.unused_data
                continue
            rest = getattr(decompressor, "unconsumed_tail", b"")  # of zlib; the others keep it
            if not rest and getattr(decompressor, "needs_input", True):
                break
    if not decompressor.eof:
        raise EOFError


def _unpack_with_arrow(chunks: Iterable[bytes], codec: str) -> Iterator[tuple[bytes, int]]:
    import pyarrow as pa

    source = ChunkFile(chunks)
    try:
        with pa.CompressedInputStream(pa.PythonFile(source, "r"), codec) as stream:
            while content := stream.read(_ARROW_READ_BYTES):
                yield content, source.position
    except OSError as error:
        raise (EOFError if "Truncated" in str(error) else ValueError)(str(error)) from None
