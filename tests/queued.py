"""Six experiments in the queue, two jobs at them: two equal, one failing by design; and what has to come of it.

The test does it in a small project. With the whole pipeline, each time in a fresh clone of this repository:

    python -m tests.queued --times 3
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from tests.conftest import ROOT, run

GRID = {"grid-1": 3, "grid-2": 5, "grid-3": 8, "grid-4": 12}
EXPECTED = {**dict.fromkeys((*GRID, "again"), "ok"), "failing": "failed"}
DEADLINE_SECONDS = 3600


def queue_six(folder: Path) -> None:
    """Put a grid of four, the first of them again, and one with a setting that is refused into the queue."""
    for name, values in (("grid", "3,5,8,12"), ("again", "3"), ("failing", "-1")):
        done = run("dvc", "exp", "run", "--queue", "--name", name, "-S", f"train.C={values}", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


def finish(folder: Path) -> None:
    """Let two jobs work the queue off."""
    done = run("dvc", "queue", "start", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    until = time.monotonic() + DEADLINE_SECONDS
    while any(word in run("dvc", "queue", "status", cwd=folder).stdout for word in ("Queued", "Running")):
        assert time.monotonic() < until, "the queue does not end"
        time.sleep(5)  # to ask costs a second of a processor


def listed(folder: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and rows of `newsdesk experiments`."""
    done = run("newsdesk", "experiments", "--json", *options, cwd=folder)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def check(folder: Path) -> list[dict[str, Any]]:
    """Every experiment has its one run, with all its artifacts, and each names the other; return the rows."""
    code, rows = listed(folder)
    assert code == 3, "one failed, and nothing stands alone"
    assert {row["experiment"]["name"]: row["state"] for row in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)
    whole = [row for row in rows if row["state"] == "ok"]
    assert len({row["run"]["run_id"] for row in whole}) == len(whole)
    (failed,) = [row for row in rows if row["state"] == "failed"]
    assert failed["run"] is None
    assert failed["why"] == "params.yaml: train.C: Input should be greater than 0 (found -1)"
    head = run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()
    for row in whole:
        name, made = row["experiment"]["name"], row["run"]
        commit = run("git", "rev-parse", f"refs/exps/{head[:2]}/{head[2:]}/{name}", cwd=folder).stdout.strip()
        assert (row["experiment"]["rev"], made["name"], made["baseline"]) == (commit, name, head)
        assert made["receipt"] == row["experiment"]["receipts"]["metrics/receipt.json"]
        assert row["experiment"]["changed"] == {"train.C": GRID.get(name, 3)}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=1, help="each in a fresh clone (%(default)s)")
    for number in range(parser.parse_args().times):
        with tempfile.TemporaryDirectory() as temporary:
            clone = Path(temporary, "newsdesk")
            assert run("git", "clone", "--quiet", str(ROOT), str(clone), cwd=ROOT).returncode == 0
            started = time.monotonic()
            queue_six(clone)
            finish(clone)
            rows = check(clone)
            click.echo(run("newsdesk", "experiments", cwd=clone).stdout)
            seconds = time.monotonic() - started
            click.echo(f"{number + 1}: {len(rows)} experiments as expected in {seconds:.0f} s", err=True)


if __name__ == "__main__":
    main()
