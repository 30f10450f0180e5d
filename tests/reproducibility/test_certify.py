"""`newsdesk certify`: green on the committed lock, red with a clear finding after a change by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from newsdesk.base.files import read_arrays, sha256, write_arrays, write_json
from tests.conftest import commit_all, run

CERTIFICATE = "reports/certificate-starter.json"
WEIGHTS = "heads/topic/weights.npz"


def certify(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = run("newsdesk", "certify", *options, cwd=folder, **env)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def change_a_weight(path: Path, by: float) -> None:
    arrays = read_arrays(path)
    coef = arrays["coef"]
    coef[tuple(np.argwhere(coef)[-1])] += np.float32(by)
    write_arrays(path, **arrays)


# -- a pipeline of seconds: what a checkout may look like ---------------------------------------------


@pytest.fixture
def checkout(tiny_checkout: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkout, tmp_path / "checkout", symlinks=True)


@pytest.fixture(scope="module")
def kept(tiny_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a rerun of the checkout as it was committed first."""
    folder = tmp_path_factory.mktemp("kept")
    options = ("--seed", "7", "--keep", str(folder / "rerun"), "--output", str(folder / "certificate.json"))
    done = certify(tiny_checkout, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "certify: 2 of 2: measure" in done.stderr
    return str(folder / "rerun")


def test_a_signed_certificate_shows_an_edit(checkout: Path, kept: str) -> None:
    done = certify(checkout, "--rerun", kept)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        "certified: 2 of 2 outputs of the rerun and 2 of 2 at hand"
    )
    assert "certify: no MLflow run is tagged: no receipt at hand is that of the lock" in done.stderr
    written = json.loads((checkout / CERTIFICATE).read_text())
    assert written["commit"] == run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    assert written["rerun"]["hash_seed"] == 7
    assert written["signed_off"]["by"] == "t <t@example.org>"
    assert run("git", "status", "--porcelain", cwd=checkout).stdout == ""
    checked = certify(checkout, "--check", CERTIFICATE)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.startswith(f"{CERTIFICATE}: certified, as signed off by t <t@example.org> at ")
    written["rerun"]["hash_seed"] = 8
    (checkout / CERTIFICATE).write_text(json.dumps(written))
    checked = certify(checkout, "--check", CERTIFICATE)
    assert checked.returncode == 1
    assert "not as signed: its content has the hash " in checked.stdout


def test_a_weight_of_the_committed_lock_was_changed(checkout: Path) -> None:
    """The file, DVC's cache and the lock agree, and are committed: the rerun alone can tell."""
    change_a_weight(checkout / WEIGHTS, 0.5)
    assert run("dvc", "commit", "--force", "weigh", cwd=checkout).returncode == 0
    commit_all(checkout, "a better weight")
    done = certify(checkout)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "the first stage that gives something else is weigh" in lines
    assert "weigh: heads/topic: the rerun gives other bytes" in lines
    assert "  weights.npz: coef: 1 of 6 values differ, by at most 0.5" in lines
    assert json.loads((checkout / CERTIFICATE).read_text())["verdict"] == "differs"


def test_a_weight_at_hand_was_changed(checkout: Path, kept: str) -> None:
    change_a_weight(checkout / WEIGHTS, 0.25)
    done = certify(checkout, "--rerun", kept)
    assert done.returncode == 1
    assert "weigh: heads/topic: what is at hand is not what the lock says" in done.stdout
    assert "  weights.npz: coef: 1 of 6 values differ, by at most 0.25" in done.stdout
    assert "the first stage" not in done.stdout, "the rerun gives what the lock says"


def test_a_pipeline_that_hangs_on_the_hash_seed_is_found(checkout: Path) -> None:
    code = (checkout / "src/newsdesk/stages/weigh.py").read_text()
    seeded = code.replace("np.arange(6, dtype=np.float32)", "np.array([float(hash('ا') % 1000)])")
    assert seeded != code
    (checkout / "src/newsdesk/stages/weigh.py").write_text(seeded)
    done = run("dvc", "repro", cwd=checkout, PYTHONPATH=str(checkout / "src"))
    assert done.returncode == 0, done.stderr
    commit_all(checkout, "weigh by hash")
    assert "the first stage that gives something else is weigh" in certify(checkout).stdout


