"""What a run is tagged with, and where runs go."""

from pathlib import Path

import pytest

from newsdesk import tracking
from tests.conftest import run


def commit(folder: Path) -> str:
    """Make a repository with one commit and return its hash."""
    (folder / "a.txt").write_text("1")
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "start"],
    ):
        assert run(*command, cwd=folder).returncode == 0
    return run("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()


def test_git_tags_tell_commit_and_dirt(tmp_path: Path) -> None:
    head = commit(tmp_path)
    clean = {"mlflow.source.git.commit": head, "newsdesk.git_dirty": "false"}
    assert tracking.git_tags(tmp_path) == clean
    (tmp_path / "b.txt").write_text("2")
    assert tracking.git_tags(tmp_path) == clean | {"newsdesk.git_dirty": "true"}


def test_git_tags_without_a_repository(tmp_path: Path) -> None:
    assert tracking.git_tags(tmp_path) == {}


def test_git_tags_within_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "weaker")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    assert tracking.git_tags(tmp_path) == {"DVC_EXP_NAME": "weaker", "DVC_EXP_BASELINE_REV": "abc"}


def test_the_store_is_the_checkout_s_from_any_folder_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "profiles/public").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "profiles/public")
    assert tracking.store_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert not tracking.store_exists()
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert tracking.store_uri() == "sqlite:////elsewhere/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking.store_uri() == "http://127.0.0.1:5000"
    assert tracking.store_exists()
