"""gzip, bzip2, xz and Zstandard: several members, truncation, corruption and decompression bombs."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from newsdesk.readers import Limits
from newsdesk.readers.compression import UnpackedSize, unpack
from newsdesk.readers.refusals import RefusalError

from .conftest import ReadBytes, line, reasons


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


PACK: dict[Any, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
every_kind = pytest.mark.parametrize("kind", PACK)


def unpacked(kind: Any, *chunks: bytes) -> bytes:
    return b"".join(unpack(chunks, kind, UnpackedSize(Limits())))


@every_kind
def test_members_in_a_row_and_chunks_of_any_size(kind: str) -> None:
    packed = PACK[kind](b"one ") + PACK[kind](b"two")
    assert unpacked(kind, packed) == b"one two"
    assert unpacked(kind, *(packed[k : k + 1] for k in range(len(packed)))) == b"one two"


def test_zero_padding_is_no_fault() -> None:
    for kind in ("gzip", "bzip2", "xz"):
        assert unpacked(kind, PACK[kind](b"one") + bytes(512)) == b"one"


@every_kind
@pytest.mark.parametrize("name", ["news.jsonl", "news.csv.gz", "news"])
def test_it_is_told_by_content(read_bytes: ReadBytes, kind: str, name: str) -> None:
    assert reasons(read_bytes(PACK[kind](f"{line()}\n{line()}".encode()), name)) == ["ok", "ok"]


@every_kind
def test_the_suffix_below_that_of_compression_counts(read_bytes: ReadBytes, kind: str) -> None:
    for suffix in (".gz", ".bz2", ".xz", ".zst"):
        content = PACK[kind]("# عنوان\n\nنص الخبر".encode())
        (article,) = read_bytes(content, f"news.md{suffix}")
        assert (article.title, article.text) == ("عنوان", "نص الخبر")  # type: ignore[union-attr]


@every_kind
def test_rows_of_a_truncated_stream_are_kept(read_bytes: ReadBytes, kind: str) -> None:
    lines = [line(f"الخبر رقم {n}: افتتاح مدرسة في الحي {n * 7919 % 1000}") + "\n" for n in range(30_000)]
    packed = PACK[kind]("".join(lines).encode())
    rows = read_bytes(packed[: len(packed) * 9 // 10], "news.jsonl")
    *kept, last = reasons(rows)
    assert len(kept) > (0 if kind == "bzip2" else 5000)  # bzip2 unpacks blocks of 900 kB
    assert set(kept) <= {"ok", "bad_record"}
    assert kept.count("bad_record") <= 1  # the line that is cut
    assert (last, rows[-1].position) == ("truncated", 0)


@every_kind
def test_corrupt_streams_are_refused(read_bytes: ReadBytes, kind: str) -> None:
    packed = bytearray(PACK[kind]((line() + "\n").encode() * 20))
    garbage = reasons(read_bytes(bytes(packed[:10]) + b"\xff" * 40, "news"))
    assert garbage in (["bad_archive"], ["truncated"])
    packed[len(packed) // 2] ^= 0xFF
    if kind != "zstd":  # which has no checksum here
        assert reasons(read_bytes(bytes(packed), "news"))[-1] in {"bad_archive", "truncated"}
    one = PACK[kind](b"x")
    assert reasons(read_bytes(one[: len(one) * 2 // 3], "news")) == ["truncated"]
    assert reasons(read_bytes(PACK[kind](b""), "news")) == ["empty_file"]


@every_kind
def test_bombs_are_stopped_by_their_ratio(read_bytes: ReadBytes, kind: str) -> None:
    (refusal,) = read_bytes(PACK[kind](b" " * 40_000_000), "news.jsonl")
    assert (refusal.reason, refusal.detail) == ("zip_bomb", "unpacks to more than 200 times its size")  # type: ignore[union-attr]


@every_kind
def test_nested_bombs_are_stopped_by_their_size(kind: Any) -> None:
    inner = PACK[kind](bytes(range(256)) * 40)
    size = UnpackedSize(Limits(max_unpacked_bytes=10_000))
    with pytest.raises(RefusalError, match="more than 10000 bytes") as caught:
        list(unpack(unpack([PACK[kind](inner)], kind, size), kind, size))
    assert caught.value.reason == "zip_bomb"


def test_xz_that_needs_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**29}]
    packed = bytearray(lzma.compress(b"x", filters=filters))
    with pytest.raises(RefusalError, match="Memory usage limit"):
        unpacked("xz", bytes(packed))
