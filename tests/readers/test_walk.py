"""Folders: order, skipped names, links, and paths that cannot be opened."""

import os
from pathlib import Path

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import read

from .conftest import Rows, line, reasons


def rows_of(*inputs: Path | str) -> Rows:
    return list(read(inputs, sections=()))


def write(path: Path, text: str = "نص") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line(text, id=path.name), encoding="utf-8")
    return path


def test_folder_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for name in (
        "b.jsonl",
        "a/z.jsonl",
        "a.jsonl",
        "x.jsonl/inner.jsonl",
        ".hidden.jsonl",
        ".git/c.jsonl",
        "b.dvc",
    ):
        write(tmp_path / "desk" / name)
    rows = rows_of(tmp_path / "desk")
    assert [row.article_id for row in rows] == ["z.jsonl", "a.jsonl", "b.jsonl", "inner.jsonl"]
    assert {row.source for row in rows} == {"desk"}


def test_refusals_name_the_file_relative_to_the_input(tmp_path: Path) -> None:
    (tmp_path / "desk" / "a").mkdir(parents=True)
    (tmp_path / "desk" / "a" / "empty.jsonl").touch()
    assert rows_of(tmp_path / "desk") == [
        Refusal("desk", "a/empty.jsonl", 0, "empty_file", "the file is empty")
    ]
    assert [row.file for row in rows_of(tmp_path / "desk/a/empty.jsonl") if isinstance(row, Refusal)] == [
        "empty.jsonl"
    ]


def test_source_of_a_file_is_its_parent_folder(tmp_path: Path) -> None:
    (article,) = rows_of(str(write(tmp_path / "alwadi" / "a.jsonl")))
    assert article.source == "alwadi"


def test_missing_input_does_not_stop_the_next(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "gone", write(tmp_path / "a.jsonl"), "bad\0name")
    assert reasons(rows) == ["missing_file", "ok", "unreadable_file"]
    assert (rows[0].file, rows[0].detail) == ("gone", "gone does not exist")  # type: ignore[union-attr]
    assert str(tmp_path) not in repr(rows[0])


def test_links(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.jsonl")
    desk = tmp_path / "desk"
    write(desk / "real" / "a.jsonl")
    for name, target in {
        "l1": outside,
        "l2": desk / "real" / "a.jsonl",
        "l3": desk,
        "l4": desk / "gone",
        "l5": desk / "l5",
        "l6": tmp_path,
    }.items():
        (desk / name).symlink_to(target)
    rows = rows_of(desk)
    assert [(row.file, row.reason) for row in rows if isinstance(row, Refusal)] == [
        ("l1", "unsafe_path"),
        ("l3", "unsafe_path"),
        ("l4", "missing_file"),
        ("l5", "unreadable_file"),
        ("l6", "unsafe_path"),
    ]
    assert sum(isinstance(row, Article) for row in rows) == 2
    assert reasons(rows_of(desk / "l1")) == ["ok"]  # the user named it


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    expected = "pipe is neither a file nor a folder"
    for given in (tmp_path, tmp_path / "pipe"):
        (refusal,) = rows_of(given)
        assert isinstance(refusal, Refusal)
        assert (refusal.reason, refusal.detail) == ("unreadable_file", expected)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "desk" / "a.jsonl").chmod(0)
    write(tmp_path / "desk" / "b" / "c.jsonl").parent.chmod(0)
    rows = rows_of(tmp_path / "desk")
    (tmp_path / "desk" / "b").chmod(0o700)
    assert reasons(rows) == ["unreadable_file", "unreadable_file"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_file_that_fails_while_reading_is_refused() -> None:
    (refusal,) = rows_of("/proc/self/mem")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.detail) == ("unreadable_file", "Input/output error")


def test_names_that_are_not_utf8_can_be_recorded(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.jsonl")).touch()
    (refusal,) = rows_of(tmp_path)
    assert refusal.file == "\ufffd\ufffd.jsonl"  # type: ignore[union-attr]
