"""The folder of a job: what is in it, and what keeps a job from beginning or resuming there."""

import errno
import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from newsdesk import __version__
from newsdesk.base.errors import NewsdeskError
from newsdesk.batch import identity
from newsdesk.batch.job import BEGUN, Job, lock_folder
from newsdesk.batch.manifest import DRIFT, MANIFEST, QUARANTINE
from newsdesk.batch.output_schema import build_schema
from newsdesk.batch.part_writer import WORK
from tests.jobs import (
    LINES,
    N_ARTICLES,
    PART_ROWS,
    SCORED_AT,
    arguments,
    check_same_files,
    manifest_of,
    predict,
)


def test_the_manifest_accounts_for_every_row(job_corpus: Path, finished_job: Path) -> None:
    manifest = manifest_of(finished_job)
    rows = manifest["rows"]
    assert rows["scored"] == N_ARTICLES
    assert rows["refused_by_reason"] == {"bad_record": 3, "empty_file": 1}
    assert rows["files_broken"] == 1
    assert rows["read"] == N_ARTICLES + 4 == sum(row["read"] for row in manifest["inputs"])
    assert sum(part["rows"] for part in manifest["parts"]) == N_ARTICLES
    names = [Path(row["file"]).name for row in manifest["inputs"]]
    assert names == ["a.parquet", "b.jsonl", "c.jsonl", "d.csv"]
    assert [row["refused"] for row in manifest["inputs"]] == [0, 3, 1, 0]
    assert manifest["carried"] == {"desk": N_ARTICLES}
    assert manifest["duplicate_ids"]["rows"] == 1
    lines = [json.loads(line) for line in (finished_job / QUARANTINE).open(encoding="utf-8")]
    assert [(row["file"], row["position"], row["reason"]) for row in lines] == [
        (f"{job_corpus}/b.jsonl", 6, "bad_record"),
        (f"{job_corpus}/b.jsonl", 22, "bad_record"),
        (f"{job_corpus}/b.jsonl", LINES + 3, "bad_record"),
        (f"{job_corpus}/c.jsonl", 0, "empty_file"),
    ]
    parts = [f"part-{k:05d}.parquet" for k in range(-(-rows["read"] // PART_ROWS))]
    assert sorted(p.name for p in finished_job.iterdir()) == [DRIFT, MANIFEST, QUARANTINE, *parts]


def test_order_and_columns(finished_job: Path) -> None:
    table = ds.dataset(finished_job, format="parquet").to_table()
    assert table.schema.equals(build_schema(provenance=True, carry=["desk"]))
    frame = pd.read_parquet(finished_job)  # the folder as it is
    order = [*range(120), *range(120, 160), 120, *range(160, 200)]
    assert frame["desk"].tolist() == [str(k) for k in order]
    assert set(frame["scored_at"]) == {pd.Timestamp(SCORED_AT)}
    assert set(frame["model_version"]) == {manifest_of(finished_job)["model"]["version"]}


def test_duckdb_reads_a_job(finished_job: Path) -> None:
    found = duckdb.sql(
        "select topics[1], topic_scores[topics[1]], scored_at from read_parquet(?) where main_topic is not null",
        params=[f"{finished_job}/*.parquet"],
    ).fetchall()
    frame = pd.read_parquet(finished_job).dropna(subset="main_topic")
    assert [row[0] for row in found] == frame["main_topic"].tolist()
    assert found[0][1] == dict(frame["topic_scores"].iloc[0])[found[0][0]]
    assert found[0][2] == pd.Timestamp(SCORED_AT)


def test_duckdb_makes_a_flat_table_of_a_job(finished_job: Path) -> None:
    flat = duckdb.sql(
        "select list_contains(regions, 'asia'), region_scores['asia'] from read_parquet(?)",
        params=[f"{finished_job}/*.parquet"],
    ).fetchall()
    frame = pd.read_parquet(finished_job)
    assert [row[0] for row in flat] == ["asia" in regions for regions in frame["regions"]]
    assert [row[1] for row in flat] == [dict(scores).get("asia") for scores in frame["region_scores"]]


def test_polars_reads_a_job(finished_job: Path) -> None:
    """It takes no folder with other files, whatever their names begin with."""
    found = pl.read_parquet(f"{finished_job}/*.parquet")
    frame = pd.read_parquet(finished_job)
    assert found["main_topic"].to_list() == [topic or None for topic in frame["main_topic"].fillna("")]
    assert found["topics"].to_list() == [list(topics) for topics in frame["topics"]]
    scores = found["topic_scores"].to_list()[0]
    if isinstance(scores, list):  # polars 1 has no type for maps
        scores = {pair["key"]: pair["value"] for pair in scores}
    assert scores == dict(frame["topic_scores"][0])
    with pytest.raises(pl.exceptions.InvalidOperationError, match="different file extensions"):
        pl.read_parquet(finished_job)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_parts_of_lines_hold_the_same_labels(
    job_corpus: Path, finished_job: Path, form: str, tmp_path: Path
) -> None:
    assert predict(*arguments(job_corpus, tmp_path / "out", "--format", form)) == 0
    parts = sorted((tmp_path / "out").glob(f"part-*.{form}"))
    read = pd.read_csv if form == "csv" else lambda path: pd.read_json(path, lines=True, dtype=False)
    frame = pd.concat([read(part) for part in parts])
    expected = pd.read_parquet(finished_job)
    assert frame["article_id"].astype(str).tolist() == expected["article_id"].tolist()
    assert frame["main_topic"].fillna("").tolist() == expected["main_topic"].fillna("").tolist()


def test_a_file_holds_the_rows_of_the_parts(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    assert predict("predict", str(job_corpus), "--output", str(path), "--threads", "1") == 0
    table = pq.read_table(path)
    assert table.schema.equals(build_schema(provenance=False))
    assert table.equals(ds.dataset(finished_job, format="parquet").to_table(columns=table.column_names))


def test_a_finished_job_is_left_as_it_is(
    job_corpus: Path, finished_job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, inputs = tmp_path / "out", tmp_path / "in"
    shutil.copytree(job_corpus, inputs)
    assert predict(*arguments(inputs, folder)) == 0
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    capsys.readouterr()
    assert predict(*arguments(inputs, folder)) == 0
    assert f"is done already, {N_ARTICLES} rows in" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    (folder / "part-00002.parquet").unlink()
    with pytest.raises(NewsdeskError, match=r"part-00002\.parquet: missing; remove .*out and run the job"):
        predict(*arguments(inputs, folder))
    with (inputs / "d.csv").open("a", encoding="utf-8") as more_rows:
        more_rows.write("\n")
    with pytest.raises(NewsdeskError, match=r"holds another job: the input .*d\.csv has changed"):
        predict(*arguments(inputs, folder, "--resume"))


def stop_at_the_end(corpus: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job on a disk that is full once all parts are written."""

    def fail(job: Job, reference: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Job, "finish", fail)
        with pytest.raises(NewsdeskError, match=r"No space left on device; .* again with --resume"):
            predict(*arguments(corpus, folder))


def test_a_resumed_job_is_the_same_job(
    job_corpus: Path, finished_job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    stop_at_the_end(job_corpus, folder, monkeypatch)
    for more, message in (
        ([], "holds a job that was stopped; add --resume"),
        (["--resume", "--chunk-rows", "11"], "can't be resumed: settings: chunk_rows was 10, is 11"),
        (["--resume", "--format", "csv"], "can't be resumed: settings: format was parquet, is csv"),
        (["--resume", "--scored-at", "2026-01-01"], f"can't be resumed: --scored-at was {SCORED_AT}"),
    ):
        with pytest.raises(NewsdeskError, match=message):
            predict(*arguments(job_corpus, folder, *more))
    assert predict(*arguments(job_corpus, folder, "--resume")) == 0
    check_same_files(folder, finished_job)


def damage(path: Path) -> None:
    if path.suffix == ".json":  # of an earlier job in this folder
        content = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(content | {"job": "0" * 64}), encoding="utf-8")
    else:  # as after a power failure
        assert path.stat().st_size
        path.write_bytes(b"")


@pytest.mark.parametrize("suffix", ["ids", "refused", "json", "parquet"])
def test_a_damaged_part_is_written_again(
    suffix: str, job_corpus: Path, finished_job: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "out"
    stop_at_the_end(job_corpus, folder, monkeypatch)
    refused = sorted(path for path in (folder / WORK).glob("part-*.refused") if path.stat().st_size)
    number = int(refused[1].stem.removeprefix("part-"))
    assert number > 0
    damage((folder if suffix == "parquet" else folder / WORK) / f"part-{number:05d}.{suffix}")
    (folder / f".part-{number:05d}.parquet.x.part").write_bytes(b"half")
    assert predict(*arguments(job_corpus, folder, "--resume")) == 0
    assert f"resumed with {number:,} parts done" in capsys.readouterr().err
    check_same_files(folder, finished_job)


def test_the_keys_of_a_stopped_job(job_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of `job.json` and of the checkpoints are read when the job is resumed."""
    folder = tmp_path / "out"
    stop_at_the_end(job_corpus, folder, monkeypatch)
    begun = json.loads((folder / WORK / BEGUN).read_text(encoding="utf-8"))
    assert list(begun) == ["started_at", "scored_at", "code", "model", "settings", "inputs"]
    assert begun["code"] == {"newsdesk": __version__, "sha256": identity.code_sha256()}
    assert list(begun["settings"]) == [
        "engine", "format", "profile", "chunk_rows", "carry", "columns", "home", "reference", "schema_version"
    ]  # fmt: skip
    checkpoint = json.loads((folder / WORK / "part-00012.json").read_text(encoding="utf-8"))
    assert list(checkpoint) == [
        "name", "ends", "job", "rows", "bytes", "sha256", "read", "lines", "broken", "refused", "abstained",
        "carried", "tally",
    ]  # fmt: skip
    assert checkpoint["ends"] == {"input": 1, "record": 10}
    assert (checkpoint["read"], checkpoint["refused"]) == ({"1": 10}, {"1": {"bad_record": 1}})


def test_two_processes_do_not_share_a_job(job_corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with lock_folder(folder), pytest.raises(NewsdeskError, match="another process is working on this job"):
        predict(*arguments(job_corpus, folder))
    assert not folder.exists(), "a job that did not begin leaves nothing"


def test_a_job_needs_a_folder_of_its_own(job_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(NewsdeskError, match=r"holds other files \(notes\.txt\); name a new folder"):
        predict(*arguments(job_corpus, tmp_path))
    with pytest.raises(NewsdeskError, match="lies within the input"):
        predict(*arguments(job_corpus, job_corpus / "out"))
    with pytest.raises(NewsdeskError, match=r"b\.jsonl: the inputs name this file twice"):
        predict(*arguments(job_corpus, tmp_path / "out"), str(job_corpus / "b.jsonl"))
    with pytest.raises(NewsdeskError, match="standard input can't be read twice"):
        predict("predict", "-", "--output", f"{tmp_path}/out/")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
