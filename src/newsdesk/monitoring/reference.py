"""References of drift in files: read, and held against the model that they were made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, sha256, sha256_of_json
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring import drift

WEIGHTS = "weights.npz"


def read_reference(path: Path) -> Any:
    """Read a reference, of which the counts are checked later.

    Raises
    ------
    NewsdeskError
        If it is missing or no reference.
    """
    if not path.exists():
        raise NewsdeskError(f"{path}: no such reference; make one with `newsdesk drift reference`")
    content = read_json(path)
    wanted = {"name", "version", "weights_sha256"}
    if not isinstance(content, dict) or not wanted <= set(content.get("model") or ()):
        raise NewsdeskError(f"{path}: no reference as `newsdesk drift reference` makes it")
    return content


def read_reference_of(scorer: Scorer, folder: Path, path: Path) -> Any:
    """Read a reference that must be of this model, which lies in a folder.

    Raises
    ------
    NewsdeskError
        If it is missing, damaged or of another model.
    """
    content = read_reference(path)
    named = name_model(scorer, folder)
    if content["model"] != named:
        raise NewsdeskError(
            f"{path}: made with model {_shown(content['model'])}, not with {_shown(named)}; "
            "give that model, or make a reference with this one"
        )
    try:
        before, _ = drift.parse_reference(content)
        sha256_of_json(content)  # refuses an infinity, which no report could hold
    except ValueError as error:
        raise NewsdeskError(f"{path}: {error}") from None
    if before.heads != {head.task: tuple(head.labels) for head in scorer.heads}:
        raise NewsdeskError(f"{path}: of other labels than the model's; make it anew with this one")
    return content


def name_model(scorer: Scorer, folder: Path) -> dict[str, str]:
    """What a reference knows a model by that lies in a folder."""
    return drift.name_model(scorer, sha256(folder / WEIGHTS))


def _shown(model: dict[str, str]) -> str:
    return f"{model['name']} {model['version']} ({model['weights_sha256'][:12]})"
