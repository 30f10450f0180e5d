"""The model that is served follows its alias in a real SQLite registry, which disappears and returns."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mlflow import MlflowClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, sha256
from newsdesk.serving.app import build_app
from newsdesk.serving.model_watcher import ModelWatcher, open_model

from .conftest import TEXT, wait


def test_served_model_follows_its_alias(
    mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    registry = MlflowClient(tracking_uri=mlflow_file, registry_uri=mlflow_file)
    registry.create_registered_model("served")
    other = copy_without_confident_labels(tmp_path / "other")
    first, second = (
        str(registry.create_model_version("served", source=folder.as_uri()).version)
        for folder in (SHIPPED, other)
    )
    registry.set_registered_model_alias("served", "champion", first)
    records: list[dict[str, Any]] = []
    uri = "models:/served@champion"
    watcher = ModelWatcher(open_model(uri), model=uri, log=lambda record: records.append(dict(record)))
    app = build_app(watcher, threads=1, interval=0.05, log=lambda record: None)
    with TestClient(app) as client:
        wait(lambda: client.get("/ready").status_code == 200)
        answer = client.post("/predict", json={"text": TEXT}).json()
        assert (answer["model"]["name"], answer["model"]["version"]) == ("served", first)
        assert answer["predictions"][0]["regions"] == ["us"]

        registry.set_registered_model_alias("served", "champion", second)
        wait(lambda: client.get("/version").json()["model"]["version"] == second)
        answer = client.post("/predict", json={"text": TEXT}).json()
        assert (answer["model"]["version"], answer["predictions"][0]["reason"]) == (second, "ambiguous")
        assert answer["model"]["sha256"] == sha256(other)

        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/away.db")
        health = wait(lambda: (h := client.get("/health").json())["status"] == "degraded" and h)
        assert "no such file" in health["trouble"]
        assert not (tmp_path / "away.db").exists()
        assert client.post("/predict", json={"text": TEXT}).json()["model"]["version"] == second

        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
        wait(lambda: client.get("/health").json()["status"] == "ready")
    assert [record["event"] for record in records] == ["ready", "renewed", "degraded", "recovered"]


def copy_without_confident_labels(folder: Path) -> Path:
    """Copy the model of the package with thresholds that no probability reaches."""
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    info = json.loads((SHIPPED / "model.json").read_text(encoding="utf-8"))
    for head in info["heads"]:
        head |= {"thresholds": [1.0] * len(head["labels"]), "floor": None}
    (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("model", "message"),
    [("nowhere", "nowhere: no such model folder"), ("models:/newsdesk@champion", "no such file")],
)
def test_missing_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(NewsdeskError, match=message):
        open_model(model)
