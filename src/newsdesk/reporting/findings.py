"""The finished files of a run, read: what is missing or damaged is told, and nothing else breaks."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, read_model, read_table, sha256
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.scored import Scored, read_outlet_predictions, read_predictions

JSONS = ("evaluate", "labels", "outlets", "outlets_labels")
T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the files of a run are; of two folders of metrics or plots the later one goes first."""

    metrics: Sequence[Path]
    plots: Sequence[Path]
    account: Path
    predictions: Path
    articles: Path
    model: Path
    params: Path


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of a run.

    Attributes
    ----------
    measured : mapping of str to Any
        Content of the JSON files, by stem.
    plots : mapping of str to rows
        Content of the CSV files, by stem.
    scored : mapping of str to Scored
        Truth and probabilities of the tested articles, by task.
    texts : mapping of str to (str, str)
        Title and text by article.
    hashes : mapping of str to str
        SHA-256 of each file read, by its name in the run.
    damaged : list of str
        A line for each file that is there and could not be read.
    """

    measured: Mapping[str, Any]
    plots: Mapping[str, Rows]
    scored: Mapping[str, Scored]
    texts: Mapping[str, tuple[str, str]]
    scorer: Scorer | None
    settings: Settings
    hashes: Mapping[str, str]
    damaged: Sequence[str] = field(default_factory=list)


def read_findings(sources: Sources, *, with_texts: bool) -> Findings:
    """Read whatever is there of a run.

    Parameters
    ----------
    with_texts : bool
        Read titles and texts of the tested articles, and the model that tells what in them it went by.
    """
    reading = _Reading()
    settings = reading.take(sources.params, "params.yaml", read_settings) or Settings()
    measured = {
        name: content
        for folder in sources.metrics
        for name in JSONS
        if (content := reading.take(folder / f"{name}.json", f"metrics/{name}.json", read_json)) is not None
    }
    if account := reading.take(sources.account, "metrics/clean.json", read_json):
        measured["clean"] = account
    plots = {
        path.stem: rows
        for folder in sources.plots
        for path in sorted(folder.glob("*.csv"))
        if (rows := reading.take(path, f"plots/{path.name}", read_rows)) is not None
    }

    name = sources.predictions.name
    scored = reading.take(sources.predictions, f"data/{name}", lambda p: read_scored(p, settings)) or {}
    texts: dict[str, tuple[str, str]] = {}
    scorer = None
    if with_texts:
        wanted = {i for of_task in scored.values() for i in of_task.article_ids}
        texts = reading.take(sources.articles, "articles.parquet", lambda p: read_texts(p, wanted)) or {}
        scorer = reading.take(sources.model, "model", read_model)
    return Findings(
        measured,
        plots,
        scored,
        texts,
        scorer,
        settings,
        dict(sorted(reading.hashes.items())),
        reading.damaged,
    )


class _Reading:
    """Read files one by one, keeping their hashes and the reasons why some could not be read."""

    def __init__(self) -> None:
        self.hashes: dict[str, str] = {}
        self.damaged: list[str] = []

    def take(self, path: Path, name: str, read: Callable[[Path], T]) -> T | None:
        """What `read` makes of the path; None if it is missing or damaged."""
        if not path.exists():
            return None
        try:
            content = read(path)
        except (NewsdeskError, KeyError, TypeError, ValueError, OSError, csv.Error) as error:
            said = str(error).replace(str(path), name)  # the same page on every machine
            self.damaged.append(f"{name} could not be read: {said}")
            return None
        self.hashes[name] = sha256(path)
        return content


def read_scored(path: Path, settings: Settings) -> dict[str, Scored]:
    """Predictions as stage `evaluate` or stage `outlets` writes them, by head."""
    table = read_table(path)
    if "protocol" in table.column_names:
        return read_outlet_predictions(table)
    return read_predictions(table, origins=settings.evaluate.origins)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV file; what reads as a number is one, an empty cell is None."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [{k: _value(v) for k, v in row.items()} for row in csv.DictReader(lines, strict=True)]


def _value(cell: str) -> Any:
    if cell in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[cell]
    try:
        return float(cell)
    except ValueError:
        return cell


def read_texts(path: Path, wanted: set[str]) -> dict[str, tuple[str, str]]:
    """Title and text of the wanted articles."""
    table = read_table(path, ARTICLES).select(["article_id", "title", "text"])
    kept = table.filter(pc.is_in(table["article_id"], pa.array(sorted(wanted), pa.string())))
    return {row["article_id"]: (row["title"] or "", row["text"] or "") for row in kept.to_pylist()}
