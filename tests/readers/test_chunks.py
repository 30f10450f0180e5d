"""Streams: lines of any ends and lengths, gzip whole, broken and hostile."""

import gzip
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.readers import Limits
from newsdesk.readers.chunks import peek, split_lines
from newsdesk.readers.containers import UnpackedSize, unpack_gzip
from newsdesk.readers.refusals import RefusalError

from .conftest import ReadBytes, line, reasons


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"0", b"\r").replace(b"1", b"\n"))))
def test_lines_do_not_depend_on_where_chunks_end(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert [piece.raw for piece in split_lines(chunks, max_bytes=10**6)] == whole.splitlines()
    for piece in split_lines(chunks, max_bytes=10**6):
        assert piece.raw is not None
        assert whole[piece.offset :].startswith(piece.raw)


def test_a_line_that_is_too_long_is_numbered_but_not_held() -> None:
    def endless() -> Iterator[bytes]:
        yield b"a\n"
        for _ in range(400):
            yield b"x" * 2**18
        yield b"\nb"

    tracemalloc.start()
    found = list(split_lines(endless(), max_bytes=2**20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(piece.number, piece.raw) for piece in found] == [(1, b"a"), (2, None), (3, b"b")]
    assert peak < 8 * 2**20  # of 100 MiB


def test_peek_returns_the_stream_whole() -> None:
    head, whole = peek(iter([b"ab", b"cd", b"ef"]), 3)
    assert head == b"abcd"
    assert b"".join(whole) == b"abcdef"


def test_gzip_of_several_members_and_zero_padding() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(512)
    assert b"".join(unpack_gzip([packed[:9], packed[9:]], UnpackedSize(Limits()))) == b"one two"


def test_rows_before_the_break_of_a_truncated_gzip_are_kept(read_bytes: ReadBytes) -> None:
    content = "".join(
        line(f"الخبر رقم {n}: افتتاح مدرسة في الحي {n * 7919 % 1000}") + "\n" for n in range(2000)
    )
    rows = read_bytes(gzip.compress(content.encode())[:-2000], "news.jsonl.gz")
    *kept, last = reasons(rows)
    assert len(kept) > 500
    assert set(kept) == {"ok"}
    assert last == "truncated"
    assert rows[-1].position == 0  # type: ignore[union-attr]


def test_a_gzip_that_is_corrupt_from_the_start_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(b"\x1f\x8b\x08" + b"\xff" * 40, "news.gz")) == ["bad_archive"]


def test_a_gzip_cut_to_its_header_is_truncated_not_empty(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(gzip.compress(b"x")[:10], "news.gz")) == ["truncated"]


def test_a_bomb_is_stopped_by_its_ratio(read_bytes: ReadBytes) -> None:
    bomb = gzip.compress(b" " * 40_000_000)
    (refusal,) = read_bytes(bomb, "news.jsonl.gz")
    assert refusal.reason == "zip_bomb"  # type: ignore[union-attr]
    assert refusal.detail == "unpacks to more than 200 times its size"  # type: ignore[union-attr]


def test_a_bomb_is_stopped_by_its_size_through_all_layers() -> None:
    inner = gzip.compress(bytes(range(256)) * 40)
    size = UnpackedSize(Limits(max_unpacked_bytes=10_000))
    with pytest.raises(RefusalError, match="more than 10000 bytes") as caught:
        list(unpack_gzip(unpack_gzip([gzip.compress(inner)], size), size))
    assert caught.value.reason == "zip_bomb"


def test_too_many_layers_are_refused(read_bytes: ReadBytes) -> None:
    content = line().encode()
    assert reasons(read_bytes(gzip.compress(gzip.compress(content)))) == ["ok"]
    assert reasons(read_bytes(gzip.compress(gzip.compress(gzip.compress(content))))) == ["bad_archive"]
