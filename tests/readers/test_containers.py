"""gzip and zip: unsafe names, decompression bombs, and archives that cannot be unpacked."""

import gzip
import io
import stat
import zipfile

import pytest

from newsdesk.base.schema import Refusal
from newsdesk.readers import Limits
from newsdesk.readers.containers import UnpackedSize, unpack_gzip
from newsdesk.readers.refusals import RefusalError

from .conftest import ReadBytes, line, reasons


def packed(members: dict[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content, compress_type=method)
    return sink.getvalue()


def test_members_are_read_in_order_and_named(read_bytes: ReadBytes) -> None:
    inner = packed({"b.jsonl": line("داخلي").encode()})
    members = {
        "d/b.jsonl": f"{line()}\nx".encode(),
        ".hidden": b"x",
        "a.dvc": b"x",
        "__MACOSX/._b": b"x",
        "a.zip": inner,
    }
    rows = read_bytes(packed(members), "news.zip")
    assert reasons(rows) == ["ok", "bad_record", "ok"]
    assert isinstance(rows[1], Refusal)
    assert (rows[1].file, rows[1].position) == ("news.zip/d/b.jsonl", 2)


@pytest.mark.parametrize(
    "name", ["../x.jsonl", "a/../../x", "/etc/x", "a\\..\\x", "C:/x", "c:x", "..", "\\\\host\\x"]
)
def test_unsafe_names_are_refused(read_bytes: ReadBytes, name: str) -> None:
    rows = read_bytes(packed({name: line().encode(), "good.jsonl": line().encode()}), "news.zip")
    assert reasons(rows) == ["unsafe_path", "ok"]
    assert rows[0].file == f"news.zip/{name}"  # type: ignore[union-attr]


def test_link_is_refused(read_bytes: ReadBytes) -> None:
    link = zipfile.ZipInfo("link.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert reasons(read_bytes(packed({link: b"/etc/passwd"}), "news.zip")) == ["unsafe_path"]


def test_zip_bomb_is_stopped_while_unpacking(read_bytes: ReadBytes) -> None:
    content = packed({"bomb.jsonl": b" " * 40_000_000, "good.jsonl": line().encode()})
    rows = read_bytes(content, "news.zip")
    assert reasons(rows) == ["zip_bomb", "ok"]
    assert rows[0].detail == "unpacks to more than 200 times its size"  # type: ignore[union-attr]


def test_zip_bomb_with_a_wrong_size_in_its_header(read_bytes: ReadBytes) -> None:
    size = 40_000_000
    content = packed({"bomb.jsonl": b"\n" * size}).replace(
        size.to_bytes(4, "little"), (10).to_bytes(4, "little")
    )
    (refusal,) = read_bytes(content, "news.zip")
    assert refusal.reason in {"bad_archive", "zip_bomb", "empty_file"}  # type: ignore[union-attr]


def test_members_share_the_size_limit(read_bytes: ReadBytes) -> None:
    content = packed({f"{n}.jsonl": line(f"خبر {n}").encode() for n in range(4)})
    limits = Limits(max_unpacked_bytes=2 * len(line("خبر 1").encode()))
    assert reasons(read_bytes(content, "news.zip", limits)) == ["ok", "ok", "zip_bomb", "zip_bomb"]


def test_encrypted_members_and_rare_methods_are_refused(read_bytes: ReadBytes) -> None:
    content = bytearray(packed({"a.jsonl": line().encode()}))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + at] |= 1
    assert read_bytes(bytes(content), "news.zip")[0].detail == "the member is encrypted"  # type: ignore[union-attr]
    rows = read_bytes(packed({"a.jsonl": line().encode()}, zipfile.ZIP_LZMA), "news.zip")
    assert rows[0].detail == "compression method 14 is not supported, use deflate"  # type: ignore[union-attr]


def test_corrupt_truncated_and_empty_zips(read_bytes: ReadBytes) -> None:
    whole = packed({"a.jsonl": (line() + "\n").encode() * 50})
    assert reasons(read_bytes(whole[:-30], "news.zip")) == ["bad_archive"]
    assert reasons(read_bytes(packed({}), "news.zip")) == ["empty_file"]
    corrupt = bytearray(whole)
    corrupt[60] ^= 0xFF
    assert reasons(read_bytes(bytes(corrupt), "news.zip"))[-1] == "bad_archive"


def test_gzip_of_several_members_and_zero_padding() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(512)
    assert b"".join(unpack_gzip([packed[:9], packed[9:]], UnpackedSize(Limits()))) == b"one two"


def test_rows_of_a_truncated_gzip_are_kept(read_bytes: ReadBytes) -> None:
    content = "".join(
        line(f"الخبر رقم {n}: افتتاح مدرسة في الحي {n * 7919 % 1000}") + "\n" for n in range(2000)
    )
    rows = read_bytes(gzip.compress(content.encode())[:-2000], "news.jsonl.gz")
    *kept, last = reasons(rows)
    assert len(kept) > 500
    assert set(kept) == {"ok"}
    assert last == "truncated"
    assert rows[-1].position == 0  # type: ignore[union-attr]


def test_corrupt_gzip_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(b"\x1f\x8b\x08" + b"\xff" * 40, "news.gz")) == ["bad_archive"]


def test_gzip_header_alone_is_truncated_not_empty(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(gzip.compress(b"x")[:10], "news.gz")) == ["truncated"]


def test_gzip_bomb_is_stopped_by_its_ratio(read_bytes: ReadBytes) -> None:
    bomb = gzip.compress(b" " * 40_000_000)
    (refusal,) = read_bytes(bomb, "news.jsonl.gz")
    assert refusal.reason == "zip_bomb"  # type: ignore[union-attr]
    assert refusal.detail == "unpacks to more than 200 times its size"  # type: ignore[union-attr]


def test_nested_gzip_bomb_is_stopped_by_its_size() -> None:
    inner = gzip.compress(bytes(range(256)) * 40)
    size = UnpackedSize(Limits(max_unpacked_bytes=10_000))
    with pytest.raises(RefusalError, match="more than 10000 bytes") as caught:
        list(unpack_gzip(unpack_gzip([gzip.compress(inner)], size), size))
    assert caught.value.reason == "zip_bomb"


def test_too_many_nested_archives_are_refused(read_bytes: ReadBytes) -> None:
    content = line().encode()
    assert reasons(read_bytes(gzip.compress(gzip.compress(content)))) == ["ok"]
    assert reasons(read_bytes(gzip.compress(gzip.compress(gzip.compress(content))))) == ["bad_archive"]
