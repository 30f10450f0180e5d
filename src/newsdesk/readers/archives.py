"""Yield the members of zip and tar archives within the limits; none is written to disk under its name."""

from __future__ import annotations

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Self

from newsdesk.base.schema import Reason, Refusal
from newsdesk.readers.chunks import CHUNK_BYTES, ChunkFile
from newsdesk.readers.compression import UnpackedSize
from newsdesk.readers.options import Limits
from newsdesk.readers.refusals import Provenance, RefusalError
from newsdesk.readers.walk import is_skipped

Members = Iterator[tuple[Provenance, Iterator[bytes]] | Refusal]

_ENCRYPTED = 0x1
# Other methods decompress a whole block at once, whatever its size.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNSAFE_NAME = re.compile(r"\A[/\\]|\A[A-Za-z]:|\\|\0|(?:\A|/)\.\.(?:/|\Z)")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
_EOF, _EMPTY, _TRUNCATED, _INVALID = (
    getattr(tarfile, f"{name}HeaderError") for name in ("EOF", "Empty", "Truncated", "Invalid")
)
_MAX_TAR_HEADERS = 2**20  # of one member, which tarfile holds in memory


@contextmanager
def open_zip(handle: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; refuse one that can't be opened."""
    try:
        archive = zipfile.ZipFile(handle)
    except _ZIP_ERRORS as error:
        raise RefusalError("bad_archive", f"the zip can't be opened: {error}") from None
    with archive:
        yield archive


def zip_members(archive: zipfile.ZipFile, provenance: Provenance, size: UnpackedSize) -> Members:
    """Yield the provenance and the bytes of each file of a zip archive, in the archive's order."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if not infos:
        raise RefusalError("empty_file", "the zip holds no file")
    for info in infos:
        member = provenance.member(info.orig_filename)
        if fault := _zip_member_error(info):
            yield member.refuse(0, fault)
        elif not _is_skipped(info.filename):
            yield member, unpack_zip_member(archive, info, size)


def unpack_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: UnpackedSize) -> Iterator[bytes]:
    """Yield the bytes of a member of a zip archive in chunks."""
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


def read_member_start(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the first bytes of a member, none if it can't be read."""
    info = archive.getinfo(name)
    if not _zip_member_error(info):
        with suppress(RefusalError):
            return next(unpack_zip_member(archive, info, UnpackedSize(Limits())), b"")
    return b""


def tar_members(chunks: Iterable[bytes], provenance: Provenance, size: UnpackedSize) -> Members:
    """Yield the provenance and the bytes of each file of a tar archive, as `zip_members` does."""
    source = ChunkFile(chunks)
    source.allow(_MAX_TAR_HEADERS)
    n_files = 0
    try:
        with _open_tar(source) as archive:
            while info := archive.next():
                archive.members.clear()  # else all headers are kept in memory
                source.allow(info.size + _MAX_TAR_HEADERS)
                if info.isdir():
                    continue
                n_files += 1
                member = provenance.member(info.name)
                if fault := _tar_member_error(info):
                    yield member.refuse(0, fault)
                elif not _is_skipped(info.name):
                    yield member, _unpack_tar_member(archive, info, size)
    except _TAR_ERRORS as error:
        reason: Reason = "truncated" if "unexpected end" in str(error) else "bad_archive"
        raise RefusalError(reason, f"the tar is corrupt after {n_files} files: {error}") from None
    if not n_files:
        raise RefusalError("empty_file", "the tar holds no file")


def _open_tar(source: ChunkFile) -> Any:
    """Open a tar stream, which may be several archives in a row."""
    stream: Any = source
    return tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo, ignore_zeros=True)


class _StrictTarInfo(tarfile.TarInfo):
    """Raise an error where tarfile ends in silence: at a broken header, or without the block at the end."""

    @classmethod
    def fromtarfile(cls, archive: Any) -> Self:
        """Read the next header."""
        try:
            info = super().fromtarfile(archive)
        except _EOF:
            archive.has_end = True  # a block of zeros
            raise
        except _EMPTY:
            if getattr(archive, "has_end", False):
                raise
            raise tarfile.ReadError("unexpected end of data") from None
        except _TRUNCATED:
            raise tarfile.ReadError("unexpected end of data") from None
        except _INVALID as error:
            raise tarfile.ReadError(str(error)) from None
        archive.has_end = False
        return info


def _is_skipped(name: str) -> bool:
    return any(map(is_skipped, name.split("/")))


def _path_error(name: str, *, is_link: bool) -> RefusalError | None:
    if is_link or _UNSAFE_NAME.search(name):
        return RefusalError("unsafe_path", "the member is a link, or its name points outside of the archive")
    return None


def _zip_member_error(info: zipfile.ZipInfo) -> RefusalError | None:
    if error := _path_error(info.orig_filename, is_link=stat.S_ISLNK(info.external_attr >> 16)):
        return error
    if info.flag_bits & _ENCRYPTED:
        return RefusalError("bad_archive", "the member is encrypted")
    if info.compress_type not in _METHODS:
        detail = f"compression method {info.compress_type} is not supported, use deflate"
        return RefusalError("bad_archive", detail)
    return None


def _tar_member_error(info: tarfile.TarInfo) -> RefusalError | None:
    if error := _path_error(info.name, is_link=info.issym() or info.islnk()):
        return error
    if not info.isreg() or info.issparse():  # a sparse file unpacks to any size
        return RefusalError("bad_archive", "the member is a device, a pipe or a sparse file")
    return None


def _unpack_tar_member(
    archive: tarfile.TarFile, info: tarfile.TarInfo, size: UnpackedSize
) -> Iterator[bytes]:
    member = archive.extractfile(info)
    missing = info.size
    try:
        while member and (chunk := member.read(CHUNK_BYTES)):
            missing -= len(chunk)
            size.add(len(chunk), packed=1, unpacked=0)  # tar itself packs nothing
            yield chunk
    except _TAR_ERRORS as error:
        missing = missing or 1
        raise RefusalError("truncated", f"the tar ends early: {error}") from None
    if missing:
        raise RefusalError("truncated", f"the tar ends {missing} bytes before the member does")
