"""DVC's experiments in a checkout: which there are, and how a run is made of one that has none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking.experiments import Experiment
from newsdesk.tracking.runs import BASELINE_TAG, NAME_TAG, RESULT_VARIABLE, git

TRACK = "track"  # the stage


def show_experiments(root: Path) -> list[dict[str, Any]]:
    """What `dvc exp show --json` tells of HEAD and of each commit that experiments are based on.

    Raises
    ------
    NewsdeskError
        If this is no DVC project in a git repository.
    """
    if git(root, "rev-parse", "HEAD") is None:
        raise NewsdeskError(f"{root}: no git repository with a commit; DVC's experiments need one")
    found = baselines(root)
    known = known_commits(root, found)
    revs = [f"--rev={rev}" for rev in found if rev in known]
    shown: list[dict[str, Any]] = json.loads(_dvc(root, "exp", "show", "--json", "--hide-workspace", *revs))
    return shown


def baselines(root: Path) -> list[str]:
    """HEAD, and the commits that finished, queued and failed experiments are based on.

    DVC keeps a finished one as the reference `refs/exps/<2 digits>/<38 digits>/<name>`, the others in two
    stashes whose messages are `dvc-exp:<commit>:<baseline>:<name>`.
    """
    references = git(root, "for-each-ref", "--format=%(refname)", "refs/exps") or ""
    messages = [
        git(root, "log", "-g", "--format=%gs", f"refs/exps/celery/{stash}") or ""
        for stash in ("stash", "failed")
    ]
    found = [
        git(root, "rev-parse", "HEAD") or "",
        *map("".join, re.findall(r"^refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/", references, re.MULTILINE)),
        *re.findall(r"dvc-exp:[0-9a-f]{40}:([0-9a-f]{40}):", "\n".join(messages)),
    ]
    return list(dict.fromkeys(found))


def known_commits(root: Path, commits: Iterable[str]) -> set[str]:
    """Those of the commits that this clone has."""
    return {
        commit for commit in set(commits) if git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None
    }


def record(root: Path, experiment: Experiment) -> None:
    """Let stage `track` make the run of a finished experiment from its commit and DVC's cache.

    It runs in a scratch clone, as under `dvc exp run --temp`: there the receipt is not, so that this stage is
    the one that is left to do.

    Raises
    ------
    NewsdeskError
        If another stage would have to run too, or this one fails.
    """
    folder = PurePosixPath(experiment.receipt).parent.parent
    with tempfile.TemporaryDirectory(prefix="newsdesk-record-") as temporary:
        clone = Path(temporary, "checkout")
        for command in (
            ("clone", "--quiet", "--shared", "--no-checkout", str(root), str(clone)),
            ("-C", str(clone), "checkout", "--quiet", "--detach", experiment.rev),
        ):
            if git(root, *command) is None:
                raise NewsdeskError(f"experiment {experiment.name}: git can't check {experiment.rev} out")
        if (local := root / ".dvc/config.local").exists():
            shutil.copy(local, clone / ".dvc")
        cache = (root / _dvc(root, "cache", "dir").strip()).resolve()
        _dvc(clone, "config", "--local", "cache.dir", str(cache))
        pipeline, env = (folder / "dvc.yaml").as_posix(), _environment(root, experiment)
        _dvc(clone, "checkout", "--quiet", "--with-deps", "--allow-missing", f"{pipeline}:{TRACK}")
        left = json.loads(_dvc(clone, "status", "--json", pipeline))
        others = sorted(stage for stage, why in left.items() if not _only_receipt(stage, why))
        if others:
            raise NewsdeskError(
                f"experiment {experiment.name}: {', '.join(others)} would have to run too, for want of cached"
                " outputs or because a part of the pipeline was run; run it again by `dvc exp run`"
            )
        _dvc(clone, "repro", "--single-item", f"{pipeline}:{TRACK}", env=env)


def _only_receipt(stage: str, why: Any) -> bool:
    return stage.rpartition(":")[2] == TRACK and all(
        isinstance(reason, dict) and set(reason) == {"changed outs"} for reason in why
    )


def _environment(root: Path, experiment: Experiment) -> dict[str, str]:
    """As DVC tells a stage which experiment it is in, and where the project is; and the commit, known by now.

    By the commit the run is joined: the receipt may be another if the experiment changed nothing of
    params.yaml but its layout, of which DVC takes no notice.
    """
    return {
        "DVC_ROOT": str(root),
        NAME_TAG: experiment.name,
        BASELINE_TAG: experiment.baseline,
        RESULT_VARIABLE: experiment.rev,
    }


def _dvc(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """What a DVC command prints; its last line of error where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        told = next(
            (line for line in reversed(lines) if line.startswith(("newsdesk: ", "ERROR: "))), lines[-1]
        )
        raise NewsdeskError(f"dvc {arguments[0]}: {told.removeprefix('ERROR: ').removeprefix('newsdesk: ')}")
    return done.stdout
