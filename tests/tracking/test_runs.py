"""The location of the store."""

import fcntl
import threading
from pathlib import Path

import pytest

from newsdesk.tracking import runs


def test_the_default_store_is_in_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "profiles/public").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "profiles/public")
    assert runs.store_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert not runs.store_exists()
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert runs.store_uri() == "sqlite:////elsewhere/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    assert runs.store_uri() == "sqlite:////elsewhere/runs.db", "not in the temporary copy of an experiment"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert runs.store_uri() == "http://127.0.0.1:5000"
    assert runs.store_exists()


def test_one_process_makes_the_store_in_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, copy = tmp_path / "checkout/mlflow.db", tmp_path / "copy"
    for folder in (store.parent, copy):
        folder.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    monkeypatch.chdir(copy)
    locations = []

    def connect() -> None:
        with runs.connect() as client:
            locations.append(client.get_experiment_by_name("Default").artifact_location)

    with store.with_name("mlflow.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=connect)
        second.start()
        second.join(timeout=3)
        assert second.is_alive(), "it waits for the process that makes the store"
        assert not store.exists()
    second.join()
    assert locations == [f"{store.parent}/mlruns/0"]
    assert Path.cwd() == copy
