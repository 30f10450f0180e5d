"""Read the output of `newsdesk predict`: Parquet, JSON lines or CSV, or a job's folder of parts."""

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

BATCH_ROWS = 1024
COLUMNS = ("article_id", "regions", "topics", "region_scores", "topic_scores", "reason")
MODEL_COLUMNS = ("model_name", "model_version")  # written by jobs
SUFFIXES = (".parquet", ".jsonl", ".csv")
UNREADABLE = (OSError, UnicodeDecodeError, ValueError, csv.Error, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class OutputRow:
    """The prediction for an article, and the name and version of the model if a job wrote the row."""

    article_id: str
    prediction: Prediction
    model: str = ""


def is_output(path: Path) -> bool:
    """Return whether a file, or a file in a folder, has the columns that `newsdesk predict` writes."""
    try:
        return any(True for _ in _files(path))
    except NewsdeskError:
        return False


def read_output(path: Path) -> Iterator[OutputRow]:
    """Yield the rows of an output in order; of a folder, file after file by name.

    Parameters
    ----------
    path : Path
        A Parquet, JSONL or CSV file, or a folder of such files.

    Yields
    ------
    OutputRow
        The prediction for an article.

    Raises
    ------
    NewsdeskError
        If a folder has no output, or a row is damaged.

    Examples
    --------
    >>> import tempfile
    >>> row = dict.fromkeys(COLUMNS) | {"article_id": "1", "regions": ["us"], "topics": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels.jsonl")
    ...     _ = path.write_text(json.dumps(row | {"region_scores": {"us": 0.9}, "topic_scores": {}}))
    ...     [read] = read_output(path)
    >>> read.prediction.labels
    {'region': ['us'], 'topic': []}
    """
    files = list(_files(path))
    if not files:
        raise NewsdeskError(f"{path}: no output of `newsdesk predict`; it has columns {', '.join(COLUMNS)}")
    for file in files:
        position = 0
        try:
            for row in _rows(file):
                parsed = _parse(row)
                position += 1
                yield parsed
        except (*UNREADABLE, KeyError, TypeError) as error:
            found = f"{type(error).__name__}: {error}"
            raise NewsdeskError(f"{file}: not readable after row {position:,}: {found}") from None


def _files(path: Path) -> Iterator[Path]:
    """Yield the files with labels; a damaged file is an error, since it may have held some."""
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
    with file.open(encoding="utf-8-sig", newline="") as handle:
        if file.suffix == ".csv":
            return set(next(csv.reader(handle), []))
        first = json.loads(handle.readline() or "null")
        return set(first) if isinstance(first, dict) else set()


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as table:
            wanted = [name for name in (*COLUMNS, *MODEL_COLUMNS) if name in table.schema_arrow.names]
            for batch in table.iter_batches(BATCH_ROWS, columns=wanted):
                yield from batch.to_pylist()
        return
    with file.open(encoding="utf-8-sig", newline="") as handle:
        if file.suffix == ".csv":
            csv.field_size_limit(2**31 - 1)
            yield from csv.DictReader(handle)
        else:
            yield from (json.loads(line) for line in handle)


def _parse(row: dict[str, Any]) -> OutputRow:
    labels = {"region": _parse_labels(row["regions"]), "topic": _parse_labels(row["topics"])}
    scores = {task: _parse_scores(row[f"{task}_scores"]) for task in labels}
    model = " ".join(str(row[name]) for name in MODEL_COLUMNS if row.get(name))
    return OutputRow(str(row["article_id"]), Prediction(labels, scores, row["reason"] or None), model)


def _parse_labels(cell: Any) -> list[str]:
    """Parse labels, which CSV joins by `|`."""
    if isinstance(cell, str):
        return cell.split("|") if cell else []
    return [str(label) for label in cell]


def _parse_scores(cell: Any) -> dict[str, float]:
    """Parse scores by label, which are JSON in CSV and pairs in Parquet."""
    scores = dict(json.loads(cell) if isinstance(cell, str) else cell)
    return {str(label): float(score) for label, score in scores.items()}
