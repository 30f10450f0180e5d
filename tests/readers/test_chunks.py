"""Streams: lines with any line ends and lengths, and looking ahead."""

import tracemalloc
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from newsdesk.readers.chunks import peek, split_lines


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"0", b"\r").replace(b"1", b"\n"))))
def test_lines_do_not_depend_on_where_chunks_end(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert [piece.raw for piece in split_lines(chunks, max_bytes=10**6)] == whole.splitlines()
    for piece in split_lines(chunks, max_bytes=10**6):
        assert piece.raw is not None
        assert whole[piece.offset :].startswith(piece.raw)


def test_long_line_is_numbered_but_not_held() -> None:
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


def test_peek_returns_the_whole_stream() -> None:
    head, whole = peek(iter([b"ab", b"cd", b"ef"]), 3)
    assert head == b"abcd"
    assert b"".join(whole) == b"abcdef"
