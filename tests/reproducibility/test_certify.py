"""`newsdesk certify` on small checkouts with known differences, and on the default pipeline."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_arrays, sha256, write_arrays
from newsdesk.cli.operate.certify import CERTIFIED_TAG, RECEIPT, exit_code, main, print_report, tag_run
from newsdesk.reproducibility.diff import Difference
from newsdesk.reproducibility.outputs import OutputComparison
from newsdesk.tracking.hashes import hashes_tag, read_hashes
from newsdesk.tracking.recording import RunRecord, log_run
from tests.checkouts import commit_all
from tests.commands import run

REPORT = "reports/certify-starter.json"


def certify(
    folder: Path, *options: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the command; return the process and the report, empty if none was written."""
    done = run("newsdesk", "certify", *options, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    return done, json.loads((folder / REPORT).read_text()) if (folder / REPORT).exists() else {}


@pytest.fixture
def checkout(tiny_checkout: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkout, tmp_path / "checkout", symlinks=True)


def test_a_changed_weight_and_other_inputs_are_found(checkout: Path) -> None:
    """File, cache and committed lock agree on the changed weight, so only the rerun shows it."""
    weights = checkout / "heads/topic/weights.npz"
    coef = read_arrays(weights)["coef"]
    coef[-1] += 0.5
    write_arrays(weights, coef=coef)
    assert run("dvc", "commit", "--force", "weigh", cwd=checkout).returncode == 0
    with (checkout / "src/newsdesk/pipeline/measure.py").open("a") as code:
        code.write("# no other result\n")
    commit_all(checkout, "a better weight")
    with (checkout / "dvc.lock").open("a") as lock:
        lock.write("# by hand\n")
    done, report = certify(checkout)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "the first stage that gives other content is weigh" in lines
    assert "weigh: heads/topic: other content from the rerun" in lines
    assert "  weights.npz: coef: 1 of 6 values differ, by at most 0.5" in lines
    (other_inputs,) = [line for line in lines if "the lock was made with other inputs" in line]
    assert other_inputs.startswith("measure: ")
    assert "src/newsdesk/pipeline/measure.py" in other_inputs
    assert "not certified, since not committed: dvc.lock" in done.stderr
    assert report["verdict"] == "differs"
    assert [out["verdict"] for out in report["outputs"]] == ["differs", "equal"]


def test_a_change_in_the_checkout_is_none_of_the_rerun(checkout: Path) -> None:
    weights = checkout / "heads/topic/weights.npz"
    coef = read_arrays(weights)["coef"]
    coef[-1] += 0.25
    write_arrays(weights, coef=coef)
    done, report = certify(checkout)
    assert done.returncode == 1
    assert (report["verdict"], report["first_stage"], report["changed_inputs"]) == ("differs", None, {})
    changed, unchanged = report["outputs"]
    assert changed["rerun"] == changed["locked"] != changed["checkout"]
    assert [d["message"] for d in changed["differences"]] == ["1 of 6 values differ, by at most 0.25"]
    assert unchanged["verdict"] == "equal"


def test_rounding_has_an_exit_code_of_its_own(checkout: Path) -> None:
    done, report = certify(checkout, "--cpu", "generic")
    assert done.returncode == 3, done.stdout + done.stderr
    assert report["verdict"] == "rounding"
    assert "  weights.npz: coef: 1 of 6 values differ, by at most 1e-12" in done.stdout.splitlines()
    assert report["commit"] == run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    assert report["rerun"]["environment"]["numba_cpu"] == "generic"
    assert str(checkout.parent) not in json.dumps(report), "the report names no folder of this machine"
    assert run("git", "status", "--porcelain", cwd=checkout).stdout == ""


@pytest.mark.parametrize(
    ("verdict", "allow_rounding", "code"),
    [("equal", False, 0), ("rounding", False, 3), ("rounding", True, 0), ("differs", True, 1)],
)
def test_exit_code(verdict: str, allow_rounding: bool, code: int) -> None:
    assert exit_code(verdict, allow_rounding=allow_rounding) == code


@pytest.mark.parametrize("has_commit", [False, True])
def test_a_lock_that_is_not_committed_is_an_error(
    has_commit: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if has_commit:
        (tmp_path / "a.txt").write_text("1")
        commit_all(tmp_path)
    failed = CliRunner().invoke(main, ["--profile", "public"])
    assert isinstance(failed.exception, NewsdeskError)
    assert "no profiles/public/dvc.lock is committed; commit it first" in str(failed.exception)


@pytest.mark.parametrize(
    ("verdict", "in_checkout", "tag"),
    [
        ("equal", "1", "true"),
        ("rounding", "1", "false"),
        ("differs", "1", "false"),
        ("equal", "2", None),
    ],
)
def test_the_run_of_the_locked_receipt_is_tagged(
    verdict: str, in_checkout: str, tag: str | None,
    mlflow_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    (tmp_path / "metrics").mkdir()
    (tmp_path / RECEIPT).write_text(f"{verdict} {in_checkout}")
    tags = hashes_tag({"receipt": sha256(tmp_path / RECEIPT)})
    run_id = log_run("certified", RunRecord(tags=tags))
    tag_run(tmp_path, [OutputComparison("track", RECEIPT, "1", "1", in_checkout, "equal")], verdict)
    found = MlflowClient(tracking_uri=mlflow_file).get_run(run_id).data.tags
    assert found.get(CERTIFIED_TAG) == tag


def test_many_differences_are_cut_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    differences = tuple(Difference(f"w{k}", "missing") for k in range(10))
    out = OutputComparison("train", "heads", "1", "2", "1", "differs", "other content", differences)
    print_report({"uncommitted": [], "changed_inputs": {}, "first_stage": "train"}, [out])
    *_, last_shown, cut = capsys.readouterr().out.splitlines()
    assert (last_shown, cut) == ("  w5: missing", "  and 4 more, in the report")


def test_the_default_pipeline_gives_equal_outputs(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "newsdesk", symlinks=True)
    commit_all(copy, "dvc.lock of this machine")
    done, report = certify(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (report["verdict"], report["first_stage"], report["changed_inputs"]) == ("equal", None, {})
    outputs = {out["path"]: out for out in report["outputs"]}
    assert outputs.keys() >= {
        "model",
        "data/heads/region",
        "data/predictions.parquet",
        "metrics/receipt.json",
    }
    assert all(out["locked"] == out["rerun"] == out["checkout"] for out in outputs.values())
    run_id = done.stderr.partition("certify: MLflow run ")[2].split()[0]
    tags = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db").get_run(run_id).data.tags
    assert tags["newsdesk.certified"] == "true"
    assert read_hashes(tags)["receipt"] == sha256(copy / "metrics/receipt.json")
