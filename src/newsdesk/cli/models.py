"""Find and load the model that a command is given as a folder or URI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from newsdesk.base import files, signals
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.inference.scorer import Scorer
from newsdesk.serving.model_watcher import ALIAS_URI, VERSION_URI
from newsdesk.tracking import mlflow_model, runs

URI_SCHEMES = ("models:/", "runs:/")
model_option = click.option(
    "--model",
    show_default="the model that newsdesk comes with, which was trained on the public corpora",
    help="Model folder, models:/… or runs:/… URI; `model` is the folder that `make` trains.",
)


def model_folder(model: str | None) -> Path:
    """Return the folder of a model, downloaded if it is a URI; None is the model that newsdesk comes with."""
    if model is None:
        return files.SHIPPED
    if model.startswith(URI_SCHEMES):
        return runs.download_model(model)
    return mlflow_model.packaged_folder(Path(model))


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its folder and its identity."""

    scorer: Scorer
    folder: Path
    identity: dict[str, Any]  # `name`, `version`, `run_id` and `sha256`


def load_model(model: str | None) -> LoadedModel:
    """Load a model from a folder or URI; None is the model that newsdesk comes with."""
    registered = _registry_entry(model) if model else {}
    folder = model_folder(registered.pop("uri", model))
    with signals.deferred():
        scorer = files.read_model(folder)
    sha256 = files.sha256(folder)
    version = f"{scorer.info.get('version', '0')}+{sha256[:12]}"  # unless it is registered
    identity = {"name": str(scorer.info.get("name", folder.name)), "version": version, "run_id": None}
    return LoadedModel(scorer, folder, {**identity, **registered, "sha256": sha256})


def _registry_entry(uri: str) -> dict[str, Any]:
    """Return what the store knows of a model: its run and, if it is registered, its name, version and URI."""
    if uri.startswith("runs:/"):
        return {"run_id": uri.removeprefix("runs:/").split("/")[0]}
    match = ALIAS_URI.fullmatch(uri) or VERSION_URI.fullmatch(uri)
    if not match:
        return {}
    with runs.connect() as client:
        read = client.get_model_version_by_alias if match.re is ALIAS_URI else client.get_model_version
        found = read(**match.groupdict())
    version, uri = str(found.version), f"models:/{found.name}/{found.version}"  # as the alias may move
    return {"name": found.name, "version": version, "run_id": found.run_id or None, "uri": uri}


def taxonomy_of(scorer: Scorer) -> Taxonomy:
    """Return the taxonomy that a model was trained with; raise if `model.json` has none or lacks a head."""
    try:
        taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
    except (KeyError, ValidationError):
        raise NewsdeskError("the model's model.json holds no taxonomy that this version reads") from None
    if {head.task for head in scorer.heads} != {"region", "topic"}:
        raise NewsdeskError("the model's model.json lacks the head of regions or that of topics")
    return taxonomy
