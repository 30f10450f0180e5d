"""Find the model that a command is told by folder or URI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from newsdesk.base import files, signals
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference.scorer import Scorer
from newsdesk.tracking import mlflow_model, runs


def model_folder(model: str | None) -> Path:
    """Where a model lies, fetched if need be; by default the one that newsdesk comes with."""
    if model is None:
        return files.SHIPPED
    if model.startswith(("models:/", "runs:/")):
        return runs.download_model(model)
    return mlflow_model.packaged_folder(Path(model))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, the folder it lies in, and what to know it by: `name`, `version`, `run_id` and `sha256`.

    What no registry has numbered is of the version that it says of itself, and the start of its hash.
    """

    scorer: Scorer
    folder: Path
    about: dict[str, Any]


def load(model: str | None) -> Loaded:
    """Load a model by folder or URI, by default the one that newsdesk comes with."""
    known: dict[str, Any] = {}
    if model and model.startswith(("models:/", "runs:/")):
        known = tracking_of(model)
    folder = model_folder(known.pop("uri", model))
    with signals.held():
        scorer = files.read_model(folder)
    sha256 = files.sha256(folder)
    version = f"{scorer.info.get('version', '0')}+{sha256[:12]}"
    about = {"name": str(scorer.info.get("name", folder.name)), "version": version, "run_id": None}
    return Loaded(scorer, folder, {**about, **known, "sha256": sha256})


def tracking_of(uri: str) -> dict[str, Any]:
    """What the store knows of a model's URI: the run, and of a registered one its name and version."""
    if uri.startswith("runs:/"):
        return {"run_id": uri.removeprefix("runs:/").split("/")[0]}
    name, _, alias = uri.removeprefix("models:/").partition("@")
    if not alias:
        name, _, version = name.partition("/")
        if not version.isdecimal():
            return {}
    with runs.connect() as client:
        found = (
            client.get_model_version_by_alias(name, alias)
            if alias
            else client.get_model_version(name, version)
        )
    # by number from here on, should the alias move
    return {
        "name": name,
        "version": str(found.version),
        "run_id": found.run_id or None,
        "uri": f"models:/{name}/{found.version}",
    }


def taxonomy_of(scorer: Scorer) -> Taxonomy:
    """The taxonomy that a model was trained with."""
    try:
        taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
    except (KeyError, ValidationError):
        raise NewsdeskError("the model's model.json holds no taxonomy that this version reads") from None
    if {head.task for head in scorer.heads} != {"region", "topic"}:
        raise NewsdeskError("the model's model.json lacks the head of regions or that of topics")
    return taxonomy
