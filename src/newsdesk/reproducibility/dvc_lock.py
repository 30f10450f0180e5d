"""dvc.lock: the stages in the order in which they run, and DVC's hash of a file or folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsdesk.base.errors import NewsdeskError


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as a lock has it.

    Attributes
    ----------
    deps, outs : mapping of str to str
        Path, as the lock writes it, to the MD5 of its content.
    """

    name: str
    cmd: str
    deps: Mapping[str, str]
    params: Mapping[str, Any]
    outs: Mapping[str, str]


def parse_lock(text: str, name: str) -> list[Stage]:
    """The stages of a lock, each behind those whose outputs it reads.

    Raises
    ------
    NewsdeskError
        If it is no lock, or names an output without its hash.
    """
    try:
        written = YAML(typ="safe", pure=True).load(text)["stages"]
        stages = {
            stage: Stage(
                stage,
                " ".join(str(content["cmd"]).split()),
                {dep["path"]: dep["md5"] for dep in content.get("deps", [])},
                content.get("params", {}),
                {out["path"]: out["md5"] for out in content.get("outs", [])},
            )
            for stage, content in written.items()
        }
        made_by = {path: stage.name for stage in stages.values() for path in stage.outs}
        graph = {s.name: [made_by[dep] for dep in s.deps if dep in made_by] for s in stages.values()}
        return [stages[stage] for stage in TopologicalSorter(graph).static_order()]
    except (YAMLError, KeyError, TypeError, AttributeError, CycleError) as error:
        raise NewsdeskError(f"{name}: not a lock as DVC writes it: {type(error).__name__}: {error}") from None


def changed_inputs(locked: Sequence[Stage], ran: Sequence[Stage]) -> dict[str, list[str]]:
    """What went into each stage otherwise than the lock says, apart from what another stage made.

    Returns
    -------
    dict of str to list of str
        Stage to names of files, `params.yaml: section`, `cmd`; a stage of which nothing changed is left out.
    """
    made = {path for stage in (*locked, *ran) for path in stage.outs}
    now = {stage.name: stage for stage in ran}
    changed: dict[str, list[str]] = {}
    for then in locked:
        if then.name not in now:
            changed[then.name] = ["the stage is gone"]
        elif found := list(_changes(then, now[then.name], made)):
            changed[then.name] = found
    for name in now.keys() - {stage.name for stage in locked}:
        changed[name] = ["the lock has no such stage"]
    return changed


def _changes(then: Stage, now: Stage, made: set[str]) -> Iterator[str]:
    if then.cmd != now.cmd:
        yield "cmd"
    for path in sorted({*then.deps, *now.deps} - made):
        if then.deps.get(path) != now.deps.get(path):
            yield path
    for file in sorted({*then.params, *now.params}):
        before, after = then.params.get(file) or {}, now.params.get(file) or {}
        yield from (
            f"{file}: {key}" for key in sorted({*before, *after}) if before.get(key) != after.get(key)
        )


def md5_of(path: Path) -> str | None:
    """The MD5 of a file or folder as DVC writes it into a lock; None where there is nothing.

    Of a folder all files count but what Python compiled, as `.dvcignore` has it.
    """
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in files_of(path))
        listed = [{"md5": md5_of(file), "relpath": name} for name, file in files]
        return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()}.dir"
    if not path.exists():
        return None
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()


def files_of(folder: Path) -> Iterator[Path]:
    """The files of a folder that count for DVC, in no order."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts:
            yield path
