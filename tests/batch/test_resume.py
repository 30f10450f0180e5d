"""A job of one process that is stopped or killed at any moment, and then resumed: no byte differs."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.jobs import arguments, check_same_files, last_line, predict, start, wait_for_parts

pytestmark = pytest.mark.integration


def test_kill_at_any_moment_changes_no_byte(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "out"
    n_killed = 0
    for parts in (0, 4, 12):
        process = start(*arguments(job_corpus, folder, "--resume"))
        while process.poll() is None and len(list(folder.glob("part-*"))) < parts:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.05)
        n_killed += process.poll() is None
        process.kill()
        process.communicate()
    assert n_killed >= 2
    assert predict(*arguments(job_corpus, folder, "--resume")) == 0
    check_same_files(folder, finished_job)


def test_sigterm_ends_a_job_with_whole_parts(job_corpus: Path, finished_job: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(*arguments(job_corpus, folder))
    wait_for_parts(folder, 3, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, last_line(err)) == (143, "newsdesk: stopped by signal 15")
    assert not list(folder.rglob("*.part"))
    assert predict(*arguments(job_corpus, folder, "--resume")) == 0
    check_same_files(folder, finished_job)
