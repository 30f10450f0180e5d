"""`register`: which runs, what a version holds, the same model again, old stores."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.cli.registry.options import find_run_id
from newsdesk.registry import versions
from newsdesk.registry.store import list_versions, read_model_hash
from newsdesk.registry.versions import CARD_PATH, get_finished_run
from newsdesk.tracking.hashes import HASHES_TAG, RECORDED, hashes_tag, read_hashes, recorded_hashes
from newsdesk.tracking.recording import RunRecord, log_run
from tests.commands import Command
from tests.recorded_runs import make_predictions, make_run
from tests.registry.conftest import Register
from tests.stores import connect

GOOD, BAD = make_predictions(errors=0.02, seed=1), make_predictions(errors=0.25, seed=2)


@pytest.mark.parametrize("missing", ["model", "evaluation/predictions.parquet", "metrics/evaluate.json"])
def test_without_an_artifact_nothing_is_registered(
    missing: str, client: MlflowClient, newsdesk: Command, tmp_path: Path, name: str
) -> None:
    run_id = make_run(client, tmp_path, GOOD, without=missing)
    done = newsdesk("register", "--run", run_id, "--name", name)
    message = f"run {run_id}: its artifact {missing} is missing; run `newsdesk track` again"
    assert (done.code, message in done.err) == (2, True)
    assert not client.search_registered_models(f"name='{name}'")
    assert not [artifact for artifact in client.list_artifacts(run_id) if artifact.path == CARD_PATH]


def test_a_changed_model_is_not_registered(mlflow_file: str, tmp_path: Path, name: str) -> None:
    client = connect(mlflow_file)
    run_id = make_run(client, tmp_path, GOOD)
    (tmp_path / "model.json").write_text("{}")
    (logged,) = client.get_run(run_id).outputs.model_outputs
    client.log_model_artifact(logged.model_id, str(tmp_path / "model.json"))
    done = Command(tmp_path, mlflow_file)("register", "--run", run_id, "--name", name)
    assert (done.code, "its artifact model is not the model that was evaluated" in done.err) == (2, True)


def test_only_finished_runs_of_the_pipeline_are_registered(mlflow_file: str, tmp_path: Path) -> None:
    client, newsdesk = connect(mlflow_file), Command(tmp_path, mlflow_file)
    run_id = make_run(client, tmp_path, GOOD)
    client.set_tag(run_id, HASHES_TAG, "model=1 articles=2 params=3 receipt=4")
    assert f"run {run_id}: has no hash of test" in newsdesk("register", "--run", run_id).err
    client.set_terminated(run_id, "FAILED")
    assert "expected status FINISHED, found FAILED" in newsdesk("register", "--run", run_id).err
    assert "the store has no such run" in newsdesk("register", "--run", "f" * 32).err
    assert newsdesk("register").err == (
        "newsdesk: params.yaml: no such file; run `dvc repro`, or give --run\n"
    )
    assert "'a/b' is not a valid model name" in newsdesk("promote", "a/b").err


@pytest.mark.parametrize("is_earlier", [False, True], ids=["now", "earlier release"])
def test_the_run_of_the_files_at_hand_is_registered(
    is_earlier: bool, mlflow_file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever ran last: after `dvc exp apply` the files are those of an earlier run."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    found = {}
    for trial, own in (("c=10", f"10 {is_earlier}"), ("c=5", f"5 {is_earlier}")):
        for file in RECORDED:
            path = tmp_path / trial / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("the same" if file == "metrics/clean.json" else own, encoding="utf-8")
        hashes = recorded_hashes({file: sha256(tmp_path / trial / file) for file in RECORDED})
        earlier = {f"newsdesk.{name}_sha256": digest for name, digest in hashes.items()}
        found[trial] = log_run("grid", RunRecord(tags=earlier if is_earlier else hashes_tag(hashes)))
    assert {trial: find_run_id(tmp_path / trial) for trial in found} == found
    (tmp_path / "c=5" / "model").write_text("changed by hand", encoding="utf-8")
    with pytest.raises(NewsdeskError, match=r"no run recorded these files; run `newsdesk track`"):
        find_run_id(tmp_path / "c=5")


def test_the_same_model_again(
    client: MlflowClient, newsdesk: Command, name: str, register: Register, tmp_path: Path
) -> None:
    run = get_finished_run(client, make_run(client, tmp_path, GOOD))
    outcomes = [versions.register(client, run, name=name, card="# Card\n") for _ in range(2)]
    assert outcomes == [("1", "registered"), ("1", "already")]
    register(BAD)
    again = newsdesk("register", "--run", run.info.run_id, "--name", name)
    assert (again.code, again.out) == (0, f"models:/{name}/1\n")
    assert "is the same model; it has the alias challenger again" in again.err


@pytest.mark.integration
def test_the_same_model_by_two_processes(client: MlflowClient, store: str, name: str, tmp_path: Path) -> None:
    newsdesk = Command(tmp_path, store)
    run_id = make_run(client, tmp_path, GOOD)
    started = [newsdesk.start("register", "--run", run_id, "--name", name) for _ in range(2)]
    finished = [newsdesk.wait(process) for process in started]
    assert [(done.code, done.out) for done in finished] == [(0, f"models:/{name}/1\n")] * 2, finished
    (version,) = list_versions(client, name)
    assert version.tags["mlflow.source.git.commit"] == "d" * 40


def test_stored_tags(client: MlflowClient, name: str, register: Register) -> None:
    """Versions of existing registries have to be readable."""
    register(GOOD)
    (version,) = list_versions(client, name)
    assert set(version.tags) == {
        "f1_macro region", "f1_macro topic", "newsdesk.hashes", "newsdesk.test_origins", "newsdesk.complete",
        "mlflow.source.git.commit",
    }  # fmt: skip
    assert read_hashes(version.tags).keys() == {"model", "articles", "params", "test", "receipt", "card"}
    (logged,) = client.get_run(version.run_id).outputs.model_outputs
    assert version.source == client.get_logged_model(logged.model_id).artifact_location


def test_a_run_of_an_earlier_release_is_registered_and_compared(
    client: MlflowClient, newsdesk: Command, name: str, tmp_path: Path
) -> None:
    """Its model is among its artifacts, and it has a tag for each hash."""
    run_ids = [
        make_run(client, tmp_path, predictions, earlier=is_earlier)
        for predictions, is_earlier in ((BAD, True), (GOOD, False))
    ]
    for run_id in run_ids:
        assert newsdesk("register", "--run", run_id, "--name", name).code == 0
        done = newsdesk("promote", name, "--reason", "better", "--n-bootstrap", "200")
        assert done.code == 0, done.err
    earlier = client.get_model_version(name, "1")
    assert earlier.source == f"{client.get_run(run_ids[0]).info.artifact_uri}/model"
    assert read_hashes(earlier.tags)["model"] == client.get_run(run_ids[0]).data.tags["newsdesk.model_sha256"]


def test_a_version_of_an_earlier_release_is_read(client: MlflowClient, name: str, tmp_path: Path) -> None:
    """It has a tag for each hash; the same model is not registered again."""
    run = get_finished_run(client, make_run(client, tmp_path, GOOD, earlier=True))
    client.create_registered_model(name)
    tags = {key: value for key, value in run.data.tags.items() if key.startswith("newsdesk.")}
    source = f"{run.info.artifact_uri}/model"
    client.create_model_version(name, source, run.info.run_id, tags={**tags, "newsdesk.complete": "true"})
    assert versions.register(client, run, name=name, card="# Card") == ("1", "again")
    assert read_model_hash(client, name, "1") == run.data.tags["newsdesk.model_sha256"]


def test_a_store_of_an_older_mlflow(mlflow_file: str, tmp_path: Path) -> None:
    run_id = make_run(connect(mlflow_file), tmp_path, GOOD)
    old = tmp_path / "old.db"
    shutil.copy(mlflow_file.removeprefix("sqlite:///"), old)
    with sqlite3.connect(old) as database:
        database.execute("update alembic_version set version_num = 'bd07f7e963c5'")
    done = Command(tmp_path, f"sqlite:///{old}")("register", "--run", run_id)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "Detected out-of-date database schema (found version bd07f7e963c5" in done.err
    assert "mlflow db upgrade" in done.err
