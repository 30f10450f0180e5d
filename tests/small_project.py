"""A small project with a real DVC pipeline: a stage that copies prepared outputs, then the real stage `track`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa

from newsdesk.base.files import SHIPPED, read_json, write_json, write_table, write_text
from newsdesk.base.schema import ARTICLES
from newsdesk.evaluation.test_set import select_test_set
from tests import ROOT
from tests.checkouts import commit_all
from tests.commands import run
from tests.recorded_runs import make_predictions, measure

MADE = {
    "data/clean/articles.parquet": True,  # whether DVC caches it, as in the real dvc.yaml
    "data/predictions.parquet": True,
    "metrics/clean.json": False,
    "metrics/evaluate.json": False,
    "metrics/labels.json": False,
    "plots": True,
    "data/heads": True,
    "model": True,
}
STAGES = """\
stages:
  make:
    cmd: python make.py
    deps: [make.py, made]
    params: [train.C]
    outs:
{outs}
  track:
    cmd: python -m newsdesk.pipeline.track
    deps: [{deps}]
    params: [train.C, track]
    outs:
      - metrics/receipt.json:
          cache: false
metrics: [metrics/run.json]
"""
# in place of all stages before `track`; only one file of the heads depends on the settings
MAKE = """\
import re
import shutil
from pathlib import Path

for name in ("data", "metrics", "plots", "model"):
    shutil.copytree(Path("made", name), name, dirs_exist_ok=True)
Path("data/heads/C.txt").write_text(re.search("C: .*", Path("params.yaml").read_text()).group())
"""


def make_project(folder: Path) -> Path:
    """Make a repository with one commit in which no stage has run."""
    made = folder / "made"
    heads = read_json(SHIPPED / "model.json")["heads"]
    of_task = {head["task"]: head["labels"] for head in heads}
    predictions = make_predictions(errors=0.1, seed=1, labels=of_task)
    rows = select_test_set(predictions, origins=["gold"])
    metrics, by_label = measure(rows, of_task)
    counts = {"read": 240, "kept": 240, "splits": {"test": 240}, "refused": {}}
    account = {"read": 240, "kept": 240, "groups": 200, "refused": {}, "sources": {"north": counts}}
    for name, content in {
        "metrics/evaluate.json": metrics,
        "metrics/labels.json": by_label,
        "metrics/clean.json": account,
    }.items():
        write_json(content, made / name)
    article = dict.fromkeys(ARTICLES.names, "a") | dict.fromkeys(("published", "region", "topic"))
    write_table(pa.Table.from_pylist([article], ARTICLES), made / "data/clean/articles.parquet")
    write_table(predictions, made / "data/predictions.parquet")
    write_text("label,f1\n", made / "plots/labels.csv")
    write_text("weights\n", made / "data/heads/weights.txt")
    shutil.copytree(SHIPPED, made / "model", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", folder)
    write_json({"run": ""}, folder / "metrics/run.json")
    outs = "\n".join(f"      - {name}: {{cache: {str(cached).lower()}}}" for name, cached in MADE.items())
    write_text(STAGES.format(outs=outs, deps=", ".join(MADE)), folder / "dvc.yaml")
    write_text(MAKE, folder / "make.py")
    made_here = ("data", "model", "plots", "metrics/receipt.json", "mlflow.db*", "mlartifacts", "mlruns")
    write_text("__pycache__/\n" + "".join(f"/{name}\n" for name in made_here), folder / ".gitignore")
    for command in (
        ["git", "init", "--quiet", "--initial-branch", "main"],
        ["git", "config", "user.name", "t"],
        ["git", "config", "user.email", "t@example.org"],
        ["dvc", "init", "--quiet"],
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    commit_all(folder)
    return folder
