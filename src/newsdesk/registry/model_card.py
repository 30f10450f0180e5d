"""Write the model card of a run in Markdown; every number in it is the run's."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from newsdesk.base.files import read_json, read_table
from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import brier_score, calibration_error, draw_f1, summarize_draws
from newsdesk.evaluation.tables import format_interval, outlets_table
from newsdesk.evaluation.test_set import select_test_set
from newsdesk.registry import versions
from newsdesk.registry.store import download
from newsdesk.tracking import runs
from newsdesk.tracking.hashes import read_hashes
from newsdesk.training.targets import indicator

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TEMPLATE = Path(__file__).with_name("model_card.md.j2")
SOURCES = "data/sources.tsv"
UNSEEN = "profiles/unseen/metrics/outlets.json"
FILES = {
    "metrics": "metrics/evaluate.json",
    "labels": "metrics/labels.json",
    "account": "metrics/clean.json",
    "spans": "evaluation/sources.json",
}
IDENTITY = {"model": "model", "data": "articles", "settings": "params", "test": "test"}  # name of each hash
SETTINGS = ("n_bootstrap", "seed", "min_support")
N_CONFUSED = 5
N_LOWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """Content of a model card; the fields from `metrics` to `spans` are the `FILES` of the run."""

    identity: Mapping[str, str]
    metrics: Mapping[str, Any]
    labels: Mapping[str, Any]
    account: Mapping[str, Any]
    spans: Mapping[str, Any]
    info: Mapping[str, Any]  # model.json
    rows: Sequence[Mapping[str, Any]]  # the test set with predictions
    sources: Mapping[str, Mapping[str, str]]
    unseen: Mapping[str, Any] | None  # metrics of `newsdesk outlets`, if the run has its settings
    n_bootstrap: int
    seed: int
    min_support: int


def card_of_run(client: MlflowClient, run: Run) -> str:
    """Download the artifacts of a finished run and return its card."""
    with tempfile.TemporaryDirectory() as folder:
        return build_card(read_card_data(client, run, Path(folder)))


def build_card(card: CardData) -> str:
    """Return the model card as Markdown."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"interval": format_interval, "score": "{:.3f}".format, "thousands": "{:,}".format}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        card=card,
        measured={task: measure_task(card, task) for task in TASKS if task in card.metrics},
        unseen=card.unseen and outlets_table(card.unseen),
    )


def read_card_data(client: MlflowClient, run: Run, folder: Path) -> CardData:
    """Download the artifacts of a run to a folder and read them."""
    model = versions.find_packaged_model(run, download(client, run, runs.MODEL_PATH, folder))
    predictions = read_table(download(client, run, versions.PREDICTIONS_PATH, folder))
    tags, params, root = run.data.tags, run.data.params, runs.project_root()
    hashes = read_hashes(tags)
    has_outlets = any(name.startswith("outlets.") for name in params) and (root / UNSEEN).exists()
    settings: dict[str, Any] = {name: int(params[f"evaluate.{name}"]) for name in SETTINGS}
    return CardData(
        identity={
            "run": run.info.run_id,
            "commit": tags.get(runs.COMMIT_TAG, "none"),
            **{f"{name} sha256": hashes[recorded] for name, recorded in IDENTITY.items()},
        },
        info=read_json(model / "model.json"),
        rows=select_test_set(predictions, origins=tags[versions.ORIGINS_TAG].split(",")),
        sources=read_sources(root / SOURCES),
        unseen=read_json(root / UNSEEN) if has_outlets else None,
        **{name: read_json(download(client, run, path, folder)) for name, path in FILES.items()},
        **settings,
    )


def read_sources(path: Path) -> dict[str, dict[str, str]]:
    """Return outlet, kind of texts and licence by source, an empty dict if there is no such table."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["source"]: row for row in csv.DictReader(handle, delimiter="\t")}


def measure_task(data: CardData, task: str) -> dict[str, Any]:
    """Measure calibration, failures, and F1 by label and outlet with bootstrap intervals, of a head."""
    labels = next(head for head in data.info["heads"] if head["task"] == task)["labels"]
    rows = [row for row in data.rows if row[f"{task}_true"] is not None]
    y_true = indicator([row[f"{task}_true"] for row in rows], labels)
    y_pred = indicator([row[f"{task}_predicted"] for row in rows], labels)
    scores = [dict(row[f"{task}_scores"]) for row in rows]
    y_score = np.array([[by_label.get(label, 0.0) for label in labels] for by_label in scores])
    groups = [row["group_id"] for row in rows]
    settings = {"n_bootstrap": data.n_bootstrap, "seed": data.seed}

    by_label = {}
    for j, label in enumerate(labels):
        true, predicted = y_true[:, j : j + 1], y_pred[:, j : j + 1]
        if not true.any():  # without test articles the F1 is not 0 but unknown
            by_label[label] = dict.fromkeys(("f1", "f1_low", "f1_high"))
            continue
        # micro F1 of one label is its F1; resamples without the label are left out
        f1 = draw_f1(true, predicted, groups=groups, **settings)[:, 1:]
        has_label = draw_f1(true, true, groups=groups, **settings)[:, 1] > 0
        has_label[0] = True
        by_label[label] = summarize_draws(f1[has_label], ("f1",))

    by_outlet = {}
    outlets = np.array([row["source"] for row in rows])
    for outlet in sorted(set(outlets.tolist())):
        own = np.flatnonzero(outlets == outlet)
        own_groups = [groups[i] for i in own]
        draws = draw_f1(y_true[own], y_pred[own], groups=own_groups, min_support=data.min_support, **settings)
        by_outlet[outlet] = {"n_articles": len(own), **summarize_draws(draws)}

    return {
        "labels": by_label,
        "outlets": by_outlet,
        "brier": brier_score(y_true, y_score),
        "calibration_error": calibration_error(y_true, y_score),
        "lowest": sorted((f["f1"], name) for name, f in data.labels[task].items() if f["support"])[:N_LOWEST],
        "confused": _count_confusions(rows, task),
        "abstained": Counter(row["reason"] for row in rows if row["reason"]),
    }


def _count_confusions(rows: Sequence[Mapping[str, Any]], task: str) -> list[tuple[tuple[str, str], int]]:
    """Count the pairs of a missed label and a wrong one, or `nothing` where no label is wrong."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        true, predicted = set(row[f"{task}_true"]), set(row[f"{task}_predicted"])
        wrong = (predicted - true) or {"nothing"}
        counts.update((missed, label) for missed in true - predicted for label in wrong)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:N_CONFUSED]
