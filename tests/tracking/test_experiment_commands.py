"""Commands of DVC that rename, remove, apply and share experiments: what becomes of their runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsdesk.tracking.runs import SQLITE
from tests.checkouts import commit_all
from tests.commands import run
from tests.small_project import make_project

pytestmark = pytest.mark.integration
SETTINGS = {"one": 3, "two": 5, "three": 30}


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with three experiments, a DVC remote and a git remote `team`."""
    folder = make_project(tmp_path_factory.mktemp("team") / "project")
    check("dvc", "remote", "add", "--default", "team", str(folder.with_name("outputs")), cwd=folder)
    commit_all(folder, "remote")
    check("git", "init", "--quiet", "--bare", str(folder.with_name("team.git")), cwd=folder)
    check("git", "remote", "add", "team", str(folder.with_name("team.git")), cwd=folder)
    check("git", "push", "--quiet", "team", "main", cwd=folder)
    for name, c in SETTINGS.items():
        check("dvc", "exp", "run", "--temp", "--name", name, "-S", f"train.C={c}", cwd=folder)
    return folder


def check(*command: str, cwd: Path, **extra: str) -> str:
    done = run(*command, cwd=cwd, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def joined(folder: Path, **extra: str) -> dict[str, tuple[str | None, str]]:
    """Run id and state of each experiment, and of each run without one."""
    rows = json.loads(run("newsdesk", "experiments", "--json", cwd=folder, **extra).stdout)
    return {
        (row["experiment"] or row["run"])["name"]: (row["run"] and row["run"]["run_id"], row["state"])
        for row in rows
        if row["state"] != "baseline"
    }


def registered_run(folder: Path, **extra: str) -> str:
    """The run whose model `newsdesk register` registers, by the name of a new registered model."""
    from mlflow import MlflowClient

    uri = extra.get("MLFLOW_TRACKING_URI", f"{SQLITE}{folder / 'mlflow.db'}")
    name = f"m{len(list(MlflowClient(uri, uri).search_registered_models()))}"
    version = check("newsdesk", "register", "--name", name, cwd=folder, **extra).rpartition("/")[2].strip()
    return str(MlflowClient(uri, uri).get_model_version(name, version).run_id)


def shown_runs(folder: Path) -> dict[str, str]:
    """What the column `run` of `dvc exp show` says of each experiment."""
    [baseline] = json.loads(check("dvc", "exp", "show", "--json", "--hide-workspace", cwd=folder))
    results = [experiment["revs"][0] for experiment in baseline["experiments"]]
    return {r["name"]: r["data"]["metrics"]["metrics/run.json"]["data"]["run"] for r in results}


def test_rename_remove_apply_and_branch(small_project: Path) -> None:
    folder = small_project
    before = joined(folder)
    assert {state for _, state in before.values()} == {"ok"}
    assert shown_runs(folder) == {name: run_id for name, (run_id, _) in before.items()}
    check("dvc", "exp", "rename", "one", "renamed", cwd=folder)
    check("dvc", "exp", "apply", "renamed", cwd=folder)
    assert registered_run(folder) == before["one"][0], "by the files, whatever ran last"
    check("git", "stash", "--quiet", "--include-untracked", cwd=folder)
    check("dvc", "exp", "branch", "two", "kept", cwd=folder)
    check("git", "switch", "--quiet", "kept", cwd=folder)
    check("dvc", "checkout", cwd=folder)
    assert registered_run(folder) == before["two"][0], "on the branch too"
    check("git", "switch", "--quiet", "main", cwd=folder)
    check("dvc", "exp", "remove", "three", cwd=folder)
    assert joined(folder) == {
        "renamed": (before["one"][0], "ok"),
        "two": (before["two"][0], "ok"),
        "three": (before["three"][0], "no experiment"),
    }
    check("dvc", "exp", "rename", "renamed", "one", cwd=folder)


def test_push_and_pull(small_project: Path, tmp_path: Path) -> None:
    run_id = joined(small_project)["two"][0]
    check("dvc", "exp", "push", "team", "two", cwd=small_project)
    clone = tmp_path / "clone"
    check(
        "git",
        "clone",
        "--quiet",
        "-b",
        "main",
        str(small_project.with_name("team.git")),
        str(clone),
        cwd=tmp_path,
    )
    check("dvc", "exp", "pull", "origin", "two", cwd=clone)
    done = run("newsdesk", "experiments", cwd=clone)
    assert done.returncode == 1
    assert "two: no run in this store: if another has it, set MLFLOW_TRACKING_URI; else" in done.stdout
    shared = {"MLFLOW_TRACKING_URI": f"{SQLITE}{small_project / 'mlflow.db'}"}
    assert joined(clone, **shared)["two"] == (run_id, "ok")
    check("dvc", "exp", "apply", "two", cwd=clone)
    assert registered_run(clone, **shared) == run_id
