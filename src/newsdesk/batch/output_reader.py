"""Read back what `newsdesk predict` wrote: Parquet, JSON lines or CSV, or a folder of such parts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk.base.errors import NewsdeskError
from newsdesk.inference.decision import Prediction

BATCH = 1024
COLUMNS = ("article_id", "regions", "topics", "region_scores", "topic_scores", "reason")
MODEL = ("model_name", "model_version")  # written by jobs
SUFFIXES = (".parquet", ".jsonl", ".csv")
UNREADABLE = (OSError, UnicodeDecodeError, ValueError, csv.Error, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A row of an output: what was said of an article and, if the job wrote it down, by which model."""

    article_id: str
    prediction: Prediction
    model: str = ""


def is_output(path: Path) -> bool:
    """Whether a file, or one of a folder's, has the columns that `newsdesk predict` writes."""
    try:
        return any(True for _ in _files(path))
    except NewsdeskError:
        return False


def read_output(path: Path) -> Iterator[Labelled]:
    """The rows of an output in its order; of a folder, file after file by name.

    Raises
    ------
    NewsdeskError
        If there is none, or a row is damaged.
    """
    files = list(_files(path))
    if not files:
        raise NewsdeskError(f"{path}: no output of `newsdesk predict`; it has columns {', '.join(COLUMNS)}")
    for file in files:
        position = 0
        try:
            for row in _rows(file):
                labelled = _labelled(row)
                position += 1
                yield labelled
        except (*UNREADABLE, KeyError, TypeError) as error:
            said = f"{type(error).__name__}: {error}"
            raise NewsdeskError(f"{file}: not readable behind row {position:,}: {said}") from None


def _files(path: Path) -> Iterator[Path]:
    """Those that hold labels; a damaged one ends it, as nobody can tell what it held."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        if file.is_file() and file.suffix in SUFFIXES and not file.name.startswith("."):
            try:
                names = _names(file)
            except UNREADABLE as error:
                raise NewsdeskError(f"{file}: not readable: {type(error).__name__}: {error}") from None
            if set(COLUMNS) <= names:
                yield file


def _names(file: Path) -> set[str]:
    if file.suffix == ".parquet":
        return set(pq.read_schema(file).names)
    with file.open(encoding="utf-8", newline="") as handle:
        if file.suffix == ".csv":
            return set(next(csv.reader(handle), []))
        first = json.loads(handle.readline() or "null")
        return set(first) if isinstance(first, dict) else set()


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as table:
            wanted = [name for name in (*COLUMNS, *MODEL) if name in table.schema_arrow.names]
            for batch in table.iter_batches(BATCH, columns=wanted):
                yield from batch.to_pylist()
        return
    with file.open(encoding="utf-8", newline="") as handle:
        if file.suffix == ".csv":
            csv.field_size_limit(2**31 - 1)
            yield from csv.DictReader(handle)
        else:
            yield from (json.loads(line) for line in handle)


def _labelled(row: dict[str, Any]) -> Labelled:
    labels = {"region": _list(row["regions"]), "topic": _list(row["topics"])}
    scores = {task: _scores(row[f"{task}_scores"]) for task in labels}
    model = " ".join(str(row[name]) for name in MODEL if row.get(name))
    return Labelled(str(row["article_id"]), Prediction(labels, scores, row["reason"] or None), model)


def _list(cell: Any) -> list[str]:
    """Labels; in CSV they are joined by `|`."""
    if isinstance(cell, str):
        return cell.split("|") if cell else []
    return [str(label) for label in cell]


def _scores(cell: Any) -> dict[str, float]:
    """Scores by label; in CSV they are JSON, in Parquet pairs."""
    return {
        str(label): float(score)
        for label, score in dict(json.loads(cell) if isinstance(cell, str) else cell).items()
    }
