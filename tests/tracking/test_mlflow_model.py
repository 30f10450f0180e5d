"""The MLflow model on disk: files, requirements, metadata, signature and input example."""

import importlib.util
import json
import logging
import shutil
from importlib.metadata import version
from pathlib import Path

import mlflow.models.model
import pytest
from mlflow.models import Model
from mlflow.models.utils import load_serving_example
from packaging.requirements import Requirement

from newsdesk.base.files import list_files, read_model, sha256, sha256_of_json
from newsdesk.inference import pyfunc
from newsdesk.inference.code import code_files
from newsdesk.tracking import mlflow_model


@pytest.fixture(scope="module")
def saved(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    mlflow_model.save(tiny_model, folder, run_id="r1")
    return folder


def test_the_folder_holds_model_and_code_once_and_no_pickle(tiny_model: Path, saved: Path) -> None:
    inside = {file.relative_to(saved).as_posix() for file in list_files(saved)}
    packaged = {f"artifacts/model/{file.name}" for file in list_files(tiny_model)}
    code = {f"artifacts/inference/{file.name}" for file in code_files()}
    descriptions = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "pyfunc.py"}
    examples = {"input_example.json", "serving_input_example.json"}
    assert inside == packaged | code | descriptions | examples
    assert sha256(saved / "artifacts/model") == sha256(tiny_model)


def test_requirements_are_ranges_that_hold_what_is_installed(saved: Path) -> None:
    lines = [Requirement(line) for line in (saved / "requirements.txt").read_text().split("\n") if line]
    names = ["mlflow-skinny", "numpy", "pandas", "pyarrow", "numba", "PyStemmer"]
    assert [requirement.name for requirement in lines] == names
    for requirement in lines:
        assert version(requirement.name) in requirement.specifier
        assert {part.operator for part in requirement.specifier} == {">=", "<"}


def test_metadata_and_flavor(tiny_run: Path, tiny_model: Path, saved: Path) -> None:
    description = Model.load(str(saved))
    assert description.run_id == "r1"
    info = json.loads((tiny_model / "model.json").read_text(encoding="utf-8"))
    assert description.metadata == {
        "format": info["format"],
        "schema_version": "1",
        "newsdesk_version": info["version"],
        "model_sha256": sha256(tiny_model),
        "taxonomy_sha256": sha256_of_json(info["taxonomy"]),
    }
    flavor = description.flavors["python_function"]
    assert (flavor["model_code_path"], flavor["code"]) == ("pyfunc.py", None)
    assert flavor["config"] == {"threads": 1, "warm": False, "task": None}
    for place in (saved.parent, tiny_run, Path(mlflow_model.__file__).parent):
        assert str(place) not in (saved / "MLmodel").read_text()


def test_signature(saved: Path) -> None:
    signature = Model.load(str(saved)).signature
    assert signature == mlflow_model.build_signature()
    assert [(c.name, c.required) for c in signature.inputs] == [
        (0, False), ("text", False), ("title", False), ("article_id", False), ("home", False),
    ]  # fmt: skip
    assert {c.name: (str(c.type), c.required) for c in signature.outputs} == {
        "article_id": ("DataType.string", False),
        "regions": ("Array(string)", True),
        "topics": ("Array(string)", True),
        "region_scores": ("Map(str -> DataType.double)", True),
        "topic_scores": ("Map(str -> DataType.double)", True),
        "reason": ("DataType.string", False),
        "main_region": ("DataType.string", False),
        "main_topic": ("DataType.string", False),
        "model_version": ("DataType.string", True),
    }
    assert {p.name: p.default for p in signature.params} == {
        "profile": "balanced", "explain": False, "flat": False,
    }  # fmt: skip


def test_the_input_example_keeps_nulls(saved: Path) -> None:
    example = json.loads(load_serving_example(str(saved)))["dataframe_split"]
    assert example["columns"] == ["title", "text", "article_id"]
    assert [row[0] is None for row in example["data"]] == [False, True]


def test_mlflow_gives_no_warning(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        mlflow_model.save(tiny_model, tmp_path / "model")
    assert caplog.messages == []


def test_bytecode_is_not_saved(tiny_model: Path, tmp_path: Path) -> None:
    packaged = shutil.copytree(tiny_model, tmp_path / "packaged")
    (packaged / "__pycache__").mkdir()
    (packaged / "__pycache__/scorer.pyc").write_bytes(b"x")
    mlflow_model.save(packaged, tmp_path / "model")
    assert not list((tmp_path / "model").rglob("__pycache__"))
    assert mlflow_model.packaged_folder(tmp_path / "model") != tmp_path / "model", (
        "whatever the folder's name"
    )


def test_the_packaged_folder_is_found(tiny_model: Path, saved: Path) -> None:
    assert read_model(mlflow_model.packaged_folder(saved)).info == read_model(tiny_model).info
    assert mlflow_model.packaged_folder(tiny_model) == tiny_model


@pytest.mark.parametrize(("name", "is_set"), [("newsdesk.inference.wrapper", False), ("wrapper", True)])
def test_only_mlflow_sets_the_model(name: str, is_set: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow runs the wrapper by its path; newsdesk imports it as part of a package."""
    monkeypatch.setattr(mlflow.models.model, "__mlflow_model__", None)
    spec = importlib.util.spec_from_file_location(name, pyfunc.__file__)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert (mlflow.models.model.__mlflow_model__ is not None) == is_set
