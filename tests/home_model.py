"""A model that has learned homes: the tiny model with random coefficients of home features."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from newsdesk.inference.home import HOME_NAMES

UNNAMED = "قررت الحكومة رفع أجور المعلمين ابتداء من الشهر المقبل وفتح مدارس جديدة في كل المدن هذا العام"


def make_home_model(tiny_model: Path, folder: Path) -> None:
    """Copy a model and give it home features."""
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("drift.json"))  # of another model
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    info["features"]["home"] = True
    (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
    with np.load(folder / "weights.npz") as archive:
        weights = dict(archive)
    n_regions, n_labels = len(info["taxonomy"]["regions"]), weights["coef"].shape[1]
    added = np.random.default_rng(0).normal(size=(n_regions * len(HOME_NAMES), n_labels))
    np.savez(
        folder / "weights.npz", **weights | {"coef": np.vstack([weights["coef"], added.astype(np.float32)])}
    )
