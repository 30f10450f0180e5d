"""MLflow runs as stage `track` records them, with invented predictions and a model of a few bytes."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from newsdesk.base.files import sha256, write_json, write_table
from newsdesk.evaluation.metrics import evaluate_head
from newsdesk.evaluation.test_set import hash_test_set, select_test_set
from newsdesk.training.targets import first_labels, indicator

if TYPE_CHECKING:
    from mlflow import MlflowClient

LABELS = {"region": ["europe", "us", "asia"], "topic": ["conflict", "economy", "sport"]}
N_BOOTSTRAP = 200
STRINGS = ("article_id", "source", "group_id", "region_origin", "topic_origin", "reason")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in STRINGS),
        *((f"{task}_{kind}", pa.list_(pa.string())) for task in LABELS for kind in ("true", "predicted")),
        *((f"{task}_scores", pa.map_(pa.string(), pa.float64())) for task in LABELS),
    ]
)


def make_predictions(
    *,
    errors: float,
    seed: int,
    test_seed: int = 0,
    n: int = 240,
    lose_sport_every: int = 0,
    labels: Mapping[str, list[str]] = LABELS,
) -> pa.Table:
    """Return articles in groups of one or two, with predictions that are wrong at a rate of `errors` a label.

    The truth depends on `test_seed` alone. In every `lose_sport_every`-th article, sport is not predicted.
    """
    truth, noise = np.random.default_rng(test_seed), np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row: dict[str, Any] = {
            "article_id": f"a{test_seed}-{i:04}",
            "source": ("north", "south")[i % 2],
            "group_id": f"g{i - i % 2 if truth.random() < 0.3 else i:04}",
            "region_origin": "gold",
            "topic_origin": "gold",
            "reason": None,
        }
        for task, names in labels.items():
            true = [label for label in names if truth.random() < 0.4]
            predicted = [label for label in names if (label in true) != (noise.random() < errors)]
            if lose_sport_every and i % lose_sport_every == 0:
                predicted = [label for label in predicted if label != "sport"]
            row[f"{task}_true"], row[f"{task}_predicted"] = true, predicted
            row[f"{task}_scores"] = [
                (label, round(float(abs((label in predicted) - noise.random() * 0.4)), 3)) for label in names
            ]
        if not row["region_predicted"] and not row["topic_predicted"]:
            row["reason"] = "no_evidence"
        rows.append(row)
    return pa.Table.from_pylist(rows, SCHEMA)


def measure(
    rows: Sequence[Mapping[str, Any]], labels: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return metrics of each head on a frozen test, and of each label."""
    metrics, by_label = {}, {}
    for task, names in labels.items():
        true, predicted = ([row[f"{task}_{kind}"] for row in rows] for kind in ("true", "predicted"))
        metrics[task], by_label[task] = evaluate_head(
            indicator(true, names), indicator(predicted, names),
            main=first_labels(true, names), first=first_labels(predicted, names), labels=names, groups=[row["group_id"] for row in rows], n_bootstrap=N_BOOTSTRAP, seed=0,
        )  # fmt: skip
    return metrics, by_label


def make_run(client: MlflowClient, folder: Path, predictions: pa.Table, *, without: str = "") -> str:
    """Record a finished run, without the artifact `without`, and return its id."""
    from mlflow.entities import Param, RunTag

    folder = folder / uuid.uuid4().hex
    info = {
        "name": uuid.uuid4().hex,  # so that no two models have the same hash
        "heads": [{"task": task, "labels": labels} for task, labels in LABELS.items()],
        "taxonomy": {
            f"{task}s": [{"id": label, "english": label.title(), "description": ""} for label in labels]
            for task, labels in LABELS.items()
        },
    }
    write_json(info, folder / "model/model.json")
    rows = select_test_set(predictions, origins=["gold"])
    metrics, by_label = measure(rows, LABELS)
    counts = {"read": 130, "kept": 120, "splits": {"test": 120}, "refused": {}}
    for name, content in {
        "metrics/evaluate.json": metrics,
        "metrics/labels.json": by_label,
        "metrics/clean.json": {"sources": {"north": counts, "south": counts}},
        "evaluation/sources.json": {"north": {"n": 120, "first": "2024-01-02", "last": "2025-03-04"}},
    }.items():
        write_json(content, folder / name)
    write_table(predictions, folder / "evaluation/predictions.parquet")
    if without:
        path = folder / without
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    tags = {
        "newsdesk.model_sha256": sha256(folder / "model") if (folder / "model").is_dir() else "0" * 64,
        "newsdesk.articles_sha256": "a" * 64,
        "newsdesk.params_sha256": "b" * 64,
        "newsdesk.receipt": "c" * 64,
        "newsdesk.test_sha256": hash_test_set(rows),
        "newsdesk.test_origins": "gold",
        "mlflow.source.git.commit": "d" * 40,
    }
    params = {"evaluate.n_bootstrap": N_BOOTSTRAP, "evaluate.seed": 0, "evaluate.min_support": 20}
    run_id = str(client.create_run(_experiment(client, folder)).info.run_id)
    client.log_batch(
        run_id,
        tags=[RunTag(key, value) for key, value in tags.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
    )
    client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id)
    return run_id


def _experiment(client: MlflowClient, folder: Path) -> str:
    found = client.get_experiment_by_name("invented")
    if found:
        return str(found.experiment_id)
    local = client.tracking_uri.startswith("sqlite:")
    location = (folder.parent / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment("invented", artifact_location=location))
