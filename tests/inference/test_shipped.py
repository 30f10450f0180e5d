"""The shipped model: output of the public pipeline, small, in the wheel, and the default of `predict`."""

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from newsdesk.base.files import SHIPPED, list_files
from tests import ROOT
from tests.commands import invoke, run

MAX_BYTES = 10_000_000
PAGE = "data/starter/pages/page-01.txt"


def dvc_md5(folder: Path) -> str:
    """Return DVC's hash of a folder: of its files' hashes and relative paths as JSON."""
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


def test_predict_uses_it_by_default(tmp_path: Path) -> None:
    page = str(ROOT / PAGE)
    default = invoke("predict", page, "--format", "jsonl", cwd=tmp_path)
    named = invoke("predict", page, "--format", "jsonl", "--model", str(SHIPPED), cwd=tmp_path)
    assert default.returncode == 0, default.stderr
    assert default.stdout == named.stdout != ""
    shown = " ".join(invoke("predict", "--help", cwd=tmp_path).stdout.split())
    assert "[default: (the model that newsdesk comes with" in shown


@pytest.mark.integration
def test_make_results_uses_the_trained_model() -> None:
    shown = run("make", "--dry-run", "results", cwd=ROOT).stdout
    assert "newsdesk predict data/starter/pages --model model" in shown


@pytest.mark.integration
def test_wheel_contains_it(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("newsdesk/shipped/"): name for name in archive.namelist()}
        for file in list_files(SHIPPED):
            assert archive.read(inside[file.name]) == file.read_bytes()
