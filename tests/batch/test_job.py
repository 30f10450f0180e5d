"""A job's folder: what stands in it, that nothing is lost, and that a stop at any moment changes no byte."""

import errno
import gzip
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from newsdesk import readers
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.job import DRIFT, MANIFEST, QUARANTINE, locked
from newsdesk.batch.job import Job as JobFolder
from newsdesk.batch.output_schema import schema_of
from newsdesk.batch.part_writer import WORK
from newsdesk.cli.main import newsdesk as command
from tests.conftest import ROOT, project_env

SCORED_AT = "2026-11-27T02:00:00Z"
COMMAND = "import sys; from newsdesk.cli.main import main; sys.argv[0] = 'newsdesk'; main()"
Job = Callable[..., int]


def write_corpus(folder: Path, rows: list[dict[str, Any]]) -> None:
    """The rows in three files of three formats, here and there a broken line."""
    rng = random.Random(0)
    folder.mkdir()
    a, b, c = (rows[k::3] for k in range(3))
    lines = [json.dumps(row, ensure_ascii=False) for row in a]
    lines = [line for row in lines for line in ([row, "{"] if rng.random() < 0.2 else [row])]
    (folder / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    pd.DataFrame(b).to_parquet(folder / "b.parquet", row_group_size=16)
    pd.DataFrame(c).to_csv(folder / "c.csv", index=False)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """A folder of 180 articles of the starter corpus; the compiled path would not pay for so few."""
    found = readers.read([ROOT / "data/starter"], sections=taxonomy.sections)
    articles = [row for row in found if isinstance(row, Article)]
    random.Random(0).shuffle(articles)
    rows = [
        {"id": a.article_id, "title": a.title, "text": a.text, "desk": k}
        for k, a in enumerate(articles[:180])
    ]
    folder = tmp_path_factory.mktemp("corpus") / "in"
    write_corpus(folder, rows)
    return folder


def arguments(corpus: Path, output: Path, *more: str) -> list[str]:
    return [
        "predict", str(corpus), "--output", f"{output}/", "--chunk-rows", "10",
        "--scored-at", SCORED_AT, "--carry", "desk", *more,
    ]  # fmt: skip


def predict(*given: str) -> int:
    """Run the command in this process; returns its exit code."""
    try:
        command.main(list(given), standalone_mode=False)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def start(*given: object, most_bytes: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
    """Begin the command in a process of its own, which may write no file of more bytes than told."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background ignores it
        if most_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, given)],
        env=project_env(**environment), stderr=subprocess.PIPE, preexec_fn=prepare,
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    """All that must be the same after a stop: everything but the manifest, which tells times."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.name != MANIFEST}


def manifest_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return content


def without_times(folder: Path) -> dict[str, Any]:
    times = ("started_at", "finished_at")
    return {name: value for name, value in manifest_of(folder).items() if name not in times}


@pytest.fixture(scope="session")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed job."""
    folder = tmp_path_factory.mktemp("job") / "out"
    assert predict(*arguments(corpus, folder)) == 0
    return folder


def test_the_manifest_accounts_for_every_row(corpus: Path, done: Path) -> None:
    manifest = manifest_of(done)
    rows = manifest["rows"]
    assert rows["scored"] == 180
    assert rows["refused_by_reason"] == {"bad_record": rows["refused"]}
    assert rows["refused"] > 3
    assert rows["read"] == rows["scored"] + rows["refused"] == sum(row["read"] for row in manifest["inputs"])
    assert sum(part["rows"] for part in manifest["parts"]) == rows["scored"]
    assert [Path(row["file"]).name for row in manifest["inputs"]] == ["a.jsonl.gz", "b.parquet", "c.csv"]
    assert manifest["carried"] == {"desk": 180}
    assert manifest["duplicate_ids"]["rows"] == 0
    lines = [json.loads(line) for line in (done / QUARANTINE).open(encoding="utf-8")]
    assert {(row["file"], row["reason"]) for row in lines} == {(f"{corpus}/a.jsonl.gz", "bad_record")}
    assert len(lines) == rows["refused"]
    n_parts = -(-rows["read"] // 10)
    names = [f"part-{k:05d}.parquet" for k in range(n_parts)]
    assert sorted(p.name for p in done.iterdir()) == [DRIFT, MANIFEST, QUARANTINE, *names], "and nothing else"


def test_order_and_columns(corpus: Path, done: Path) -> None:
    table = ds.dataset(done, format="parquet").to_table()
    assert table.schema.equals(schema_of(stamped=True, carry=["desk"]))
    frame = pd.read_parquet(done)  # the folder as it stands
    assert frame["desk"].tolist() == [str(k) for first in range(3) for k in range(first, 180, 3)]
    assert set(frame["scored_at"]) == {pd.Timestamp(SCORED_AT)}
    assert set(frame["model_version"]) == {manifest_of(done)["model"]["version"]}


def test_duckdb_reads_a_job(done: Path) -> None:
    found = duckdb.sql(
        "select topics[1], topic_scores[topics[1]], scored_at from read_parquet(?) where main_topic is not null",
        params=[f"{done}/*.parquet"],
    ).fetchall()
    frame = pd.read_parquet(done).dropna(subset="main_topic")
    assert [row[0] for row in found] == frame["main_topic"].tolist()
    assert found[0][1] == dict(frame["topic_scores"].iloc[0])[found[0][0]]
    assert found[0][2] == pd.Timestamp(SCORED_AT)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_parts_of_lines_say_the_same(corpus: Path, done: Path, form: str, tmp_path: Path) -> None:
    assert predict(*arguments(corpus, tmp_path / "out", "--format", form)) == 0
    parts = sorted((tmp_path / "out").glob(f"part-*.{form}"))
    read = pd.read_csv if form == "csv" else lambda path: pd.read_json(path, lines=True, dtype=False)
    frame = pd.concat([read(part) for part in parts])
    expected = pd.read_parquet(done)
    assert frame["article_id"].astype(str).tolist() == expected["article_id"].tolist()
    assert frame["main_topic"].fillna("").tolist() == expected["main_topic"].fillna("").tolist()


@pytest.mark.integration
def test_kill_at_any_moment_changes_no_byte(corpus: Path, done: Path, tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "out"
    n_killed = 0
    for parts in (0, 4, 9, 15):
        process = start(*arguments(corpus, folder, "--resume"))
        while process.poll() is None and len(list(folder.glob("part-*"))) < parts:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.05)
        n_killed += process.poll() is None
        process.kill()
        process.communicate()
    assert n_killed >= 3
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    assert files_of(folder) == files_of(done)
    assert without_times(folder) == without_times(done)


@pytest.mark.integration
def test_the_stages_of_a_stop(
    corpus: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped by SIGTERM: told to resume, refused if anything has changed, then done, then nothing to do."""
    folder, inputs = tmp_path / "out", tmp_path / "in"
    shutil.copytree(corpus, inputs)
    process = start(*arguments(inputs, folder))
    while process.poll() is None and len(list(folder.glob("part-*"))) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, err.decode()) == (143, "newsdesk: stopped by signal 15\n")
    assert not list(folder.glob(".*.part"))
    for more, message in (
        ([], "holds a job that was stopped; add --resume to go on with it"),
        (["--resume", "--chunk-rows", "11"], "can't be resumed: settings: chunk_rows was 10, is 11"),
        (["--resume", "--format", "csv"], "can't be resumed: settings: format was parquet, is csv"),
        (["--resume", "--scored-at", "2026-01-01"], f"can't be resumed: --scored-at was {SCORED_AT}"),
    ):
        with pytest.raises(NewsdeskError, match=message):
            predict(*arguments(inputs, folder, *more))
    (folder / ".part-00009.parquet.x.part").write_bytes(b"half")
    (folder / "part-00001.parquet").write_bytes(b"")  # as after a loss of power
    assert predict(*arguments(inputs, folder, "--resume")) == 0
    assert {**files_of(folder), QUARANTINE: b""} == {**files_of(done), QUARANTINE: b""}
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    capsys.readouterr()
    assert predict(*arguments(inputs, folder)) == 0
    assert "is done already, 180 rows in" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    with (inputs / "c.csv").open("a", encoding="utf-8") as more_rows:
        more_rows.write("\n")
    with pytest.raises(NewsdeskError, match=r"holds another job: the input .*c\.csv has changed"):
        predict(*arguments(inputs, folder, "--resume"))
    (folder / "part-00002.parquet").unlink()
    with pytest.raises(NewsdeskError, match="holds another job"):
        predict(*arguments(inputs, folder))


def damage(beside: Path, suffix: str) -> None:
    if suffix == "json":  # of a job that was in this folder before
        content = json.loads(beside.read_text(encoding="utf-8"))
        beside.write_text(json.dumps(content | {"job": "0" * 64}), encoding="utf-8")
    else:  # as after a loss of power
        assert beside.stat().st_size
        beside.write_bytes(b"")


@pytest.mark.parametrize("suffix", ["ids", "refused", "json"])
def test_a_part_whose_account_is_lost_is_written_again(
    suffix: str, corpus: Path, done: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "out"

    def full(job: JobFolder, reference: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(JobFolder, "finish", full)
        with pytest.raises(
            NewsdeskError, match="No space left on device; mend that, then go on with --resume"
        ):
            predict(*arguments(corpus, folder))
    refused = sorted(path for path in (folder / WORK).glob("part-*.refused") if path.stat().st_size)
    number = int(refused[1].stem.removeprefix("part-"))
    assert number > 0
    damage(refused[1].with_suffix(f".{suffix}"), suffix)
    assert predict(*arguments(corpus, folder, "--resume")) == 0
    assert f"resumed with {number:,} parts done" in capsys.readouterr().err
    assert files_of(folder) == files_of(done)
    assert without_times(folder) == without_times(done)


def test_two_processes_do_not_mix(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with locked(folder), pytest.raises(NewsdeskError, match="another process is at work on this job"):
        predict(*arguments(corpus, folder))
    assert not folder.exists(), "what was locked and not begun leaves nothing"


def test_a_lost_part_is_told(corpus: Path, done: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(done, folder)
    (folder / "part-00002.parquet").unlink()
    with pytest.raises(
        NewsdeskError, match=r"part-00002\.parquet: missing; remove .*out and run the job again"
    ):
        predict(*arguments(corpus, folder))


def test_a_job_keeps_out_of_other_files(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(NewsdeskError, match=r"holds other files \(notes\.txt\); name a new folder"):
        predict(*arguments(corpus, tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(NewsdeskError, match="lies within the input"):
        predict(*arguments(corpus, corpus / "out"))
    with pytest.raises(NewsdeskError, match=r"a\.jsonl\.gz: the inputs name this file twice"):
        predict(*arguments(corpus, tmp_path / "out"), str(corpus / "a.jsonl.gz"))
    with pytest.raises(NewsdeskError, match="standard input can't be read twice"):
        predict("predict", "-", "--output", f"{tmp_path}/out/")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt"]


def test_a_file_holds_what_the_parts_hold(corpus: Path, done: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    assert predict("predict", str(corpus), "--output", str(path), "--threads", "1") == 0
    table = pq.read_table(path)
    assert table.schema.equals(schema_of(stamped=False))
    assert table.equals(ds.dataset(done, format="parquet").to_table(columns=table.column_names))
