"""The MLflow model on disk: readable, complete, and telling what it takes, gives and needs."""

import json
import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow.models import Model
from mlflow.models.utils import load_serving_example

from newsdesk.base.files import list_files, read_model, sha256
from newsdesk.tracking import mlflow_model
from tests.conftest import project_env


@pytest.fixture(scope="module")
def saved(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    mlflow_model.save(tiny_model, folder, run_id="r1")
    return folder


def test_the_folder_holds_the_model_once_and_no_pickle(tiny_model: Path, saved: Path) -> None:
    inside = {file.relative_to(saved).as_posix() for file in list_files(saved)}
    packaged = {f"artifacts/model/{file.name}" for file in list_files(tiny_model)}
    described = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "served.py"}
    examples = {"input_example.json", "serving_input_example.json"}
    assert inside == packaged | described | examples
    assert sha256(saved / "artifacts/model") == sha256(tiny_model)


def test_what_it_needs_is_pinned_and_no_more(saved: Path) -> None:
    lines = (saved / "requirements.txt").read_text().split()
    names = ["mlflow-skinny", "numpy", "pandas", "pyarrow", "numba", "PyStemmer"]
    assert lines == [f"{name}=={version(name)}" for name in names]


def test_it_describes_itself(tiny_run: Path, tiny_model: Path, saved: Path) -> None:
    description = Model.load(str(saved))
    assert description.run_id == "r1"
    info = json.loads((tiny_model / "model.json").read_text(encoding="utf-8"))
    assert description.metadata == {
        "format": info["format"],
        "newsdesk_version": info["version"],
        "model_sha256": sha256(tiny_model),
        "taxonomy_sha256": mlflow_model.taxonomy_sha256(info),
    }
    flavor = description.flavors["python_function"]
    assert (flavor["model_code_path"], flavor["code"]) == ("served.py", None)
    assert flavor["config"] == {"threads": 1}
    for place in (saved.parent, tiny_run, Path(mlflow_model.__file__).parent):
        assert str(place) not in (saved / "MLmodel").read_text()


def test_the_signature_is_explicit(saved: Path) -> None:
    signature = Model.load(str(saved)).signature
    assert signature == mlflow_model.build_signature()
    assert [(c.name, c.required) for c in signature.inputs] == [
        (0, False), ("text", False), ("title", False), ("article_id", False),
    ]  # fmt: skip
    assert {c.name: (str(c.type), c.required) for c in signature.outputs} == {
        "article_id": ("DataType.string", False),
        "regions": ("Array(string)", True),
        "topics": ("Array(string)", True),
        "region_scores": ("Map(str -> DataType.double)", True),
        "topic_scores": ("Map(str -> DataType.double)", True),
        "reason": ("DataType.string", False),
        "model_version": ("DataType.string", True),
    }
    assert {p.name: p.default for p in signature.params} == {"profile": "balanced", "explain": False}


def test_the_example_keeps_its_nulls(saved: Path) -> None:
    example = json.loads(load_serving_example(str(saved)))["dataframe_split"]
    assert example["columns"] == ["title", "text", "article_id"]
    assert [row[0] is None for row in example["data"]] == [False, True]


def test_mlflow_has_nothing_to_warn_of(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        mlflow_model.save(tiny_model, tmp_path / "model")
    assert caplog.messages == []


def test_what_python_compiled_is_left_behind(tiny_model: Path, tmp_path: Path) -> None:
    for file in list_files(tiny_model):
        (tmp_path / "packaged/__pycache__").mkdir(parents=True, exist_ok=True)
        (tmp_path / "packaged" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "packaged/__pycache__/scorer.pyc").write_bytes(b"x")
    mlflow_model.save(tmp_path / "packaged", tmp_path / "model")
    assert not list((tmp_path / "model").rglob("__pycache__"))


def test_the_packaged_folder_is_found_within(tiny_model: Path, saved: Path) -> None:
    assert read_model(mlflow_model.packaged_folder(saved)).info == read_model(tiny_model).info
    assert mlflow_model.packaged_folder(tiny_model) == tiny_model


def test_its_code_does_nothing_where_it_is_imported() -> None:
    code = "import newsdesk.served, mlflow.models.model as m; print(m.__mlflow_model__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=project_env(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "None"
