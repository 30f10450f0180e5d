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
from newsdesk.tracking.hashes import EARLIER_TAGS, hashes_tag
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


def make_run(
    client: MlflowClient, folder: Path, predictions: pa.Table, *, without: str = "", earlier: bool = False
) -> str:
    """Record a finished run, without the artifact `without`, and return its id.

    A run of an `earlier` release has its model among its artifacts, and a tag for each hash.
    """
    from mlflow.entities import Metric, Param, RunTag

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
    model = folder / "model"
    hashes = {
        "model": sha256(model) if model.is_dir() else "0" * 64,
        "articles": "a" * 64,
        "params": "b" * 64,
        "receipt": "c" * 64,
        "test": hash_test_set(rows),
    }
    tags = {
        **(
            {EARLIER_TAGS[name]: digest for name, digest in hashes.items()} if earlier else hashes_tag(hashes)
        ),
        "newsdesk.test_origins": "gold",
        "mlflow.source.git.commit": "d" * 40,
    }
    params = {"evaluate.n_bootstrap": N_BOOTSTRAP, "evaluate.seed": 0, "evaluate.min_support": 20}
    experiment = _experiment(client, folder)
    run_id = str(client.create_run(experiment).info.run_id)
    client.log_batch(
        run_id,
        metrics=[Metric(f"{task}.f1_macro", metrics[task]["f1_macro"], 0, 0) for task in LABELS],
        tags=[RunTag(key, value) for key, value in tags.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
    )
    if model.is_dir() and not earlier:
        _log_model(client, experiment, run_id, model)
    client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id)
    return run_id


def _log_model(client: MlflowClient, experiment: str, run_id: str, folder: Path) -> None:
    """Log a model as `log_run` does, and remove its folder."""
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(experiment, "model", source_run_id=run_id)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    client.finalize_logged_model(logged.model_id, "READY")
    shutil.rmtree(folder)


def _experiment(client: MlflowClient, folder: Path) -> str:
    found = client.get_experiment_by_name("invented")
    if found:
        return str(found.experiment_id)
    local = client.tracking_uri.startswith("sqlite:")
    location = (folder.parent / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment("invented", artifact_location=location))
