"""Format detection, standard input, random bytes and imports."""

import gzip
import io
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article
from newsdesk.readers import Limits, read

from .conftest import SECTIONS, ReadBytes, line, reasons

LINES = f"{line('أول')}\n{line('ثان')}\n".encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["أول", "ثان"]}), sink)
    return sink.getvalue()


MISNAMED = {
    "parquet.csv": parquet(),
    "lines.txt": LINES,
    "gzip.txt": gzip.compress(LINES),
    "lines.parquet": LINES,
    "array.jsonl": b"[" + LINES.strip().replace(b"\n", b",") + b"]",
    "table.json": "id,text\n1,أول\n2,ثان\n".encode(),
    "lines.html": LINES,
    "no-suffix": LINES,
}


@pytest.mark.parametrize("name", MISNAMED)
def test_content_takes_precedence_over_the_suffix(read_bytes: ReadBytes, name: str) -> None:
    assert [row.text for row in read_bytes(MISNAMED[name], name) if isinstance(row, Article)] == [
        "أول",
        "ثان",
    ]


@pytest.mark.parametrize("name", MISNAMED)
def test_format_of_standard_input_is_detected(name: str) -> None:
    rows = list(read(["-"], sections=SECTIONS, stdin=io.BytesIO(MISNAMED[name])))
    assert [(row.source, row.text) for row in rows if isinstance(row, Article)] == [
        ("stdin", "أول"),
        ("stdin", "ثان"),
    ]


@pytest.mark.parametrize(
    "content", [b"", b" \n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\0", gzip.compress(b"", mtime=0)]
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.html", "a.parquet"])
def test_empty_file_is_refused(read_bytes: ReadBytes, content: bytes, name: str) -> None:
    assert reasons(read_bytes(content, name)) == ["empty_file"]


def test_reading_is_lazy() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return LINES * 100

    rows = read(["-"], sections=(), stdin=Endless())  # type: ignore[arg-type]
    assert [next(rows).source for _ in range(5)] == ["stdin"] * 5


PREFIXES = [
    b"",
    b"\x1f\x8b\x08\0",
    b"PK\x03\x04",
    b"PAR1",
    b"[{",
    b'{"text":',
    b"<DOC>\n",
    b"<html>",
    b"id,text\n",
    b"\xff\xfe",
]


@given(
    st.sampled_from(PREFIXES),
    st.binary(max_size=200) | st.text(max_size=100).map(lambda s: s.encode("utf-8")),
)
def test_random_bytes_never_raise_and_rows_can_be_encoded(prefix: bytes, content: bytes) -> None:
    limits = Limits(max_line_bytes=100, max_field_chars=50)
    rows = list(read(["-"], sections=SECTIONS, limits=limits, stdin=io.BytesIO(prefix + content)))
    repr(rows).encode()
    for row in rows:
        row.source.encode()


@pytest.mark.integration
def test_heavy_libraries_are_imported_only_when_needed() -> None:
    code = (
        "import sys, newsdesk.base.schema; before = set(sys.modules); import newsdesk.readers;"
        "heavy = {'trafilatura', 'pandas', 'pyarrow.parquet', 'pyarrow.compute'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
