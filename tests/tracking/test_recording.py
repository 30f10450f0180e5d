"""Runs as MLflow's page shows them: in an SQLite file and on a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking import recording, runs
from newsdesk.tracking.datasets import SplitDataset
from newsdesk.tracking.recording import RunRecord, log_run, log_study, source_tags
from tests.checkouts import commit_all
from tests.commands import run
from tests.stores import connect

DATASETS = [
    SplitDataset(split, digest * 16, n, {"region": n, "topic": n}, "articles.parquet")
    for split, digest, n in (("train", "a", 40), ("valid", "b", 9), ("test", "c", 12))
]


@pytest.fixture
def client(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return connect(store)


def test_metrics_belong_to_the_model_and_the_test_set(client: MlflowClient, tiny_model: Path) -> None:
    rows = [{"head": "topic", "label": "sport", "error": "missed"}]
    record = RunRecord(
        description="**0.9**", tags={"mlflow.source.name": "dvc.yaml"}, params={"train.C": 3}, metrics={"topic.f1_macro": 0.9},
        datasets=DATASETS, texts={"hashes.json": "{}"}, tables={"tables/wrong_labels.json": rows, "tables/none.json": []},
        model=tiny_model,
    )  # fmt: skip
    run_id = log_run("recorded", record)
    made = client.get_run(run_id)
    assert made.info.status == "FINISHED"
    assert made.data.tags["mlflow.note.content"] == "**0.9**"
    logged = [json.loads(made.data.tags["mlflow.loggedArtifacts"])[0][key] for key in ("path", "type")]
    assert logged == ["tables/wrong_labels.json", "table"]
    contexts = {
        found.dataset.name: (found.tags[0].value, found.dataset.digest, json.loads(found.dataset.profile)["num_rows"])
        for found in made.inputs.dataset_inputs
    }  # fmt: skip
    assert contexts == {
        "train": ("training", "a" * 16, 40), "valid": ("validation", "b" * 16, 9), "test": ("test", "c" * 16, 12),
    }  # fmt: skip
    (output,) = made.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.status, model.name, model.params) == ("READY", "model", {"train.C": "3"})
    (metric,) = model.metrics
    assert (metric.key, metric.value) == ("topic.f1_macro", 0.9)
    assert (metric.dataset_name, metric.dataset_digest) == ("test", "c" * 16)
    assert model.tags["mlflow.source.name"] == "dvc.yaml"
    for uri in (f"runs:/{run_id}/model", f"models:/{output.model_id}"):
        assert (runs.download_model(uri) / "model.json").read_bytes() == (
            tiny_model / "model.json"
        ).read_bytes()


def test_a_run_that_is_not_complete_has_failed(client: MlflowClient, tmp_path: Path) -> None:
    for record in (RunRecord(model=tmp_path / "none"), RunRecord(files=[("", tmp_path / "none")])):
        with pytest.raises((NewsdeskError, OSError)):
            log_run("incomplete", record)
    experiment = client.get_experiment_by_name("incomplete").experiment_id
    assert {found.info.status for found in client.search_runs([experiment])} == {"FAILED"}
    assert {found.status for found in client.search_logged_models([experiment])} == {"FAILED"}


def test_a_server_without_logged_models_fails_in_one_line(
    mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    """As MLflow 2 answers; the run is no half of one that seems to be finished."""

    def refuse(*_: object, **__: object) -> None:
        message = "API request to endpoint /api/2.0/mlflow/logged-models failed with error code 404"
        raise MlflowException(message, error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(MlflowClient, "create_logged_model", refuse)
    with pytest.raises(
        NewsdeskError, match=r"logged-models failed .* 404; the server has to be MLflow 3\.0\.1 or newer"
    ):
        log_run("old server", RunRecord(model=tiny_model))
    client = connect(mlflow_file)
    (found,) = client.search_runs([client.get_experiment_by_name("old server").experiment_id])
    assert found.info.status == "FAILED"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (None, recording.KIND),
        ("", recording.KIND),
        ("genai_development_inferred", recording.KIND),
        ("no_inferred_type", recording.KIND),
        ("genai_development", "genai_development"),  # set by a person
    ],
)
def test_experiments_are_of_model_training(
    found: str | None, kind: str, mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    client, name = connect(mlflow_file), f"kind {found}"
    if found is not None:
        client.create_experiment(name, tags={recording.KIND_TAG: found})
    log_run(name, RunRecord())
    assert client.get_experiment_by_name(name).tags[recording.KIND_TAG] == kind


def test_trials_are_nested_runs(client: MlflowClient) -> None:
    trials = [RunRecord(name=f"trial-{n}", params={"C": n}, metrics={"score": n / 10}) for n in (1, 2)]
    run_id = log_study("searched", RunRecord(name="search", tags={"mlflow.source.name": "s"}), trials)
    found = client.search_runs(
        [client.get_experiment_by_name("searched").experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"
    )
    assert {(each.info.run_name, each.data.params["C"], each.data.metrics["score"]) for each in found} == {
        ("trial-1", "1", 0.1), ("trial-2", "2", 0.2),
    }  # fmt: skip
    assert {each.data.tags["mlflow.source.name"] for each in found} == {"s"}


def commit(folder: Path) -> str:
    """Make a repository with one commit and return its hash."""
    (folder / "a.txt").write_text("1")
    commit_all(folder)
    return run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()


def test_source_tags_hold_commit_branch_and_repository(tmp_path: Path) -> None:
    head = commit(tmp_path)
    address = "https://me:secret@example.org/news.git"
    for command in (["branch", "-M", "trial"], ["remote", "add", "origin", address]):
        assert run("git", *command, cwd=tmp_path).returncode == 0
    clean = {
        "mlflow.source.name": "dvc.yaml",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": head,
        "mlflow.source.git.dirty": "false",
        "mlflow.source.git.branch": "trial",
        "mlflow.source.git.repoURL": "https://example.org/news.git",
    }
    assert source_tags(tmp_path, "dvc.yaml") == clean
    (tmp_path / "b.txt").write_text("2")
    assert source_tags(tmp_path, "dvc.yaml") == clean | {"mlflow.source.git.dirty": "true"}


def test_source_tags_without_a_repository(tmp_path: Path) -> None:
    assert source_tags(tmp_path, "a") == {"mlflow.source.name": "a", "mlflow.source.type": "LOCAL"}


def test_source_tags_within_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "weaker")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    tags = source_tags(tmp_path, "a")
    assert (tags["DVC_EXP_NAME"], tags["DVC_EXP_BASELINE_REV"]) == ("weaker", "abc")
    commit(tmp_path)  # HEAD can change after the experiment was queued
    assert source_tags(tmp_path, "a")["mlflow.source.git.commit"] == "abc"
