"""A checkout that was moved: doctor tells it, mends the store, and leaves all else as it is."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking import moved
from tests.conftest import run
from tests.small import make_project


def make_store(folder: Path) -> Path:
    """A store with a run and a version in the project's own experiment, and an experiment kept elsewhere."""
    store = folder / "mlflow.db"
    folder.mkdir(parents=True)
    client = MlflowClient(tracking_uri=f"sqlite:///{store}", registry_uri=f"sqlite:///{store}")
    own = client.create_experiment("newsdesk", artifact_location=(folder / "mlartifacts").as_uri())
    elsewhere = f"{folder}-elsewhere/mlartifacts/1"  # begins as the folder does, and lies not in it
    client.create_experiment("elsewhere", artifact_location=elsewhere)
    client.create_experiment("bucket", artifact_location="s3://bucket/mlartifacts")
    made = client.create_run(own)
    client.log_text(made.info.run_id, "model", "model/MLmodel")
    client.create_registered_model("newsdesk")
    client.create_model_version("newsdesk", f"{made.info.artifact_uri}/model", run_id=made.info.run_id)
    return store


def places(store: Path) -> set[str]:
    """Every place that the store names."""
    with closing(sqlite3.connect(store)) as connection:
        return {
            place
            for table, column in moved.PLACES
            for (place,) in connection.execute(f"SELECT {column} FROM {table}")
            if place
        }


def test_only_what_lay_under_the_old_checkout_is_changed(tmp_path: Path) -> None:
    old, new = tmp_path / "أخبار 1", tmp_path / "أخبار 2"
    before = places(make_store(old))
    old.rename(new)
    store, root = new / "mlflow.db", new / "mlartifacts"
    assert moved.old_roots(store, root) == {old: 4}, "experiment, run, source and storage of the version"
    copy = moved.mend(store, root)
    assert moved.old_roots(store, root) == {}
    expected = {
        place.replace(f"{old.as_uri()}/", f"{new.as_uri()}/").replace(f"{old}/", f"{new}/")
        for place in before
    }
    assert places(store) == expected
    assert {f"{old}-elsewhere/mlartifacts/1", "s3://bucket/mlartifacts"} <= {
        place.removeprefix("file://") for place in expected
    }
    assert places(copy) == before
    assert copy.parent == new


def test_artifacts_that_stayed_behind_are_told(tmp_path: Path) -> None:
    store = make_store(tmp_path / "old")
    (tmp_path / "new").mkdir()
    shutil.move(store, tmp_path / "new")
    store = tmp_path / "new/mlflow.db"
    before = places(store)
    with pytest.raises(NewsdeskError, match=r"new/mlartifacts: no such folder; move it here too"):
        moved.mend(store, tmp_path / "new/mlartifacts")
    assert places(store) == before


def test_a_store_in_use_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    store, connect = tmp_path / "new/mlflow.db", sqlite3.connect
    monkeypatch.setattr(moved.sqlite3, "connect", lambda *a, **k: connect(*a, timeout=0, **k))
    with closing(connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NewsdeskError, match="database is locked; nothing was changed"):
            moved.mend(store, tmp_path / "new/mlartifacts")
    assert [path.name for path in store.parent.iterdir() if ".before-" in path.name] == []


def test_what_is_no_store_has_no_old_place(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    assert moved.old_roots(tmp_path / "mlflow.db", tmp_path / "mlartifacts") == {}


def test_a_champion_loads_after_the_checkout_was_moved(tmp_path: Path) -> None:
    old, new = make_project(tmp_path / "here"), tmp_path / "there"
    predict = (
        "newsdesk",
        "predict",
        "made/page.txt",
        "--model",
        "models:/newsdesk@champion",
        "--format",
        "jsonl",
    )
    (old / "made/page.txt").write_text(
        "بحث المستشار الألماني مع نظيره الفرنسي في برلين سبل دعم الاقتصاد الأوروبي."
    )
    for command in (
        ("dvc", "repro", "--quiet"),
        ("newsdesk", "register"),
        ("newsdesk", "promote", "--reason", "the first"),
    ):
        done = run(*command, cwd=old)
        assert done.returncode == 0, done.stdout + done.stderr
    old.rename(new)
    told = run("newsdesk", "doctor", cwd=new)
    (line,) = [line for line in told.stdout.splitlines() if "MLflow artifacts" in line]
    assert told.returncode == 1
    assert f"are still at {old}, where the checkout was" in line
    assert line.rstrip().endswith("newsdesk doctor --fix")
    mended = run("newsdesk", "doctor", "--fix", cwd=new)
    assert f"places are at {new} now" in mended.stderr
    assert "MLflow artifacts" not in mended.stdout
    labelled = run(*predict, cwd=new)
    assert labelled.returncode == 0, labelled.stderr
    assert json.loads(labelled.stdout)["regions"] == ["europe"]
