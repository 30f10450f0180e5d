"""zip and tar: unsafe names, decompression bombs, and archives that cannot be unpacked."""

import gzip
import io
import json
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits, read

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
    limits = Limits(max_unpacked_bytes=2 * len(line("خبر 1").encode()), max_growth=0)
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


def test_too_many_nested_archives_are_refused(read_bytes: ReadBytes) -> None:
    content = line().encode()
    for reason in ("ok", "ok", "ok", "bad_archive"):
        content = gzip.compress(content)
        assert reasons(read_bytes(content)) == [reason]


def tarred(members: dict[str, bytes], mode: str = "w", **options: int) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode, **options) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def _parquet(content: bytes) -> bytes:
    sink = io.BytesIO()
    texts = [json.loads(each)["text"] for each in content.splitlines()]
    pq.write_table(pa.table({"text": texts}), sink, compression="zstd")
    return sink.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zip": lambda content: packed({"news.jsonl": content}),
    "tar": lambda content: tarred({"news.jsonl": content}),
    "gzip": gzip.compress,
    "tar.gz": lambda content: tarred({"news.jsonl": content}, "w:gz"),
    "parquet": _parquet,
}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_large_file_unpacks_in_proportion_to_its_size(read_bytes: ReadBytes, kind: str) -> None:
    """Ten million articles in a table are more than a fixed limit on bytes; a bomb is told by its growth."""
    limits = Limits(max_unpacked_bytes=2**16)
    rng = random.Random(0)
    letters = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
    texts = ["".join(rng.choices(letters, k=200)) for _ in range(500)]
    large = PACKERS[kind]("\n".join(line(text) for text in texts).encode())
    assert reasons(read_bytes(large, "news", limits)) == ["ok"] * 500
    rows = read(["-"], sections=(), limits=limits, stdin=io.BytesIO(large))
    assert reasons(list(rows)) == ["ok"] * 500
    if kind != "tar":  # which packs nothing
        bomb = PACKERS[kind](line("خبر " * 100_000).encode())
        assert reasons(read_bytes(bomb, "news", limits))[-1] == "zip_bomb"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_a_tar_are_read_in_order_and_named(read_bytes: ReadBytes, mode: str, form: int) -> None:
    long_name = "ملف" * 20 + "/c.jsonl"
    members = {
        "d/b.jsonl": f"{line('ب')}\nx".encode(),
        ".hidden": b"x",
        "a.jsonl.gz": gzip.compress(line("أ").encode()),
        "e.jsonl": b"",
        long_name: line("ج").encode(),
    }
    rows = read_bytes(tarred(members, mode, format=form), "news.data")
    assert reasons(rows) == ["ok", "bad_record", "ok", "empty_file", "ok"]
    assert [row.text for row in rows if isinstance(row, Article)] == ["ب", "أ", "ج"]
    assert (rows[1].file, rows[1].position) == ("news.data/d/b.jsonl", 2)
    assert rows[4].file == f"news.data/{long_name}"


def test_a_tar_without_magic_is_known_by_its_checksum(read_bytes: ReadBytes) -> None:
    content = bytearray(tarred({"a.jsonl": line().encode()}, format=tarfile.USTAR_FORMAT))
    content[257:265] = bytes(8)
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    assert reasons(read_bytes(bytes(content), "news.tar")) == ["ok"]


def test_links_devices_and_unsafe_names_of_a_tar_are_refused(read_bytes: ReadBytes) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, kind in [("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("d", tarfile.CHRTYPE)]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    rows = read_bytes(sink.getvalue(), "news.tar")
    assert reasons(rows) == ["unsafe_path", "unsafe_path", "bad_archive"]
    rows = read_bytes(tarred({"../x": line().encode(), "/y": b"", "a.jsonl": line().encode()}), "news.tar")
    assert reasons(rows) == ["unsafe_path", "unsafe_path", "ok"]


def test_truncated_corrupt_and_empty_tars(read_bytes: ReadBytes) -> None:
    whole = tarred({"a.jsonl": (line() + "\n").encode() * 50, "b.jsonl": line().encode()})
    assert reasons(read_bytes(whole[:2000], "news.tar"))[-1] == "truncated"
    assert reasons(read_bytes(whole[:700], "news.tar"))[-1] == "truncated"
    corrupt = bytearray(whole)
    at = whole.index(b"b.jsonl")
    corrupt[at : at + 200] = b"x" * 200
    assert reasons(read_bytes(bytes(corrupt), "news.tar")) == ["ok"] * 50 + ["bad_archive"]
    for end in (b"", whole[:512]):  # at the end of a member, and within a header
        cut = whole[: whole.index(b"b.jsonl")] + end[:300]
        assert reasons(read_bytes(cut, "news.tar")) == ["ok"] * 50 + ["truncated"]


def test_tars_in_a_row_are_all_read(read_bytes: ReadBytes) -> None:
    content = tarred({"a.jsonl": line("أ").encode()}) + tarred({"b.jsonl": line("ب").encode()})
    assert [row.text for row in read_bytes(content, "news.tar")] == ["أ", "ب"]  # type: ignore[union-attr]


def test_tar_bombs_are_stopped(read_bytes: ReadBytes) -> None:
    rows = read_bytes(gzip.compress(tarred({"a.jsonl": b" " * 40_000_000})), "news.tgz")
    assert reasons(rows) == ["zip_bomb", "zip_bomb"]  # the member, and what follows it
    info = tarfile.TarInfo("x" * 3_000_000)  # a header that tarfile would hold in memory
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(info)
    (refusal,) = read_bytes(sink.getvalue(), "news.tar")
    assert isinstance(refusal, Refusal)
    assert refusal.detail == "a header of the archive is too long"


def test_tars_within_each_other_are_limited(read_bytes: ReadBytes) -> None:
    content = line().encode()
    for reason in ("ok", "ok", "ok", "bad_archive", "bad_archive"):
        content = tarred({"a": content})
        assert reasons(read_bytes(content, "news.tar")) == [reason]
