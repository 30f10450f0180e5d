"""DVC experiments joined to MLflow runs: rules on hand-made rows, then real experiments of a small project."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking.experiments import (
    METRICS,
    Experiment,
    JoinedRow,
    TrackedRun,
    exit_code,
    failure_reason,
    join,
    parse_experiments,
    show_experiments,
)
from newsdesk.tracking.runs import COMMIT_TAG, connect
from tests.checkouts import commit_all
from tests.commands import run
from tests.small_project import make_project

DONE = Experiment("a", "c1", "base", "success", ("r1",), {})
EARLIER = replace(DONE, runs=())  # which names no run
RUN = TrackedRun("r1", "a", "base", "FINISHED", 1, {})
SETTINGS = {"grid-1": 3, "grid-2": 5, "temp": 3, "first": 30, "idle": 30}


def states(rows: Sequence[JoinedRow]) -> list[tuple[str | None, str | None, str]]:
    return [(r.experiment and r.experiment.name, r.run and r.run.run_id, r.state) for r in rows]


@pytest.mark.parametrize(
    ("experiment", "run", "expected"),
    [
        (DONE, RUN, [("a", "r1", "ok")]),
        (DONE, replace(RUN, name="before a rename"), [("a", "r1", "ok")]),
        (DONE, replace(RUN, run_id="r2"), [("a", None, "no run"), (None, "r2", "no experiment")]),
        (EARLIER, RUN, [("a", "r1", "ok")]),
        (EARLIER, replace(RUN, name="b"), [("a", None, "no run"), (None, "r1", "no experiment")]),
        (EARLIER, replace(RUN, baseline="older"), [("a", None, "no run"), (None, "r1", "no experiment")]),
        (EARLIER, replace(RUN, status="FAILED"), [("a", None, "no run"), (None, "r1", "unfinished")]),
        (replace(EARLIER, state="failed"), replace(RUN, status="FAILED"), [("a", "r1", "failed")]),
        (replace(EARLIER, state="running"), replace(RUN, status="RUNNING"), [("a", "r1", "running")]),
        (replace(EARLIER, state="queued"), RUN, [("a", None, "queued"), (None, "r1", "no experiment")]),
    ],
)
def test_join_of_one_experiment_and_one_run(experiment: Experiment, run: TrackedRun, expected: list) -> None:
    assert states(join([experiment], [run])) == expected


def test_a_baseline_takes_no_run_and_is_no_problem() -> None:
    base = replace(DONE, name="base", rev="base", state="baseline", runs=(), metrics={"x": 1})
    rows = join([base, DONE], [RUN])
    assert states(rows) == [("base", None, "baseline"), ("a", "r1", "ok")]
    assert (rows[0].metrics, exit_code(rows)) == ({"x": 1}, 0)


def test_a_commit_without_experiments_is_not_listed() -> None:
    assert list(parse_experiments([{"rev": "base", "data": {}, "experiments": None}])) == []


def test_equal_experiments_have_a_run_each() -> None:
    other = replace(DONE, name="b", runs=("r2",))
    runs = [RUN, replace(RUN, run_id="r2", name="b", started=2)]
    for experiments in ([DONE, other], [other, DONE]):
        assert sorted(states(join(experiments, runs))) == [("a", "r1", "ok"), ("b", "r2", "ok")]


def test_an_experiment_in_which_nothing_ran_has_the_run_of_the_one_before() -> None:
    rows = join([replace(DONE, name="idle"), DONE], [RUN])
    assert states(rows) == [("idle", "r1", "ok"), ("a", "r1", "ok")]


def test_the_newest_run_of_an_experiment_counts() -> None:
    runs = [replace(RUN, run_id="r2", started=2), RUN]  # as `list_runs` returns them
    assert states(join([EARLIER], runs)) == [("a", "r2", "ok"), (None, "r1", "no experiment")]
    assert states(join([DONE], runs)) == [("a", "r1", "ok"), (None, "r2", "no experiment")], (
        "if it names none"
    )


def test_an_experiment_of_two_pipelines_has_a_run_for_each() -> None:
    rows = join([replace(DONE, runs=("r1", "r2"))], [RUN, replace(RUN, run_id="r2")])
    assert sorted(states(rows)) == [("a", "r1", "ok"), ("a", "r2", "ok")]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        (["ok", "queued", "running", "no experiment", "unfinished"], 0),
        (["ok", "failed"], 3),
        (["failed", "no run"], 1),
    ],
)
def test_exit_code(found: list[str], code: int) -> None:
    assert exit_code([JoinedRow(DONE, None, state) for state in found]) == code


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("> python x\nnewsdesk: C: wrong\nERROR: failed to reproduce 'x'\n", "C: wrong"),
        ("Traceback …\nValueError: x\nERROR: failed to reproduce 'x'\n", "failed to reproduce 'x'"),
        ("Killed\n", "Killed"),
        ("", "no output"),
    ],
)
def test_reason_of_a_failure(log: str, reason: str) -> None:
    assert failure_reason(log) == reason


def test_settings_are_compared_with_the_baseline() -> None:
    def content(c: int) -> dict:
        params = {
            "params.yaml": {"data": {"train": {"C": c, "floors": {}}}},
            "p/params.yaml": {"data": {"C": c}},
        }
        named = {"metrics/run.json": {"data": {"run": "r1"}}, "p/metrics/run.json": {"data": {"run": "r2"}}}
        return {"params": params, "metrics": named}

    revs = [{"rev": "c1", "name": "a", "data": content(2)}]
    experiment = {"name": "a", "executor": None, "revs": revs}
    committed = {**content(1), "metrics": {METRICS: {"data": {"topic": {"f1_macro": 0.8}}}}}
    base, parsed = parse_experiments([{"rev": "base", "data": committed, "experiments": [experiment]}])
    assert (base.name, base.state, base.metrics) == ("base", "baseline", {"topic.f1_macro": 0.8})
    assert parsed.changed == {"train.C": 2, "p/params.yaml:C": 2}
    assert (parsed.state, parsed.runs, parsed.baseline) == ("success", ("r1", "r2"), "base")


# -- real experiments: from the queue, in a temporary copy and in the workspace -----------------------


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project after a queue of three by two jobs, one in a temporary copy, two in the workspace."""
    folder = make_project(tmp_path_factory.mktemp("small") / "project")
    for command in (
        "dvc exp run --queue --name grid -S train.C=3,5",
        "dvc exp run --queue --name failing -S train.C=-1",
        "dvc queue start --jobs 2",
    ):
        done = run(*command.split(), cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    deadline = time.monotonic() + 600
    while any(word in run("dvc", "queue", "status", cwd=folder).stdout for word in ("Queued", "Running")):
        assert time.monotonic() < deadline, "the queue does not end"
        time.sleep(3)
    for command in (
        "dvc exp run --temp --name temp -S train.C=3",
        "dvc exp run --name first -S train.C=30",
        "dvc exp run --name idle -S train.C=30",  # all stages are up to date, so none runs
    ):
        done = run(*command.split(), cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def listed(folder: Path, **extra: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and rows of `newsdesk experiments` by the name of the experiment."""
    done = run("newsdesk", "experiments", "--json", cwd=folder, **extra)
    assert done.stdout, done.stderr
    rows = json.loads(done.stdout)
    assert all(row["experiment"] for row in rows), "no run stands alone"
    return done.returncode, {row["experiment"]["name"]: row for row in rows}


@pytest.mark.integration
def test_each_experiment_has_its_run(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(small_project))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, rows = listed(small_project)
    assert code == 3, "one failed"
    found = {name: row["state"] for name, row in rows.items()}
    head = run("git", "rev-parse", "HEAD", cwd=small_project).stdout.strip()
    special = {"failing": "failed", head[:7]: "baseline"}
    assert found == dict.fromkeys(SETTINGS, "ok") | special
    runs = {name: row["run"] for name, row in rows.items() if row["state"] == "ok"}
    assert runs["idle"] == runs["first"], "nothing ran in it"
    equal = len({found["run_id"] for found in runs.values()})
    assert equal == len(runs) - 1, "equal experiments have a run each"
    with connect() as client:
        for name, found in runs.items():
            made = client.get_run(found["run_id"])
            assert made.info.artifact_uri.startswith((small_project / "mlartifacts").as_uri())
            assert made.data.tags[COMMIT_TAG] == found["baseline"] == head
            assert rows[name]["experiment"]["changed"] == {"train.C": SETTINGS[name]}
            assert float(made.data.params["train.C"]) == SETTINGS[name]
        default = client.get_experiment_by_name("Default")
        assert default
        assert default.artifact_location == f"{small_project}/mlruns/0", "not in the temporary copy of a job"


@pytest.mark.integration
def test_problems_are_named_with_advice(small_project: Path) -> None:
    done = run("newsdesk", "experiments", cwd=small_project)
    (reason,) = [line for line in done.stdout.splitlines() if line.startswith("failing: failed: ")]
    assert "params.yaml: train.C: " in reason
    assert "found -1" in reason
    other = {"MLFLOW_TRACKING_URI": "sqlite:///other.db"}  # a store without these runs
    done = run("newsdesk", "experiments", cwd=small_project, **other)
    assert done.returncode == 1
    advice = "dvc exp run --temp --force --name temp -S train.C=3"
    assert advice in done.stdout
    repeated = run(*advice.split(), cwd=small_project, **other)
    assert repeated.returncode == 0, repeated.stdout + repeated.stderr
    states = {name: row["state"] for name, row in listed(small_project, **other)[1].items()}
    assert (states["temp"], states["idle"]) == ("ok", "no run")


@pytest.mark.integration
def test_experiments_of_earlier_commits_are_listed(tmp_path: Path) -> None:
    for command in ("git init --quiet", "dvc init --quiet"):
        assert run(*command.split(), cwd=tmp_path).returncode == 0
    (tmp_path / "a.txt").write_text("1")
    commit_all(tmp_path)
    base = run("git", "rev-parse", "HEAD", cwd=tmp_path).stdout.strip()
    ref = f"refs/exps/{base[:2]}/{base[2:]}/first"
    (tmp_path / "a.txt").write_text("2")
    commit_all(tmp_path, "experiment")
    assert run("git", "update-ref", ref, "HEAD", cwd=tmp_path).returncode == 0
    (tmp_path / "a.txt").write_text("3")
    commit_all(tmp_path, "later")
    shown = [(e.name, e.baseline) for e in show_experiments(tmp_path)]
    assert shown == [(base[:7], base), ("first", base)]


def test_no_repository_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NewsdeskError, match="no git repository with a commit"):
        show_experiments(tmp_path)
