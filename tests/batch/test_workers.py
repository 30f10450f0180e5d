"""Processes of one machine that write the parts of a job, and that are killed or stopped."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.manifest import MANIFEST
from tests.jobs import (
    N_ARTICLES,
    PARQUET_ROWS,
    PART_ROWS,
    arguments,
    check_same_rows,
    children,
    last_line,
    manifest_of,
    predict,
    start,
    wait_for_parts,
)

pytestmark = pytest.mark.integration
WORKERS = ("--workers", "2", "--resume")
WORKER_COMMAND = b"spawn_main"
SMALL_PARTS = (*WORKERS, "--chunk-rows", "2")  # so many that the job is still running when it is killed


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes of a job that label, which have read the model."""
    found = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(process.pid)}
    workers = [pid for pid, line in found.items() if WORKER_COMMAND in line]
    assert len(workers) == 2, found
    return workers


def has_ended(pid: int) -> bool:
    """Whether a process is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def all_end(pids: list[int]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until and not all(map(has_ended, pids)):
        time.sleep(0.05)
    return all(map(has_ended, pids))


def test_parts_equal_those_of_one_process(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert predict(*arguments(job_corpus, folder, *WORKERS)) == 0
    manifest = manifest_of(folder)
    assert manifest["settings"]["engine"] == "workers"
    assert len(manifest["parts"]) == PARQUET_ROWS // PART_ROWS + 1, "files of lines are one part"
    assert manifest["parts"][-1]["rows"] == N_ARTICLES - PARQUET_ROWS
    check_same_rows(folder, finished_job)


def test_a_killed_worker_ends_the_job_and_the_job_resumes(
    job_corpus: Path, finished_job: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(job_corpus, folder, *SMALL_PARTS))
    wait_for_parts(folder, 5, process)
    workers = workers_of(process)
    os.kill(workers[1], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 2
    line = last_line(err)
    assert line.startswith(f"newsdesk: {folder}: a worker ended by exit code -9")
    assert line.endswith("; run again with --resume")
    assert not list(folder.rglob("*.part"))
    assert all_end(workers)
    assert predict(*arguments(job_corpus, folder, *SMALL_PARTS, "--workers", "3")) == 0
    check_same_rows(folder, finished_job)


def test_workers_end_with_their_parent(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(job_corpus, folder, *SMALL_PARTS))
    wait_for_parts(folder, 5, process)
    below = children(process.pid)
    process.kill()
    process.communicate()
    assert all_end(below)
    assert not (folder / MANIFEST).exists()
    process = start(*arguments(job_corpus, folder, *SMALL_PARTS))
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert "resumed with" in err.decode()
    check_same_rows(folder, finished_job)


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGTERM, 143, "stopped by signal 15"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_signal_leaves_no_process_and_no_half_written_file(
    number: signal.Signals, code: int, message: str, job_corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(job_corpus, folder, *SMALL_PARTS))
    wait_for_parts(folder, 5, process)
    below = children(process.pid)
    for pid in (process.pid, *workers_of(process)):  # as a terminal does, or systemd
        os.kill(pid, number)
    _, err = process.communicate()
    assert (process.returncode, last_line(err)) == (code, f"newsdesk: {message}")
    assert all_end(below)
    assert not list(folder.rglob("*.part"))
    assert not (folder / MANIFEST).exists()


def test_a_full_disk_is_one_line(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(job_corpus, folder, *WORKERS), max_file_bytes=20_000)
    _, err = process.communicate()
    assert process.returncode == 2
    assert last_line(err).startswith(f"newsdesk: {folder}: ")
    assert last_line(err).endswith("File too large; remove the cause, then run again with --resume")
    assert list(folder.glob("part-*")), "some are small enough"
    assert not list(folder.rglob("*.part"))
    assert predict(*arguments(job_corpus, folder, *WORKERS)) == 0
    check_same_rows(folder, finished_job)


def test_workers_are_for_jobs_of_one_machine(job_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="--workers is for a job: give --output FOLDER/"):
        predict("predict", str(job_corpus), "--output", str(tmp_path / "x.csv"), "--workers", "2")
    with pytest.raises(NewsdeskError, match="--workers is for this machine"):
        predict(*arguments(job_corpus, tmp_path / "out"), "--workers", "2", "--engine", "spark")
    assert not list(tmp_path.iterdir())
