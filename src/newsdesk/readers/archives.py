"""Read the members of a zip as streams; nothing is ever written under a member's name."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from newsdesk.base.schema import Refusal
from newsdesk.readers.chunks import CHUNK, Budget
from newsdesk.readers.refusals import Place, Refused
from newsdesk.readers.walk import is_skipped

_ENCRYPTED = 0x1
# The other methods unpack a block whole, whatever it grows to.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNSAFE = re.compile(r"\A[/\\]|\A[A-Za-z]:|\\|\0|(?:\A|/)\.\.(?:/|\Z)")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)


def members(
    handle: BinaryIO, place: Place, budget: Budget
) -> Iterator[tuple[Place, Iterator[bytes]] | Refusal]:
    """Yield each file of the archive, in the archive's order: its place and its bytes."""
    try:
        archive = zipfile.ZipFile(handle)
    except _BROKEN as error:
        raise Refused("bad_archive", f"the zip can't be opened: {error}") from None
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if not infos:
            raise Refused("empty_file", "the zip holds no file")
        for info in infos:
            here = place.member(info.orig_filename)
            try:
                _check(info)
            except Refused as refused:
                yield here.refuse(0, refused)
            else:
                if not any(map(is_skipped, info.filename.split("/"))):
                    yield here, _unpacked(archive, info, budget)


def _check(info: zipfile.ZipInfo) -> None:
    if _UNSAFE.search(info.orig_filename) or stat.S_ISLNK(info.external_attr >> 16):
        raise Refused("unsafe_path", "the member's name leads out of the archive, or it is a link")
    if info.flag_bits & _ENCRYPTED:
        raise Refused("bad_archive", "the member is encrypted")
    if info.compress_type not in _METHODS:
        raise Refused("bad_archive", f"compression method {info.compress_type} is not supported, use deflate")


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Iterator[bytes]:
    unpacked = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK):
                unpacked += len(chunk)
                budget.charge(len(chunk), packed=info.compress_size, unpacked=unpacked)
                yield chunk
    except _BROKEN as error:
        raise Refused("bad_archive", f"the member is corrupt after {unpacked} bytes: {error}") from None
