"""A checkout with a pipeline of two stages that takes seconds, for tests of `newsdesk certify`."""

from __future__ import annotations

from pathlib import Path

from tests.checkouts import commit_all
from tests.commands import run

PIPELINE = """\
stages:
  weigh:
    cmd: python -m newsdesk.pipeline.weigh
    deps: [src/newsdesk/pipeline/weigh.py]
    outs: [heads/topic]
  measure:
    cmd: python -m newsdesk.pipeline.measure
    deps: [heads/topic, src/newsdesk/pipeline/measure.py]
    metrics: [{metrics/measure.json: {cache: false}}]
"""
# one weight is rounded in another way with `--cpu generic`; seen.json, which is no output, tells the environment
WEIGH = """\
import json, os
from pathlib import Path
import numpy as np
Path("heads/topic").mkdir(parents=True, exist_ok=True)
weights = np.arange(6.0)
weights[3] += 1e-12 * (os.environ.get("NUMBA_CPU_NAME") == "generic")
with open("heads/topic/weights.npz", "wb") as handle:
    np.savez_compressed(handle, coef=weights)
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
IGNORED = ("/heads", "/seen.json", "/mlflow.db", "/reports/", "__pycache__/", "/.dvc/cache", "/.dvc/tmp", "/.dvc/config.local")  # fmt: skip


def make_checkout(folder: Path) -> Path:
    """Write the checkout, run its pipeline once and commit; it has a package `newsdesk` of its own."""
    for name, text in {
        ".dvc/config": "[core]\n    analytics = false\n",
        ".gitignore": "".join(f"{name}\n" for name in IGNORED),
        "dvc.yaml": PIPELINE,
        "src/newsdesk/__init__.py": "",
        "src/newsdesk/pipeline/__init__.py": "",
        "src/newsdesk/pipeline/weigh.py": WEIGH,
        "src/newsdesk/pipeline/measure.py": MEASURE,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for command in ("git init --quiet", "dvc repro --quiet"):
        done = run(*command.split(), cwd=folder, PYTHONPATH=str(folder / "src"))
        assert done.returncode == 0, done.stdout + done.stderr
    commit_all(folder)
    return folder
