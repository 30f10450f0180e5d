"""Read dvc.lock: stages in the order of running, their inputs, and DVC's hash of an output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsdesk.base.errors import NewsdeskError


@dataclass(frozen=True, slots=True)
class LockedStage:
    """A stage of a lock."""

    inputs: Mapping[str, Any]  # `cmd`, MD5 of each dep by path, value of each setting by `FILE: NAME`
    outs: Mapping[str, str]  # MD5 by path


def parse_lock(text: str, name: str) -> dict[str, LockedStage]:
    """Parse a lock; each stage stands after the stages whose outputs it reads."""
    try:
        stages = {
            stage: LockedStage(
                {"cmd": " ".join(str(content["cmd"]).split())}
                | {dep["path"]: dep["md5"] for dep in content.get("deps", [])}
                | {
                    f"{file}: {setting}": value
                    for file, settings in content.get("params", {}).items()
                    for setting, value in settings.items()
                },
                {out["path"]: out["md5"] for out in content.get("outs", [])},
            )
            for stage, content in YAML(typ="safe", pure=True).load(text)["stages"].items()
        }
        made_by = {path: name for name, stage in stages.items() for path in stage.outs}
        graph = {
            name: [made_by[path] for path in stage.inputs if path in made_by]
            for name, stage in stages.items()
        }
        return {name: stages[name] for name in TopologicalSorter(graph).static_order()}
    except (YAMLError, KeyError, TypeError, AttributeError, CycleError) as error:
        raise NewsdeskError(f"{name}: not a lock of DVC: {type(error).__name__}: {error}") from None


def changed_inputs(locked: Mapping[str, LockedStage], ran: Mapping[str, LockedStage]) -> dict[str, list[str]]:
    """Name the inputs of each stage that differ, without the outputs of other stages."""
    made = {path for stage in (*locked.values(), *ran.values()) for path in stage.outs}
    none = LockedStage({}, {})
    changed = {}
    for name in {**locked, **ran}:
        before, after = locked.get(name, none).inputs, ran.get(name, none).inputs
        names = [key for key in {**before, **after} if key not in made and before.get(key) != after.get(key)]
        if names:
            changed[name] = names
    return changed


def md5_of(path: Path) -> str | None:
    """Return the MD5 of a file or folder as DVC computes it; None if there is nothing."""
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in output_files(path))
        entries = [{"md5": md5_of(file), "relpath": name} for name, file in files]
        return f"{hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir"
    if not path.exists():
        return None
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()


def output_files(folder: Path) -> list[Path]:
    """List the files of a folder that DVC hashes: all but bytecode."""
    return [
        p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc" and "__pycache__" not in p.parts
    ]
