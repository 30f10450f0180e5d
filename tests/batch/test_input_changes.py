"""Inputs that can't be read for a moment, change, or are touched: read again, refused, or taken as they are."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch import local
from newsdesk.batch.manifest import MANIFEST
from newsdesk.batch.part_writer import WORK
from tests.batch.test_job import stop_at_the_end
from tests.jobs import (
    N_ARTICLES,
    PARQUET_ROWS,
    PART_ROWS,
    arguments,
    check_same_files,
    check_same_rows,
    manifest_of,
    predict,
)


@pytest.fixture
def corpus(job_corpus: Path, tmp_path: Path) -> Path:
    """The corpus, with a link in the place of a file."""
    folder = tmp_path / "in"
    shutil.copytree(job_corpus, folder)
    (folder / "b.jsonl").rename(folder / ".b.jsonl")
    (folder / "b.jsonl").symlink_to(".b.jsonl")
    return folder


@pytest.fixture
def undisturbed(corpus: Path, tmp_path: Path) -> Path:
    assert predict(*arguments(corpus, tmp_path / "undisturbed")) == 0
    return tmp_path / "undisturbed"


def hide(corpus: Path) -> None:
    (corpus / ".b.jsonl").rename(corpus.parent / "away")


def show(corpus: Path) -> None:
    (corpus.parent / "away").rename(corpus / ".b.jsonl")


def test_a_file_that_was_missing_for_a_moment_is_read_when_the_job_is_resumed(
    corpus: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    hide(corpus)
    assert predict(*arguments(corpus, folder, "--max-refused", "0")) == 3
    assert manifest_of(folder)["rows"]["refused_by_reason"] == {"empty_file": 1, "missing_file": 1}
    assert predict(*arguments(corpus, folder, "--resume", "--max-refused", "2")) == 0
    assert "is done already" in capsys.readouterr().err, "it is still missing"
    show(corpus)
    with pytest.raises(NewsdeskError, match=r"holds a job with inputs .* only now; add --resume"):
        predict(*arguments(corpus, folder))
    assert (folder / MANIFEST).exists()
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    check_same_files(folder, undisturbed)
    assert manifest_of(folder)["rows"]["scored"] == N_ARTICLES


def test_parts_before_an_input_that_is_read_again_are_kept(
    corpus: Path, undisturbed: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "out"
    hide(corpus)
    stop_at_the_end(corpus, folder, monkeypatch)
    show(corpus)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    n_kept = PARQUET_ROWS // PART_ROWS
    assert f"resumed with {n_kept} parts done" in capsys.readouterr().err
    kept = [path.name for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert sorted(kept) == [f"part-{k:05d}.parquet" for k in range(n_kept)]
    check_same_files(folder, undisturbed)


def test_a_file_of_which_no_row_was_kept_may_change(
    corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file that was still being copied; no row of its old content is among the labels."""
    folder = tmp_path / "out"
    whole = (corpus / "a.parquet").read_bytes()
    (corpus / "a.parquet").write_bytes(whole[:-100])
    stop_at_the_end(corpus, folder, monkeypatch)
    (corpus / "a.parquet").write_bytes(whole)
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    check_same_files(folder, undisturbed)
    (corpus / "d.csv").write_text("id,text\n", encoding="utf-8")
    with pytest.raises(NewsdeskError, match=r"the input .*d\.csv has changed; restore it, or name a new"):
        predict(*arguments(corpus, folder, "--resume"))


def test_a_folder_that_was_missing_is_read_file_by_file(job_corpus: Path, tmp_path: Path) -> None:
    corpus, folder = tmp_path / "in", tmp_path / "out"
    corpus.mkdir()
    shutil.copy(job_corpus / "d.csv", corpus / "a.csv")
    shutil.copytree(job_corpus, corpus / ".days")
    (corpus / "news").symlink_to(".missing")
    assert predict(*arguments(corpus, folder)) == 0
    (corpus / "news").unlink()
    (corpus / ".days").rename(corpus / "news")
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    assert predict(*arguments(corpus, tmp_path / "undisturbed")) == 0
    check_same_files(folder, tmp_path / "undisturbed")


