"""Checkouts in which tests run git and DVC."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests import ROOT
from tests.commands import run


def copy_checkout(folder: Path) -> None:
    """Copy the files that git tracks or would track into a new repository, and commit them."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    commit_all(folder)


def commit_all(folder: Path, message: str = "start") -> None:
    """Commit all files that are not ignored, even if none changed; make a repository if there is none."""
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", *author, "commit", "--quiet", "--allow-empty", "-m", message],
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


def repro(folder: Path, *options: str, **extra: str) -> None:
    """Run `dvc repro` in a folder."""
    done = run("dvc", "repro", *options, cwd=folder, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
