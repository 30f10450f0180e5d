"""`newsdesk experiments`: which runs of the store it lists."""

from pathlib import Path

import pytest

from newsdesk.cli.train.experiments import joined_rows
from newsdesk.tracking import runs
from newsdesk.tracking.hashes import hashes_tag
from newsdesk.tracking.recording import RunRecord, log_run
from tests.checkouts import commit_all
from tests.commands import run


@pytest.mark.integration
def test_runs_based_on_commits_of_another_clone_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / ".gitignore").write_text("/mlflow.db*\n")
    for command in ("git init --quiet", "dvc init --quiet"):
        assert run(*command.split(), cwd=tmp_path).returncode == 0
    commit_all(tmp_path)
    base = run("git", "rev-parse", "HEAD", cwd=tmp_path).stdout.strip()
    commit_all(tmp_path, "later")
    run_ids = [
        log_run("newsdesk", RunRecord(tags={**tags, runs.NAME_TAG: "first", runs.BASELINE_TAG: baseline}))
        for baseline, tags in (
            (base, {"newsdesk.receipt": "1"}),  # as earlier releases recorded
            (base, {}),  # a search, or a run of another program
            ("e" * 40, hashes_tag({"receipt": "1"})),
        )
    ]
    (row,) = joined_rows(tmp_path)
    assert (row.run and row.run.run_id, row.state) == (run_ids[0], "no experiment")
    assert "1 runs left out" in capsys.readouterr().err
