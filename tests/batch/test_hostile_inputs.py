"""Faults of inputs and disks in a job: each has its exit code and its account, and loses no other row."""

import gzip
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch import local
from newsdesk.batch.manifest import DRIFT, MANIFEST, QUARANTINE
from newsdesk.cli.label.job import parse_limit
from tests.jobs import check_same_files, last_line, manifest_of, predict, start

ARTICLE = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
parameter = click.Option(["--max-refused"])
context = click.Context(click.Command("predict"))


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def quarantined(folder: Path) -> list[tuple[str, int, str]]:
    rows = [json.loads(line) for line in (folder / QUARANTINE).open(encoding="utf-8")]
    return [(Path(row["file"]).name, row["position"], row["reason"]) for row in rows]


def left(folder: Path) -> list[str]:
    """The files that are neither a part nor an account."""
    kept = (MANIFEST, QUARANTINE, DRIFT)
    return [p.name for p in folder.iterdir() if p.name not in kept and not p.name.startswith("part-")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good rows in every file, and a fault in each."""
    path = tmp_path_factory.mktemp("hostile") / "in"
    path.mkdir()
    good = [{"id": f"g{k}", "text": ARTICLE} for k in range(12)]
    pd.DataFrame(good[:4]).to_parquet(path / "a.parquet")
    whole = (path / "a.parquet").read_bytes()
    (path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    (path / "c.jsonl.gz").write_bytes(gzip.compress(lines(*good[4:8]), mtime=0)[:-9])
    pq.write_table(pa.table({"id": [1, 2], "body": [ARTICLE, ARTICLE]}), path / "d.parquet")
    pq.write_table(pa.table({"id": [3], "text": [7]}), path / "e.parquet")
    pq.write_table(pa.table({"headline": [ARTICLE]}), path / "f.parquet")
    (path / "g.csv").write_text(f"id,text\nh1,{ARTICLE}\nh2,{ARTICLE},more\nh3,{ARTICLE}\n", encoding="utf-8")
    (path / "g.jsonl").write_bytes(lines({"id": "g0", "text": ARTICLE}))  # the stem again, and an id
    (path / "loop").symlink_to("loop")
    (path / "memory.csv").symlink_to("/proc/self/mem")
    return path


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="local"),
        pytest.param(["--workers", "2"], id="workers", marks=pytest.mark.integration),
    ],
)
def test_broken_files_are_accounted_for(
    more: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert predict("predict", str(folder), "--output", f"{out}/", "--chunk-rows", "3", *more) == 0
    manifest, err = manifest_of(out), capsys.readouterr().err
    ids = [i for part in sorted(out.glob("part-*")) for i in pq.read_table(part)["article_id"].to_pylist()]
    assert ids == [*(f"g{k}" for k in range(8)), "1", "2", "h1", "h3", "g0"]
    assert quarantined(out) == [
        ("b.parquet", 0, "truncated"),
        ("c.jsonl.gz", 0, "truncated"),
        ("e.parquet", 1, "bad_record"),
        ("f.parquet", 0, "missing_column"),
        ("g.csv", 2, "bad_record"),
        ("loop", 0, "unreadable_file"),
        ("memory.csv", 0, "unsafe_path"),
    ]
    assert manifest["rows"]["read"] == 20
    assert manifest["duplicate_ids"] == {"rows": 1, "ids": 1, "first": {"g0": 2}}
    assert "warning: 1 rows have an article_id that came before, all kept: g0" in err
    assert left(out) == []


@pytest.mark.parametrize(
    ("given", "exceeded"),
    [("35%", True), ("50%", False), ("6", True), ("7", False), ("0", True), ("100%", False)],
)
def test_a_limit_counts_rows_or_is_a_share_of_rows_and_files(given: str, exceeded: bool) -> None:
    limit = parse_limit(context, parameter, given)
    assert limit is not None
    assert limit.is_exceeded(refused=7, read=20, broken=5, files=10) == exceeded


@pytest.mark.parametrize("given", ["-1", "1.5", "101%", "few", "nan", "inf%"])
def test_an_invalid_limit_is_an_error(given: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a number of rows or a share such as 1%"):
        parse_limit(context, parameter, given)


def test_too_many_refused_rows_exit_with_3(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for output in (f"{tmp_path}/out/", f"{tmp_path}/out/", f"{tmp_path}/out.jsonl"):
        given = ["predict", str(folder), "--output", output, "--max-refused"]
        assert predict(*given, "35%") == 3, "also for a finished job"
        last = capsys.readouterr().err.splitlines()[-1]
        for part in ("7 of 20 rows refused (35 %)", "5 of 10 files broken", "--max-refused 35%"):
            assert part in last
    assert predict("predict", str(folder), "--output", f"{tmp_path}/out/", "--max-refused", "7") == 0
    assert (tmp_path / "out.jsonl").exists(), "after all is written"
    assert manifest_of(tmp_path / "out")["rows"]["scored"] == 13


def test_hostile_rows_cost_no_other(tmp_path: Path) -> None:
    """One row in ten is hostile; a text of 50 MB is among them."""
    rng = random.Random(0)
    odd = [
        {"id": "nul", "text": ARTICLE + "\0"},
        {"id": "surrogate", "text": ARTICLE + "\ud800", "title": "\udfff"},
        {"id": "large", "text": "ا" * 25_000_000},
        {"id": "type", "text": 7},
        {"id": ["list"], "text": ARTICLE},
        {"id": "nested", "text": {"ar": [ARTICLE]}},
        ["no object"],
        {"id": "none", "title": "x"},
    ]
    rows = [{"id": str(k), "text": f"{ARTICLE} {k}"} for k in range(72)]
    for row in odd:
        rows.insert(rng.randrange(len(rows)), row)  # type: ignore[arg-type]
    (tmp_path / "in.jsonl").write_bytes(lines(*rows))
    out = tmp_path / "out"
    assert predict("predict", str(tmp_path / "in.jsonl"), "--output", f"{out}/", "--chunk-rows", "9") == 0
    ids = [i for part in sorted(out.glob("part-*")) for i in pq.read_table(part)["article_id"].to_pylist()]
    kept = [row["id"] for row in rows if isinstance(row, dict) and isinstance(row["id"], str)]
    assert ids == [i for i in kept if i not in {"large", "type", "nested", "none"}]
    assert manifest_of(out)["rows"]["refused_by_reason"] == {
        "bad_record": 4,
        "field_too_large": 1,
        "missing_column": 1,
    }
    assert left(out) == []


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_line_of_nuls_is_counted(form: str, tmp_path: Path) -> None:
    """As a disk leaves it that lost power; a blank line is no record."""
    rows = [lines({"id": "1", "text": ARTICLE}), lines({"id": "2", "text": ARTICLE})]
    if form == "csv":
        rows = [f"id,text\n1,{ARTICLE}\n".encode(), f"2,{ARTICLE}\n".encode()]
    (tmp_path / f"in.{form}").write_bytes(rows[0] + bytes(9) + b"\n\n" + rows[1])
    out = tmp_path / "out"
    assert predict("predict", str(tmp_path / f"in.{form}"), "--output", f"{out}/") == 0
    rows_of = manifest_of(out)["rows"]
    assert (rows_of["read"], rows_of["scored"], rows_of["refused"]) == (3, 2, 1)
    [entry] = manifest_of(out)["account"]["files"].values()
    assert entry["lines"] == (4 if form == "jsonl" else 5)
    assert quarantined(out)[0][1:2] == (2,)


def test_an_input_without_articles_is_an_error_with_an_account(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for _ in range(2):
        with pytest.raises(NewsdeskError, match="no article could be read from the input"):
            predict("predict", str(tmp_path / "in"), "--output", f"{tmp_path}/out/")
        assert manifest_of(tmp_path / "out")["rows"]["read"] == 0
    with pytest.raises(NewsdeskError, match=r"none\*\.csv: nothing matches"):
        predict("predict", str(tmp_path / "none*.csv"), "--output", f"{tmp_path}/out/")


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A disk of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a tmpfs can't be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def news(tmp_path: Path) -> Path:
    path = tmp_path / "news.jsonl"
    path.write_bytes(lines(*({"id": str(k), "text": f"{ARTICLE} {k}"} for k in range(100))))
    return path


@pytest.mark.integration
def test_a_full_disk_is_one_line_and_the_job_resumes(news: Path, small_disk: Path, tmp_path: Path) -> None:
    given = ["predict", str(news), "--chunk-rows", "10", "--format", "jsonl", "--scored-at", "2026-01-01"]
    whole, out = tmp_path / "whole", small_disk / "out"
    assert predict(*given, "--output", f"{whole}/") == 0
    filler = small_disk / "filler"
    filler.write_bytes(bytes(330_000))
    process = start(*given, "--output", f"{out}/")
    _, err = process.communicate()
    message = f"newsdesk: {out}: No space left on device; remove the cause, then run again with --resume"
    assert (process.returncode, last_line(err)) == (2, message)
    assert 0 < len(list(out.glob("part-*.jsonl"))) < 10
    assert not list(out.rglob("*.part")), "no temporary file is left"
    filler.unlink()
    assert predict(*given, "--output", f"{out}/", "--resume") == 0
    check_same_files(out, whole)


@pytest.mark.integration
def test_a_limit_of_file_size_is_one_line_and_the_job_resumes(news: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ["predict", str(news), "--chunk-rows", "50", "--format", "jsonl", "--output", f"{out}/"]
    process = start(*given, max_file_bytes=20_000)
    _, err = process.communicate()
    assert process.returncode == 2
    assert last_line(err).endswith("File too large; remove the cause, then run again with --resume")
    assert not list(out.rglob("*.part"))
    assert predict(*given, "--resume") == 0
    assert manifest_of(out)["rows"]["scored"] == 100


def test_a_file_without_read_permission_is_refused(news: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed.jsonl"
    closed.write_bytes(lines({"id": "x", "text": ARTICLE}))
    closed.chmod(0)
    if os.access(closed, os.R_OK):  # root may read all files, but not unmapped memory
        closed = Path("/proc/self/mem")
    if not closed.exists():
        pytest.skip("no file here that can't be read")
    out = tmp_path / "out"
    assert predict("predict", str(closed), str(news), "--output", f"{out}/") == 0
    assert quarantined(out) == [(closed.name, 0, "unreadable_file")]
    assert manifest_of(out)["inputs"][0]["sha256"] is None
    assert manifest_of(out)["rows"]["scored"] == 100


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NewsdeskError, match="no article could be read"):
        predict("predict", str(tmp_path / "pipe"), "--output", f"{tmp_path}/out/")
    assert quarantined(tmp_path / "out") == [("pipe", 0, "unreadable_file")]


def test_an_input_that_changes_meanwhile_ends_the_job(
    news: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_parts = local.write_parts

    def write_and_change(*given: Any, **options: Any) -> None:
        write_parts(*given, **options)
        news.write_bytes(b"")

    monkeypatch.setattr(local, "write_parts", write_and_change)
    with pytest.raises(NewsdeskError, match=r"the input .*news\.jsonl changed while it was read"):
        predict("predict", str(news), "--output", f"{out}/")
    assert not (out / MANIFEST).exists()
