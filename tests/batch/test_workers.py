"""Units of a job, and the processes of one machine that write them, whoever of them dies."""

import errno
import io
import os
import shutil
import signal
import subprocess
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, list_files, sha256
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import input_reader, partitioning
from newsdesk.batch.input_reader import At, Input
from newsdesk.batch.job import BEGUN, MANIFEST
from newsdesk.batch.output_schema import Stamp
from newsdesk.batch.part_writer import WORK, Order
from newsdesk.batch.partitioning import Given, Unit, plan
from newsdesk.readers.refusals import Provenance
from tests.batch.test_job import SCORED_AT, manifest_of, predict, start
from tests.mixed import CHUNK_ROWS, ROWS, children, same_as_alone, wait_for_parts

FINE = ("--chunk-rows", "2")  # so many parts that a job is at work still when it is killed
ORDER = Order("", "parquet", "balanced", (), Stamp("m", "1", None, datetime(2026, 11, 27, tzinfo=UTC)), 1)


def arguments(corpus: Path, folder: Path, *more: str) -> list[str]:
    given = ["predict", str(corpus), "--output", f"{folder}/", "--workers", "2", "--resume"]
    return [*given, "--chunk-rows", str(CHUNK_ROWS), "--scored-at", SCORED_AT, *more]


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Its two processes that label."""
    found = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(process.pid)}
    workers = [pid for pid, line in found.items() if b"spawn_main" in line]
    assert len(workers) == 2
    return workers


def gone(pid: int) -> bool:
    """Whether a process has ended; one that is a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def all_end(pids: list[int]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until and not all(map(gone, pids)):
        time.sleep(0.05)
    return all(map(gone, pids))


def last_line(told: bytes) -> str:
    assert b"Traceback" not in told
    return told.decode().splitlines()[-1]


@pytest.mark.integration
def test_the_same_as_one_process(mixed_corpus: Path, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert predict(*arguments(mixed_corpus, folder)) == 0
    manifest = manifest_of(folder)
    assert (manifest["settings"]["engine"], len(manifest["parts"])) == ("workers", ROWS // CHUNK_ROWS + 1)
    same_as_alone(folder, alone)


@pytest.mark.integration
def test_a_killed_worker_is_told_and_the_job_resumed(mixed_corpus: Path, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(mixed_corpus, folder, *FINE))
    wait_for_parts(folder, 5, process)
    workers = workers_of(process)
    os.kill(workers[1], signal.SIGKILL)
    _, told = process.communicate()
    message = "a worker ended by exit code -9, as where memory runs out; go on with --resume"
    assert (process.returncode, last_line(told)) == (2, f"newsdesk: {folder}: {message}")
    assert not list(folder.rglob("*.part"))
    assert all_end(workers)
    assert predict(*arguments(mixed_corpus, folder, *FINE, "--workers", "3")) == 0
    same_as_alone(folder, alone)


@pytest.mark.integration
def test_workers_end_with_the_process_that_began_them(
    mixed_corpus: Path, alone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(mixed_corpus, folder, *FINE))
    wait_for_parts(folder, 5, process)
    workers = workers_of(process)
    process.kill()
    process.communicate()
    assert all_end(workers)
    assert not (folder / MANIFEST).exists()
    process = start(*arguments(mixed_corpus, folder, *FINE))
    _, told = process.communicate()
    assert process.returncode == 0, told.decode()
    assert "resumed with" in told.decode()
    same_as_alone(folder, alone)


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGTERM, 143, "stopped by signal 15"), (signal.SIGINT, 130, "interrupted")],
)
@pytest.mark.integration
def test_a_stop_leaves_no_process_and_no_half_written_file(
    number: signal.Signals, code: int, message: str, mixed_corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(mixed_corpus, folder, *FINE))
    wait_for_parts(folder, 5, process)
    workers = workers_of(process)
    for pid in (process.pid, *workers):  # as a terminal does, or systemd
        os.kill(pid, number)
    _, told = process.communicate()
    assert (process.returncode, last_line(told)) == (code, f"newsdesk: {message}")
    assert all_end(workers)
    assert not list(folder.rglob("*.part"))
    assert not (folder / MANIFEST).exists()


@pytest.mark.integration
def test_a_disk_that_takes_no_more_is_told(mixed_corpus: Path, alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(mixed_corpus, folder), most_bytes=15_000)
    _, told = process.communicate()
    assert process.returncode == 2
    assert last_line(told).startswith(f"newsdesk: {folder}: ")
    assert last_line(told).endswith("File too large; mend that, then go on with --resume")
    assert list(folder.glob("part-*")), "some are small enough"
    assert not list(folder.rglob("*.part"))
    assert predict(*arguments(mixed_corpus, folder)) == 0
    same_as_alone(folder, alone)


