"""The model that is being served, and its renewal when its alias moves."""

from __future__ import annotations

import os
import re
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

ALIAS = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")
VERSION = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)")
# enough to have the compiled path compiled and every part of it called once
WARM_UP = ("قمة في باريس", "أعلنت الشرطة في باريس اليوم أن الهجوم على محطة القطارات لم يوقع ضحايا")

Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory: its name and version, the hash of its files and when it was loaded."""

    scorer: Scorer
    name: str
    version: str
    sha256: str
    loaded: str

    def told(self) -> dict[str, str]:
        """What an answer says of its model."""
        return {
            "name": self.name, "version": self.version, "sha256": self.sha256, "loaded": self.loaded,
        }  # fmt: skip


def open_model(model: str | None, *, threads: int = 1) -> Loaded:
    """Load a model by folder or URI, by default the one that newsdesk comes with.

    Raises
    ------
    NewsdeskError
        If there is none, it is damaged, or the store that has it can't be reached.
    """
    if match := ALIAS.fullmatch(model or ""):
        return _open_version(match["name"], aliased(match["name"], match["alias"]), threads=threads)
    if match := VERSION.fullmatch(model or ""):
        return _open_version(match["name"], match["version"], threads=threads)
    if model and model.startswith(("models:/", "runs:/")):
        return _open_uri(model, None, model, threads=threads)
    folder = mlflow_model.packaged_folder(Path(model)) if model else files.SHIPPED
    return _open_folder(folder, None, None, threads=threads)


def _open_version(name: str, version: str, *, threads: int) -> Loaded:
    return _open_uri(f"models:/{name}/{version}", name, version, threads=threads)


def _open_uri(uri: str, name: str | None, version: str | None, *, threads: int) -> Loaded:
    # a copy of our own, which goes when it is loaded: a server that renews its model must not fill the disk
    with tempfile.TemporaryDirectory(prefix="newsdesk-") as folder:
        found = runs.download_model(uri, Path(folder))
        return _open_folder(found, name, version, threads=threads)


def _open_folder(folder: Path, name: str | None, version: str | None, *, threads: int) -> Loaded:
    scorer = files.read_model(folder)
    missing = {"region", "topic"} - {head.task for head in scorer.heads}
    if missing:
        raise NewsdeskError(f"{folder}: the model has no head of {' or of '.join(sorted(missing))}s")
    scorer.threads = threads
    return Loaded(
        scorer,
        name or str(scorer.info.get("name", "newsdesk")),
        version or str(scorer.info.get("version", "")),
        files.sha256(folder),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def warm_up(scorer: Scorer) -> None:
    """Load and compile what is fast for many articles, so that no request has to wait for it."""
    scorer.compile_from = 0
    scorer.predict([WARM_UP[0]], [WARM_UP[1]])


def aliased(name: str, alias: str) -> str:
    """The version that an alias stands at.

    Raises
    ------
    NewsdeskError
        If the store can't be reached, or has no such model or alias.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # the default waits two minutes, thrice
    if not runs.store_exists():
        raise NewsdeskError(f"MLflow store {runs.store_uri()}: no such file")
    with runs.connect() as client:
        return str(client.get_model_version_by_alias(name, alias).version)


class Live:
    """The model that answers; threads may read `current` while another renews it.

    Attributes
    ----------
    current : Loaded
    ready : bool
        Whether it is warm.
    trouble : str or None
        Why it could not be renewed, when it was last looked.
    """

    def __init__(self, loaded: Loaded, *, model: str | None, log: Log) -> None:
        self.current = loaded
        self.ready = False
        self.trouble: str | None = None
        self._alias = ALIAS.fullmatch(model or "")
        self._log = log

    def warm_up(self) -> None:
        """Make the first model ready."""
        warm_up(self.current.scorer)
        self.ready = True
        self._log({"event": "ready", **self.current.told()})

    def renew(self) -> None:
        """Load the version at which the alias stands, if it is another, and let it take over at once.

        What fails leaves the current model at work, and is told in `trouble` and, once, in the log.
        """
        if not self._alias:
            return
        name, alias = self._alias["name"], self._alias["alias"]
        try:
            version = aliased(name, alias)
            if version != self.current.version:
                loaded = _open_version(name, version, threads=self.current.scorer.threads)
                warm_up(loaded.scorer)
                self.current = loaded
                self._log({"event": "renewed", **loaded.told()})
        except NewsdeskError as error:
            self._troubled(str(error))
        except Exception as error:  # the watch must go on, whatever MLflow or a model raises
            self._troubled(f"{type(error).__name__}: {error}")
        else:
            if self.trouble:
                self._log({"event": "recovered", **self.current.told()})
            self.trouble = None

    def _troubled(self, message: str) -> None:
        if message != self.trouble:
            self._log({"event": "degraded", "trouble": message})
        self.trouble = message

    def watch(self, stop: threading.Event, *, seconds: float) -> None:
        """Warm up, then renew every so many seconds until told to stop."""
        self.warm_up()
        while self._alias and not stop.wait(seconds):
            self.renew()
