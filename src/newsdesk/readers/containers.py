"""Unpack gzip streams and zip members within the limits; no member is written to disk under its name."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from newsdesk.base.schema import Refusal
from newsdesk.readers.chunks import CHUNK_BYTES
from newsdesk.readers.options import Limits
from newsdesk.readers.refusals import Provenance, RefusalError
from newsdesk.readers.walk import is_skipped

_GZIP_WBITS = 31  # zlib's code for a gzip header and the largest window
_ENCRYPTED = 0x1
# Other methods decompress a whole block at once, whatever its size.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNSAFE_NAME = re.compile(r"\A[/\\]|\A[A-Za-z]:|\\|\0|(?:\A|/)\.\.(?:/|\Z)")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)


class UnpackedSize:
    """Count the unpacked bytes of one input file and refuse decompression bombs."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total = 0

    def add(self, n_bytes: int, *, packed: int, unpacked: int) -> None:
        """Count `n_bytes` more of a stream of which `packed` bytes gave `unpacked` bytes so far."""
        limits = self._limits
        self._total += n_bytes
        if self._total > limits.max_unpacked_bytes:
            raise RefusalError("zip_bomb", f"unpacks to more than {limits.max_unpacked_bytes} bytes")
        if unpacked > limits.ratio_from_bytes and unpacked > limits.max_ratio * packed:
            raise RefusalError("zip_bomb", f"unpacks to more than {limits.max_ratio} times its size")


def unpack_gzip(chunks: Iterable[bytes], size: UnpackedSize) -> Iterator[bytes]:
    """Unpack a gzip stream of one or more members; yield what precedes a fault before raising."""
    packed = unpacked = 0
    inflate = zlib.decompressobj(_GZIP_WBITS)
    try:
        for chunk in chunks:
            packed += len(chunk)
            rest = chunk
            while rest:
                if inflate.eof:
                    rest = rest.lstrip(b"\0")  # tapes and tar pad with zeros
                    if not rest:
                        break
                    inflate = zlib.decompressobj(_GZIP_WBITS)
                content = inflate.decompress(rest, CHUNK_BYTES)
                unpacked += len(content)
                size.add(len(content), packed=packed, unpacked=unpacked)
                if content:
                    yield content
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        detail = f"the gzip is corrupt after {unpacked} unpacked bytes: {error}"
        raise RefusalError("bad_archive", detail) from None
    if not inflate.eof:
        raise RefusalError("truncated", f"the gzip ends early, after {unpacked} unpacked bytes")


def zip_members(
    handle: BinaryIO, provenance: Provenance, size: UnpackedSize
) -> Iterator[tuple[Provenance, Iterator[bytes]] | Refusal]:
    """Yield the provenance and the bytes of each file of a zip archive, in the archive's order."""
    try:
        archive = zipfile.ZipFile(handle)
    except _ZIP_ERRORS as error:
        raise RefusalError("bad_archive", f"the zip can't be opened: {error}") from None
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if not infos:
            raise RefusalError("empty_file", "the zip holds no file")
        for info in infos:
            member = provenance.member(info.orig_filename)
            if fault := _member_error(info):
                yield member.refuse(0, fault)
            elif not any(map(is_skipped, info.filename.split("/"))):
                yield member, _unpack_member(archive, info, size)


def _member_error(info: zipfile.ZipInfo) -> RefusalError | None:
    if _UNSAFE_NAME.search(info.orig_filename) or stat.S_ISLNK(info.external_attr >> 16):
        return RefusalError("unsafe_path", "the member is a link, or its name points outside of the archive")
    if info.flag_bits & _ENCRYPTED:
        return RefusalError("bad_archive", "the member is encrypted")
    if info.compress_type not in _METHODS:
        detail = f"compression method {info.compress_type} is not supported, use deflate"
        return RefusalError("bad_archive", detail)
    return None


def _unpack_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: UnpackedSize) -> Iterator[bytes]:
    unpacked = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK_BYTES):
                unpacked += len(chunk)
                size.add(len(chunk), packed=info.compress_size, unpacked=unpacked)
                yield chunk
    except _ZIP_ERRORS as error:
        detail = f"the member is corrupt after {unpacked} bytes: {error}"
        raise RefusalError("bad_archive", detail) from None