@pytest.mark.integration
def test_workers_read_a_missing_file_when_the_job_is_resumed(
    corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    whole = (corpus / "a.parquet").read_bytes()
    (corpus / "a.parquet").write_bytes(whole[:-100])
    hide(corpus)
    assert predict(*arguments(corpus, folder, "--workers", "2")) == 0
    (corpus / "a.parquet").write_bytes(whole)
    show(corpus)
    assert predict(*arguments(corpus, folder, "--workers", "2", "--resume")) == 0
    check_same_rows(folder, undisturbed)


def test_a_file_that_fails_while_it_is_read_stops_the_job(
    corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was hashed, so it is not refused: its rows would be missing from a finished job."""
    folder = tmp_path / "out"
    open_path = Path.open
    n_opened = 0

    def fail_at_the_second(path: Path, *given: Any, **more: Any) -> Any:
        nonlocal n_opened
        n_opened += path.suffix == ".csv"
        if path.suffix == ".csv" and n_opened > 1:  # the first is for the hash
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return open_path(path, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail_at_the_second)
        with pytest.raises(
            NewsdeskError, match=r"d\.csv: Stale file handle; mend it and run again with --res"
        ):
            predict(*arguments(corpus, folder))
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    check_same_files(folder, undisturbed)


def after_parts(monkeypatch: pytest.MonkeyPatch, n: int, act: Any) -> None:
    """Do something to the inputs while part `n` is written."""
    write_part = local.write_part

    def write_and_act(folder: Path, number: int, *given: Any, **options: Any) -> Any:
        if number == n:
            act()
        return write_part(folder, number, *given, **options)

    monkeypatch.setattr(local, "write_part", write_and_act)


def test_a_file_that_is_only_touched_is_the_same(
    corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_parts(monkeypatch, 3, lambda: os.utime(corpus / "a.parquet", (1, 1)))
    assert predict(*arguments(corpus, tmp_path / "out")) == 0
    check_same_files(tmp_path / "out", undisturbed)


def test_a_change_is_noticed_at_the_end_of_its_part(
    corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = tmp_path / "out", corpus / "d.csv"
    content = file.read_bytes()
    with monkeypatch.context() as patched:
        after_parts(patched, 17, lambda: file.write_bytes(content[:-1] + b"x\n"))
        with pytest.raises(
            NewsdeskError, match=r"the input .*d\.csv changed while it was read; mend it and run again with"
        ):
            predict(*arguments(corpus, folder))
    assert len(list((folder / WORK).glob("part-*.json"))) == 17, "no part holds rows of the changed file"
    with pytest.raises(NewsdeskError, match=r"can't be resumed: the input .*d\.csv has changed"):
        predict(*arguments(corpus, folder, "--resume"))
    file.write_bytes(content)
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    check_same_files(folder, undisturbed)


@pytest.mark.parametrize("names", [("a\x01.jsonl", "a\x02.jsonl"), (b"\xfe.jsonl", b"\xff.jsonl")])
def test_names_that_print_alike_are_told_apart(
    names: tuple[Any, Any], job_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, folder = tmp_path / "in", tmp_path / "out"
    corpus.mkdir()
    files = [corpus / os.fsdecode(name) for name in names]
    lines = (job_corpus / "b.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    files[0].write_text("".join(lines[:5]), encoding="utf-8")
    files[1].write_text("".join(lines[5:10]), encoding="utf-8")
    stop_at_the_end(corpus, folder, monkeypatch)
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content.replace(b'"id": "', b'"id": "other-'))
        with pytest.raises(NewsdeskError, match=r"can't be resumed: the input .*\.jsonl has changed"):
            predict(*arguments(corpus, folder, "--resume"))
        file.write_bytes(content)
    files[0].rename(corpus / "renamed.jsonl")
    with pytest.raises(NewsdeskError, match=r"the input .*\.jsonl is not there any more"):
        predict(*arguments(corpus, folder, "--resume"))
    (corpus / "renamed.jsonl").rename(files[0])
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    inputs = manifest_of(folder)["inputs"]
    assert len({row["file"] for row in inputs}) == 1
    assert len({row["percent_encoded"] for row in inputs}) == 2
