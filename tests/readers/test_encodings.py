"""Encodings are detected by content; refusals name the byte."""

import codecs

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.encodings import detect_encoding
from newsdesk.readers.refusals import RefusalError

from .conftest import ReadBytes, line, reasons

SENTENCE = "قالت بلدية المدينة إن أعمال الصيانة تنتهي «الأحد»، وإن الطريق سيُفتح مساءً."


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(line(SENTENCE).encode(), id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + line(SENTENCE).encode(), id="utf-8 with mark"),
        pytest.param(line(SENTENCE).encode("utf-16"), id="utf-16 little-endian"),
        pytest.param(codecs.BOM_UTF16_BE + line(SENTENCE).encode("utf-16-be"), id="utf-16 big-endian"),
        pytest.param(line(SENTENCE).encode("cp1256"), id="windows-1256"),
        pytest.param(line(SENTENCE).encode().replace(b" ", b" \0"), id="NULs"),
        pytest.param(b"\r\n" + line(SENTENCE).encode() + b"\r\n", id="CRLF"),
    ],
)
def test_every_encoding_gives_the_same_text(read_bytes: ReadBytes, content: bytes) -> None:
    (article,) = read_bytes(content)
    assert isinstance(article, Article)
    assert article.text == SENTENCE


def test_broken_utf8_is_not_taken_for_windows_1256(read_bytes: ReadBytes) -> None:
    """Its bytes decode to Arabic letters as cp1256 too: «ط§ظ„»."""
    whole = line(SENTENCE).encode()
    at = whole.index("البلدية"[:2].encode()) + 1 if "البلدية" in SENTENCE else whole.index(b"\xd9") + 1
    broken = whole[:at] + b"\xff" + whole[at + 1 :]
    (refusal,) = read_bytes(broken)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "bad_encoding"
    assert refusal.detail == f"byte {at - 1} is not valid UTF-8"


def test_byte_of_a_bad_line_counts_from_the_start_of_the_file(
    read_bytes: ReadBytes,
) -> None:
    first, bad, last = line(SENTENCE).encode(), b'{"text": "\xff"}', line("خبر آخر").encode()
    rows = read_bytes(codecs.BOM_UTF8 + b"\r\n".join([first, bad, last]))
    assert reasons(rows) == ["ok", "bad_encoding", "ok"]
    assert isinstance(rows[1], Refusal)
    assert rows[1].position == 2
    assert rows[1].detail == f"byte {3 + len(first) + 2 + 10} is not valid UTF-8"


def test_other_code_pages_are_refused_as_a_whole(read_bytes: ReadBytes) -> None:
    rows = read_bytes("Министр открыл новый мост через реку".encode("cp1251"), "news.txt")
    assert [(row.reason, row.position, row.detail) for row in rows if isinstance(row, Refusal)] == [
        ("bad_encoding", 0, "byte 0 is neither UTF-8 nor Windows-1256")
    ]


def test_french_in_latin_1_is_not_taken_for_windows_1256(read_bytes: ReadBytes) -> None:
    rows = read_bytes("Le ministère a été inauguré à l'hôtel où il siégeait".encode("latin-1"), "news.txt")
    assert reasons(rows) == ["bad_encoding"]


def test_utf16_that_ends_within_a_character_names_the_byte(read_bytes: ReadBytes) -> None:
    rows = read_bytes((line(SENTENCE) + "\n").encode("utf-16") + b"\x06")
    assert reasons(rows) == ["ok", "bad_encoding"]
    size = len((line(SENTENCE) + "\n").encode("utf-16"))
    assert rows[1].detail == f"byte {size} is not valid UTF-16"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(64), "نص".encode("utf-16-le") * 20]
)
def test_binary_data_is_of_unknown_format(content: bytes) -> None:
    with pytest.raises(RefusalError, match="binary data") as caught:
        detect_encoding(content, complete=True)
    assert caught.value.reason == "unknown_format"


def test_head_may_end_within_a_character() -> None:
    assert detect_encoding("خبر".encode()[:-1], complete=False) == "utf-8"
