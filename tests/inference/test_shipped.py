"""The model that newsdesk comes with: the public pipeline's, small, in the wheel, and what `predict` uses."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from newsdesk.base.files import SHIPPED, list_files
from newsdesk.inference.scorer import Scorer
from tests.conftest import ROOT, project_env, run
from tests.inference.test_scorer import ARABIC, PACKAGED

MAX_BYTES = 10_000_000
PAGE = "data/starter/pages/page-01.txt"


def dvc_md5(folder: Path) -> str:
    """DVC's hash of a folder: of the list of its files' hashes and relative paths, as JSON."""
    listed = [
        {"md5": hashlib.md5(file.read_bytes()).hexdigest(), "relpath": file.relative_to(folder).as_posix()}
        for file in list_files(folder)
    ]
    listed.sort(key=lambda entry: entry["relpath"])
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()}.dir"


def test_it_is_the_output_of_the_public_pipeline() -> None:
    lock = YAML(typ="safe", pure=True).load((ROOT / "profiles/public/dvc.lock").read_text(encoding="utf-8"))
    (out,) = lock["stages"]["package_all"]["outs"]
    assert out["path"] == "ship"
    assert dvc_md5(SHIPPED) == out["md5"], "run `make public` and `make ship`, commit both"


def test_size_is_measured_and_small() -> None:
    size = sum(file.stat().st_size for file in list_files(SHIPPED))
    assert size <= MAX_BYTES
    measured = json.loads((ROOT / "profiles/public/metrics/ship.json").read_text(encoding="utf-8"))
    assert measured["bytes"] == size
    assert measured["max_difference"] < 0.005
    assert measured["n_labels_changed"] <= 0.001 * measured["n_labels"]


@pytest.mark.integration
def test_predict_uses_it_by_default_anywhere(tmp_path: Path) -> None:
    page = str(ROOT / PAGE)
    said = run("newsdesk", "predict", page, "--format", "jsonl", cwd=tmp_path)
    named = run("newsdesk", "predict", page, "--format", "jsonl", "--model", str(SHIPPED), cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout == named.stdout != ""
    shown = " ".join(run("newsdesk", "predict", "--help", cwd=tmp_path).stdout.split())
    assert "[default: (the model that newsdesk comes with" in shown


def test_make_labels_with_the_model_that_it_trains(project: Path) -> None:
    shown = run("make", "--dry-run", "results", cwd=project).stdout
    assert "newsdesk predict data/starter/pages --model model" in shown


@pytest.mark.parametrize("compile_from", ["0", "1000"])
@pytest.mark.integration
def test_it_scores_without_the_project(tmp_path: Path, compile_from: str) -> None:
    folder = tmp_path / "shipped"
    folder.mkdir()
    for file in list_files(SHIPPED):
        (folder / file.name).write_bytes(file.read_bytes())
    done = subprocess.run(
        [sys.executable, "-B", "-c", PACKAGED, str(folder), compile_from], cwd=tmp_path, check=True,
        env=project_env(), input=json.dumps([["غارة أميركية", ARABIC]]), capture_output=True, text=True,
    )  # fmt: skip
    (expected,) = Scorer.load(SHIPPED).predict(["غارة أميركية"], [ARABIC])
    assert json.loads(done.stdout.splitlines()[0]) == [[expected.labels, expected.scores]]
    assert "us" in expected.labels["region"]
    assert "terrorism" in expected.labels["topic"]


@pytest.mark.integration
def test_the_wheel_holds_it(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("newsdesk/shipped/"): name for name in archive.namelist()}
        for file in list_files(SHIPPED):
            assert archive.read(inside[file.name]) == file.read_bytes()
