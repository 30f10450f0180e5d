"""Load the model that is served, and update it when its alias in the registry moves."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsdesk.base import files
from newsdesk.base.errors import NewsdeskError
from newsdesk.inference.scorer import Scorer
from newsdesk.tracking import mlflow_model, runs
from newsdesk.tracking.runs import ALIAS_URI, URI_SCHEMES, VERSION_URI

# An article that runs every part of the compiled scorer once.

Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in memory, and its identity."""

    scorer: Scorer
    identity: Mapping[str, str]  # `name`, `version`, `sha256` of its files and time when `loaded`


def open_model(model: str | None) -> ServedModel:
    """Load a model by folder or by `models:/` or `runs:/` URI; None is the model of the package."""
    if match := ALIAS_URI.fullmatch(model or ""):
        model = f"models:/{match['name']}/{version_of(**match.groupdict())}"
    if not model or not model.startswith(URI_SCHEMES):
        folder = mlflow_model.packaged_folder(Path(model)) if model else files.SHIPPED
        return _open_folder(folder)
    match = VERSION_URI.fullmatch(model)
    identity = match.groupdict() if match else {"version": model}
    # A private copy that is deleted once it is loaded, so that updates do not fill the disk.
    with tempfile.TemporaryDirectory(prefix="newsdesk-") as name:
        return _open_folder(runs.download_model(model, Path(name)), **identity)


def _open_folder(folder: Path, **identity: str) -> ServedModel:
    scorer = files.read_model(folder)
    missing = {"region", "topic"} - {head.task for head in scorer.heads}
    if missing:
        raise NewsdeskError(f"{folder}: the model has no head for {' and '.join(sorted(missing))}")
    scorer.threads = 1  # as requests are scored side by side
    known = {
        "name": str(scorer.info.get("name", "newsdesk")),
        "version": str(scorer.info.get("version", "")),
        "sha256": files.sha256(folder),
        "loaded": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return ServedModel(scorer, known | identity)


def version_of(name: str, alias: str) -> str:
    """Return the version of a registered model that an alias refers to."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # the default is two minutes, with retries
    if not runs.store_exists():
        raise NewsdeskError(f"MLflow store {runs.store_uri()}: no such file")
    with runs.connect() as client:
        return str(client.get_model_version_by_alias(name, alias).version)


class ModelWatcher:
    """Holds the model that is served and replaces it when the alias of `models:/NAME@ALIAS` moves."""

    def __init__(self, loaded: ServedModel, *, model: str | None, log: Log) -> None:
        self.current = loaded  # other threads may read it at any time
        self.ready = False  # whether the first model is warmed up
        self.trouble: str | None = None  # why the last update failed
        self._alias = ALIAS_URI.fullmatch(model or "")
        self._log = log

    def run(self, stop: threading.Event, *, interval: float) -> None:
        """Warm up the model, then check the alias every `interval` seconds until `stop` is set."""
        self.current.scorer.warm_up()
        self.ready = True
        self._log({"event": "ready", **self.current.identity})
        while self._alias and not stop.wait(interval):
            self.update(self._alias["name"], self._alias["alias"])

    def update(self, name: str, alias: str) -> None:
        """Load the version of the alias, if it is another one; on failure keep the current one."""
        try:
            version = version_of(name, alias)
            if version != self.current.identity["version"]:
                loaded = open_model(f"models:/{name}/{version}")
                loaded.scorer.warm_up()
                self.current = loaded
                self._log({"event": "renewed", **loaded.identity})
            if self.trouble:
                self._log({"event": "recovered", **self.current.identity})
            self.trouble = None
        except Exception as error:  # keep watching, whatever MLflow or a model raises
            trouble = str(error) if isinstance(error, NewsdeskError) else f"{type(error).__name__}: {error}"
            if trouble != self.trouble:
                self._log({"event": "degraded", "trouble": trouble})
            self.trouble = trouble
