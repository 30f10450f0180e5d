"""A small corpus of three formats, and jobs on it: in this process, or in one that a test stops or kills."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds

from newsdesk import readers
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.manifest import DRIFT, MANIFEST, QUARANTINE
from newsdesk.batch.part_writer import WORK
from newsdesk.cli.main import newsdesk as command
from tests import ROOT
from tests.commands import project_env

SCORED_AT = "2026-11-27T02:00:00Z"
PART_ROWS = 10
PARQUET_ROWS, LINES, CSV_ROWS = 120, 40, 40  # fewer than the compiled path would be loaded for
N_ARTICLES = PARQUET_ROWS + LINES + CSV_ROWS + 1
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # <linux/prctl.h>, <linux/capability.h>
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?P<job>\S+): (?P<message>.+)")
COMMAND = "import sys; from newsdesk.cli.main import main; sys.argv[0] = 'newsdesk'; main()"


def write_corpus(folder: Path, taxonomy: Taxonomy) -> None:
    """Write files of three formats with broken lines, an empty file, and an identifier that comes twice."""
    found = readers.read([ROOT / "data/starter"], sections=taxonomy.sections)
    articles = [article for article in found if isinstance(article, Article)][::3]
    rows = [{"id": a.article_id, "title": a.title, "text": a.text, "desk": k} for k, a in enumerate(articles)]
    assert len(rows) >= N_ARTICLES
    folder.mkdir()
    pd.DataFrame(rows[:PARQUET_ROWS]).to_parquet(folder / "a.parquet", row_group_size=50)
    rows = rows[PARQUET_ROWS:]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows[:LINES]]
    broken = [*lines[:5], "{", *lines[5:20], "{", *lines[20:], "[1", lines[0]]
    (folder / "b.jsonl").write_text("\n".join(broken), encoding="utf-8")
    (folder / "c.jsonl").write_text("", encoding="utf-8")
    pd.DataFrame(rows[LINES : LINES + CSV_ROWS]).to_csv(folder / "d.csv", index=False)


def arguments(corpus: Path, folder: Path, *more: str) -> list[str]:
    """The arguments of the job; the last of a repeated option holds."""
    return [
        "predict", str(corpus), "--output", f"{folder}/", "--chunk-rows", str(PART_ROWS),
        "--scored-at", SCORED_AT, "--carry", "desk", *more,
    ]  # fmt: skip


def predict(*given: str) -> int:
    """Run the command in this process; returns its exit code."""
    try:
        command.main(list(given), standalone_mode=False)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def start(
    *given: object, before: str = "", max_file_bytes: int | None = None, is_root: bool = True,
    **environment: str,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start the command in a process of its own, which runs the code `before` first.

    It can write no larger file than `max_file_bytes`; unless `is_root`, permissions hold for it even if the
    tests run as root.
    """

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored if the tests run in the background
        if not is_root and os.geteuid() == 0:
            libc = ctypes.CDLL(None)
            for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
                assert libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
        if max_file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    if max_file_bytes:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # Python would leave truncated .pyc files
    return subprocess.Popen(
        [sys.executable, "-c", before + COMMAND, *map(str, given)],
        env=project_env(**environment), stderr=subprocess.PIPE, preexec_fn=prepare,
    )  # fmt: skip


def last_line(err: bytes) -> str:
    """The message of the last line of a job's log, where no traceback may be."""
    assert b"Traceback" not in err, err.decode()
    found = LOG_LINE.fullmatch(err.decode().splitlines()[-1])
    assert found, err.decode()
    return found["message"]


def n_checkpoints(folder: Path) -> int:
    return len(list((folder / WORK).glob("part-*.json")))


def wait_for_parts(folder: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the job has written `n` parts; it must not be finished by then."""
    while n_checkpoints(folder) < n:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.002)
    assert not (folder / MANIFEST).exists()


def children(pid: int) -> list[int]:
    """The processes below a process."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    own = [int(line) for line in found.stdout.split()]
    return own + [grandchild for child in own for grandchild in children(child)]


def manifest_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return content


def check_same_files(folder: Path, expected: Path) -> None:
    """Compare two jobs of one engine: every byte but the times of the manifest."""
    files, expected_files = (
        {p.name: p.read_bytes() for p in place.iterdir() if p.name != MANIFEST}
        for place in (folder, expected)
    )
    assert files == expected_files
    times = {"started_at": "", "finished_at": ""}
    assert manifest_of(folder) | times == manifest_of(expected) | times


def check_same_rows(folder: Path, expected: Path) -> None:
    """Compare jobs of two engines, which cut parts in other ways: rows, account, quarantine, drift report."""
    table, expected_table = (ds.dataset(path, format="parquet").to_table() for path in (folder, expected))
    assert table.equals(expected_table)
    cut = dict.fromkeys(("started_at", "finished_at", "settings", "parts"))
    assert manifest_of(folder) | cut == manifest_of(expected) | cut
    for name in (QUARANTINE, DRIFT):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()
    left = {path.name for path in folder.iterdir()} - {QUARANTINE, DRIFT, MANIFEST}
    assert left == {part["name"] for part in manifest_of(folder)["parts"]}, "no temporary file is left"