def test_code_that_the_lock_was_not_made_with_is_named(checkout: Path) -> None:
    with (checkout / "src/newsdesk/stages/measure.py").open("a") as code:
        code.write("# no other result\n")
    commit_all(checkout, "say more")
    done = certify(checkout)
    assert done.returncode == 1
    told = "measure: not what the lock was made with: src/newsdesk/stages/measure.py; run `dvc repro`"
    assert told in done.stdout


def test_a_lock_at_hand_that_is_not_committed_is_named(checkout: Path, kept: str) -> None:
    with (checkout / "dvc.lock").open("a") as lock:
        lock.write("# by hand\n")
    edited = certify(checkout, "--rerun", kept)
    assert edited.returncode == 1
    assert "dvc.lock at hand is not the one of commit " in edited.stdout
    assert "not committed, so not certified: dvc.lock" in edited.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--keep", "a", "--rerun", "b"), "give one of the two"),
        (("--keep", "heads"), "--keep heads: holds other files; name a new folder"),
        (("--rerun", "none"), "no finished rerun"),
        (("--check", "none.json"), "none.json: no such file"),
        (("--check", "metrics/measure.json"), "metrics/measure.json: no certificate of `newsdesk certify`"),
        (("--output", "heads"), "heads: is a folder; name a file"),
        (("--profile", "public"), "no profiles/public/dvc.lock is committed; commit it first"),
    ],
)
def test_a_mistake_is_one_line(tiny_checkout: Path, options: tuple[str, ...], message: str) -> None:
    done = certify(tiny_checkout, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_outside_of_git_there_is_no_commit(tmp_path: Path) -> None:
    done = certify(tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.returncode == 2
    assert "no dvc.lock is committed; commit it first" in done.stderr


# -- the pipeline itself, once ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the finished project and the rerun of it, which is kept."""
    folder = tmp_path_factory.mktemp("certified")
    copy = shutil.copytree(project, folder / "newsdesk", symlinks=True)
    done = certify(copy, "--keep", str(folder / "rerun"), "--output", "green.json")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy, folder / "rerun"


def test_the_committed_lock_is_certified(certified: tuple[Path, Path]) -> None:
    copy, _ = certified
    written = json.loads((copy / "green.json").read_text())
    assert written["verdict"] == "certified"
    assert {out["path"] for out in written["outputs"]} >= {
        "model",
        "heads/region",
        "data/predictions.parquet",
    }
    assert all(out["expected"] == out["found"] == out["at_hand"] for out in written["outputs"])
    assert written["predictions"]["lock"]["articles"] > 700
    assert written["predictions"]["lock"]["scores_differing"] == 0


def test_the_run_of_the_lock_is_tagged(certified: tuple[Path, Path]) -> None:
    copy, _ = certified
    written = json.loads((copy / "green.json").read_text())
    tags = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db").get_run(written["run"]["id"]).data.tags
    assert tags["newsdesk.certified"] == "true"
    assert tags["newsdesk.certificate_sha256"] == written["signed_off"]["sha256"]
    assert tags["newsdesk.receipt"] == sha256(copy / "metrics/receipt.json")


def test_whoever_signs_an_edit_anew_is_told_by_the_run(certified: tuple[Path, Path]) -> None:
    from newsdesk.reproducibility.certificate import sign

    copy, _ = certified
    written = json.loads((copy / "green.json").read_text())
    forged = sign({**written, "uncommitted": ["x"]}, by="B", at=written["signed_off"]["at"])
    write_json(forged, copy / "forged.json")
    done = certify(copy, "--check", "forged.json")
    assert done.returncode == 1
    assert (
        f"MLflow run {written['run']['id']} is tagged with {written['signed_off']['sha256']}" in done.stdout
    )


def test_one_weight_of_the_model_at_hand_shows_in_its_scores(certified: tuple[Path, Path]) -> None:
    copy, kept = certified
    model = copy / "model/weights.npz"
    before = model.read_bytes()
    try:
        change_a_weight(model, 2.0)
        done = certify(copy, "--rerun", str(kept), "--output", "red.json")
    finally:
        model.write_bytes(before)
    assert done.returncode == 1
    assert "package: model: what is at hand is not what the lock says" in done.stdout
    assert "values differ, by at most 2" in done.stdout
    written = json.loads((copy / "red.json").read_text())
    assert written["verdict"] == "differs"
    assert written["predictions"]["lock"]["scores_differing"] == 0
    assert written["predictions"]["at_hand"]["scores_differing"] > 0
    tags = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db").get_run(written["run"]["id"]).data.tags
    assert tags["newsdesk.certified"] == "false"
