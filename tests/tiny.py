"""A checkout with a pipeline of two stages that takes seconds, for tests of the certificate."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import commit_all, run

PIPELINE = """\
stages:
  weigh:
    cmd: python -m newsdesk.pipeline.weigh
    deps: [src/newsdesk/stages/weigh.py]
    outs: [heads/topic]
  measure:
    cmd: python -m newsdesk.pipeline.measure
    deps: [heads/topic, src/newsdesk/stages/measure.py]
    metrics: [{metrics/measure.json: {cache: false}}]
"""
# what it saw of its process goes into a file that is no output
WEIGH = """\
import json, os
from pathlib import Path
import numpy as np
Path("heads/topic").mkdir(parents=True, exist_ok=True)
with open("heads/topic/weights.npz", "wb") as handle:
    np.savez_compressed(handle, coef=np.arange(6, dtype=np.float32))
names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "MLFLOW_TRACKING_URI")
Path("seen.json").write_text(json.dumps({"file": __file__} | {name: os.environ.get(name) for name in names}))
"""
MEASURE = """\
import json
from pathlib import Path
import numpy as np
Path("metrics").mkdir(exist_ok=True)
total = float(np.load("heads/topic/weights.npz")["coef"].sum())
Path("metrics/measure.json").write_text(json.dumps({"sum": total}))
"""


def make_checkout(folder: Path) -> Path:
    """Write the checkout, run its pipeline once and commit; the package in its `src` is its own."""
    for name, text in {
        ".dvc/config": "[core]\n    analytics = false\n",
        ".gitignore": "/heads\n/seen.json\n/mlflow.db\n/reports/\n__pycache__/\n/.dvc/cache\n/.dvc/tmp\n/.dvc/config.local\n",
        "dvc.yaml": PIPELINE,
        "src/newsdesk/__init__.py": "",
        "src/newsdesk/pipeline/__init__.py": "",
        "src/newsdesk/stages/weigh.py": WEIGH,
        "src/newsdesk/stages/measure.py": MEASURE,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for command in (
        ["git", "init", "--quiet"],
        ["git", "config", "user.name", "t"],
        ["git", "config", "user.email", "t@example.org"],
        ["dvc", "repro", "--quiet"],
    ):
        done = run(*command, cwd=folder, PYTHONPATH=str(folder / "src"))
        assert done.returncode == 0, done.stdout + done.stderr
    commit_all(folder)
    return folder
