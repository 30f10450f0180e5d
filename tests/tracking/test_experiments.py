"""Experiments and runs joined: rules by hand-made rows, then real ones of DVC's queue and workspace."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from newsdesk.tracking import checkout, recorded
from newsdesk.tracking.experiments import (
    RECEIPT,
    Experiment,
    Joined,
    Recorded,
    exit_code,
    failure,
    join,
    read_shown,
    tell,
)
from newsdesk.tracking.runs import COMMIT_TAG, RESULT_TAG, connect
from tests.conftest import run
from tests.queued import check, finish, listed, queue_six
from tests.small import make_project
from tests.tracking.test_runs import commit

DONE = Experiment("a", "c1", "base", "done", {RECEIPT: "m1"}, RECEIPT, {})
RUN = Recorded("r1", "a", "base", None, "m1", "FINISHED", 1, {})


def states(rows: list[Joined]) -> list[tuple[str | None, str | None, str]]:
    return [(r.experiment and r.experiment.rev, r.run and r.run.run_id, r.state) for r in rows]


@pytest.mark.parametrize(
    ("experiment", "run", "expected"),
    [
        (DONE, RUN, [("c1", "r1", "ok")]),
        (DONE, replace(RUN, rev="c1", receipt="other"), [("c1", "r1", "ok")]),
        (DONE, replace(RUN, rev="c1", name="before it was renamed"), [("c1", "r1", "ok")]),
        (DONE, replace(RUN, missing=("model",)), [("c1", "r1", "artifacts missing")]),
        (DONE, replace(RUN, receipt="m2"), [("c1", None, "no run"), (None, "r1", "no experiment")]),
        (DONE, replace(RUN, rev="c0"), [("c1", None, "no run"), (None, "r1", "no experiment")]),
        (DONE, replace(RUN, baseline="older"), [("c1", None, "no run"), (None, "r1", "no experiment")]),
        (DONE, replace(RUN, status="FAILED"), [("c1", None, "no run"), (None, "r1", "unfinished")]),
        (replace(DONE, state="failed"), replace(RUN, status="FAILED"), [("c1", "r1", "failed")]),
        (replace(DONE, state="running"), replace(RUN, status="RUNNING"), [("c1", "r1", "running")]),
        (
            replace(DONE, state="queued"),
            replace(RUN, status="RUNNING"),
            [("c1", None, "queued"), (None, "r1", "unfinished")],
        ),
    ],
)
def test_one_experiment_and_one_run(experiment: Experiment, run: Recorded, expected: list) -> None:
    assert states(join([experiment], [run])) == expected


def test_two_equal_experiments_of_one_second_have_one_commit_and_a_run_each() -> None:
    other = replace(DONE, name="b")
    runs = [replace(RUN, rev="c1"), replace(RUN, rev="c1", run_id="r2", name="b", started=2)]
    for experiments in ([DONE, other], [other, DONE]):
        assert {(r.experiment.name, r.run.name, r.state) for r in join(experiments, runs)} == {
            ("a", "a", "ok"),
            ("b", "b", "ok"),
        }


def test_an_experiment_run_again_keeps_its_newest_run() -> None:
    rows = join([DONE], [RUN, replace(RUN, run_id="r2", started=2)])
    assert states(rows) == [("c1", "r2", "ok"), (None, "r1", "replaced")]
    assert tell(rows[1]) == "a: replaced: the experiment has run r2; mlflow runs delete --run-id r1"


def test_an_experiment_of_two_pipelines_has_a_run_for_each() -> None:
    both = replace(DONE, receipts={RECEIPT: "m1", f"profiles/public/{RECEIPT}": "m2"})
    rows = join([both], [RUN, replace(RUN, run_id="r2", receipt="m2")])
    assert {row.state for row in rows} == {"ok"}
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        (["ok", "queued", "running"], 0),
        (["ok", "failed"], 3),
        *((["failed", state], 1) for state in ("no run", "no experiment", "replaced", "unfinished")),
        (["artifacts missing"], 1),
    ],
)
def test_exit_code_is_of_the_worst(found: list, code: int) -> None:
    assert exit_code([Joined(DONE, None, state) for state in found]) == code


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "> python x\nnewsdesk: params.yaml: C: wrong\nERROR: failed to reproduce 'x'\n",
            "params.yaml: C: wrong",
        ),
        ("Traceback …\nValueError: x\nERROR: failed to reproduce 'x'\n", "failed to reproduce 'x'"),
        ("Killed\n", "Killed"),
        ("", "its log is empty"),
    ],
)
def test_the_reason_of_a_failure_is_read_from_its_log(log: str, reason: str) -> None:
    assert failure(log) == reason


def test_settings_are_compared_with_the_baseline_s() -> None:
    def told(c: int, md5: str) -> dict:
        params = {
            "params.yaml": {"data": {"train": {"C": c, "floors": {}}}},
            "p/params.yaml": {"data": {"C": c}},
        }
        return {"params": params, "outs": {RECEIPT: {"hash": "m"}, f"p/{RECEIPT}": {"hash": md5}}}

    revs = [{"rev": "c1", "name": "a", "data": told(2, "new")}]
    experiment = {"name": "a", "executor": None, "revs": revs}
    (read,) = read_shown([{"rev": "base", "data": told(1, "old"), "experiments": [experiment]}])
    assert read.changed == {"train.C": 2, "p/params.yaml:C": 2}
    assert (read.state, read.receipt, read.baseline) == ("done", f"p/{RECEIPT}", "base")


def test_experiments_of_earlier_commits_are_found(tmp_path: Path) -> None:
    first = commit(tmp_path)
    assert (
        run("git", "update-ref", f"refs/exps/{first[:2]}/{first[2:]}/a", first, cwd=tmp_path).returncode == 0
    )
    message = f"dvc-exp:{first}:{'e' * 40}:b"
    assert run("git", "update-ref", "refs/exps/stash", first, cwd=tmp_path).returncode == 0
    failed = ("git", "update-ref", "--create-reflog", "-m", message, "refs/exps/celery/failed", first)
    assert run(*failed, cwd=tmp_path).returncode == 0
    (tmp_path / "b.txt").write_text("2")
    second = commit(tmp_path)
    assert checkout.baselines(tmp_path) == [second, first, "e" * 40]
    assert checkout.known_commits(tmp_path, [first, "e" * 40]) == {first}


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """The small project after six experiments and two jobs, and what is listed of them."""
    folder = make_project(tmp_path_factory.mktemp("queued") / "project")
    queue_six(folder)
    finish(folder)
    return folder, check(folder)


def test_six_queued_experiments_lose_nothing(
    queued: tuple[Path, list], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rows = queued
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with connect() as client:
        for row in rows:
            if row["state"] == "ok":
                made = client.get_run(row["run"]["run_id"])
                assert Path(made.info.artifact_uri.removeprefix("file://")).is_relative_to(
                    folder / "mlartifacts"
                )
                assert made.data.tags[RESULT_TAG] == row["experiment"]["rev"]
                assert made.data.tags[COMMIT_TAG] == row["experiment"]["baseline"]
        default = client.get_experiment_by_name("Default")
        assert default.artifact_location == f"{folder}/mlruns/0", "not in the temporary folder of a job"
        assert len(list(recorded.read_runs(client))) == 5


def test_what_the_workspace_leaves_without_a_run(queued: tuple[Path, list]) -> None:
    """DVC runs no stage that is up to date, and none that it was not asked for; the former is mended."""
    folder, _ = queued
    for command in (("part", "train.C=30", "make"), ("first", "train.C=20"), ("idle", "train.C=20")):
        name, setting, *targets = command
        done = run("dvc", "exp", "run", "--name", name, "-S", setting, *targets, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    status = run("git", "status", "--porcelain", cwd=folder).stdout
    done = run("newsdesk", "experiments", "--record", "--json", cwd=folder)
    assert "experiments: making the run of idle" in done.stderr
    refused = "experiment part: track would have to run too, for want of cached outputs"
    assert refused in done.stderr
    assert done.returncode == 1
    rows = {row["experiment"]["name"]: row for row in json.loads(done.stdout)}
    assert {name: rows[name]["state"] for name in ("part", "first", "idle")} == {
        "part": "no run",
        "first": "ok",
        "idle": "ok",
    }
    assert rows["idle"]["run"]["rev"] == rows["idle"]["experiment"]["rev"]
    assert run("git", "status", "--porcelain", cwd=folder).stdout == status
    shutil.rmtree(folder / "mlartifacts" / rows["idle"]["run"]["run_id"] / "artifacts/model")
    code, after = listed(folder)
    (lost,) = [row for row in after if row["state"] == "artifacts missing"]
    assert (code, lost["experiment"]["name"], lost["why"]) == (1, "idle", "model")


def test_no_repository_is_one_line(tmp_path: Path) -> None:
    done = run("newsdesk", "experiments", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"newsdesk: {tmp_path}: no git repository with a commit; DVC's experiments need one\n"
    )