def test_workers_are_for_jobs_of_one_machine(mixed_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="--workers is for a job: give --output FOLDER/"):
        predict("predict", str(mixed_corpus), "--output", str(tmp_path / "x.csv"), "--workers", "2")
    with pytest.raises(NewsdeskError, match="--workers are of this machine; those of --engine spark are"):
        predict(*arguments(mixed_corpus, tmp_path / "out"), "--engine", "spark")
    assert not list(tmp_path.iterdir())


def test_how_inputs_are_cut(mixed_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = input_reader.find([str(mixed_corpus)])
    assert plan(found, 1000) == [Unit(At(0), 4)], "all of them together are few"
    assert plan(found, ROWS) == [Unit(At(0), 4)]
    starts = [Unit(At(0, 0), 1, 250), Unit(At(0, 250), 1, 250), Unit(At(0, 500), 1)]
    assert plan(found, 250) == [*starts, Unit(At(1), 3)]
    monkeypatch.setattr(partitioning, "UNIT_BYTES", 1)
    assert plan(found, 1000) == [Unit(At(number), 1) for number in range(4)]


def test_a_footer_that_lies_loses_no_row_and_a_refused_file_is_one(
    mixed_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = input_reader.find([str(mixed_corpus / "a.parquet")])
    monkeypatch.setattr(partitioning, "count_parquet_rows", lambda path: 100)
    assert plan(found, 40) == [Unit(At(0, 0), 1, 40), Unit(At(0, 40), 1, 40), Unit(At(0, 80), 1)], (
        "all the rest"
    )
    pd.DataFrame({"headline": ["x"] * 100}).to_parquet(tmp_path / "b.parquet")
    assert plan(input_reader.find([str(tmp_path / "b.parquet")]), 40) == [Unit(At(0), 1)]


def given_of(mixed_corpus: Path, folder: Path, taxonomy: Taxonomy) -> Given:
    inputs = input_reader.find([str(mixed_corpus)])
    (folder / WORK).mkdir(parents=True)
    (folder / WORK / BEGUN).write_text("{}", encoding="utf-8")
    sizes = [given.path.stat().st_size for given in inputs if given.path]
    return Given(
        folder, inputs, [Unit(At(1), 3)], sizes, replace(ORDER, job=sha256(folder / WORK / BEGUN)), taxonomy, 1,
        SHIPPED, sha256(SHIPPED), partitioning._code_sha256(),
    )  # fmt: skip


def refuse_csv(path: Path, *arguments: Any, **more: Any) -> Any:
    """`Path.open`, where files of CSV are another user's."""
    if path.suffix == ".csv":
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return open(path, *arguments, **more)  # noqa: PTH123


def test_a_model_older_than_zip_is_packed(tmp_path: Path) -> None:
    """Zip's time begins in 1980; files of an image of a container are often of 1970."""
    shutil.copytree(SHIPPED, tmp_path / "model")
    for file in list_files(tmp_path / "model"):
        os.utime(file, (0, 0))
    packed = zipfile.ZipFile(io.BytesIO(partitioning.packed(tmp_path / "model")))
    packed.extractall(tmp_path / "again")
    assert sha256(tmp_path / "again") == sha256(SHIPPED)


def test_a_worker_that_sees_less_refuses(
    mixed_corpus: Path, taxonomy: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would take a file that is not mounted for an unreadable one, and quarantine it."""
    given = given_of(mixed_corpus, tmp_path, taxonomy)
    assert partitioning.write_unit(given, 0).rows == 117, "all but the Parquet file, the broken line left out"
    with pytest.raises(NewsdeskError, match=r"does not see the job in .*: is that shared storage"):
        partitioning.write_unit(replace(given, folder=tmp_path / "elsewhere"), 0)
    gone = [*given.inputs[:3], Input(Provenance("d", "d.csv"), tmp_path / "d.csv")]
    with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
        partitioning.write_unit(replace(given, inputs=gone), 0)
    with monkeypatch.context() as patched:  # a worker's user may read less than the driver's
        patched.setattr(Path, "open", refuse_csv)
        with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
            partitioning.write_unit(given, 0)
    with pytest.raises(NewsdeskError, match="runs another version of newsdesk"):
        partitioning.write_unit(replace(given, code="0" * 64), 0)
    with pytest.raises(NewsdeskError, match="the model has changed since the job began"):
        partitioning.write_unit(replace(given, model_sha256="0" * 64), 0)
