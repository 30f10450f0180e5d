"""A small job of three formats, for engines that write its parts side by side: what one process makes of it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds

from newsdesk import readers
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.job import DRIFT, MANIFEST, QUARANTINE
from newsdesk.batch.part_writer import WORK
from tests.batch.test_job import manifest_of
from tests.conftest import ROOT

ROWS = 600  # of the Parquet file
CHUNK_ROWS = 12


def write_corpus(folder: Path, taxonomy: Taxonomy) -> None:
    """Three files of three formats with broken lines, an empty file, and an identifier that is there twice."""
    found = readers.read([ROOT / "data/starter"], sections=taxonomy.sections)
    rows = [{"id": a.article_id, "title": a.title, "text": a.text} for a in found if isinstance(a, Article)]
    folder.mkdir()
    pd.DataFrame(rows[:ROWS]).to_parquet(folder / "a.parquet", row_group_size=50)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows[ROWS : ROWS + 60]]
    (folder / "b.jsonl").write_text("\n".join([*lines[:30], "{", *lines[30:], lines[0]]), encoding="utf-8")
    (folder / "c.jsonl").write_text("", encoding="utf-8")
    pd.DataFrame(rows[ROWS + 60 :]).to_csv(folder / "d.csv", index=False)


def wait_for_parts(folder: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    while len(list((folder / WORK).glob("part-*.json"))) < n:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.005)
    assert not (folder / MANIFEST).exists(), "the job is at work still"


def accounts(folder: Path) -> dict[str, Any]:
    """What a job came to, however it was cut into parts."""
    manifest = manifest_of(folder)
    names = ("rows", "duplicate_ids", "inputs", "carried", "scored_at", "model", "drift")
    return {name: manifest[name] for name in names}


def same_as_alone(folder: Path, alone: Path) -> None:
    """Every row, in order, to the bit; the account, the quarantine and the report of drift."""
    ours, theirs = (ds.dataset(path, format="parquet").to_table() for path in (folder, alone))
    assert ours.equals(theirs)
    assert accounts(folder) == accounts(alone)
    for name in (QUARANTINE, DRIFT):
        assert (folder / name).read_bytes() == (alone / name).read_bytes()
    left = {path.name for path in folder.iterdir()} - {QUARANTINE, DRIFT, MANIFEST}
    assert left == {part["name"] for part in manifest_of(folder)["parts"]}, "no temporary file is left"


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    own = [int(line) for line in found.stdout.split()]
    return own + [grandchild for child in own for grandchild in children(child)]
