"""Label a stream of articles and write what was said of each, in the order read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from newsdesk.repair import repair
from newsdesk.schema import Article
from newsdesk.scorer import Prediction, Scorer
from newsdesk.taxonomy import Taxonomy

Format = Literal["jsonl", "csv", "parquet"]
BATCH = 512

LABELED = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("regions", pa.list_(pa.string()), nullable=False),
        pa.field("topics", pa.list_(pa.string()), nullable=False),
        pa.field("region_scores", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("topic_scores", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("section", pa.string()),
        pa.field("region_origin", pa.string()),
    ]
)


def label(articles: Iterable[Article], scorer: Scorer, taxonomy: Taxonomy) -> Iterator[dict[str, Any]]:
    """One row (schema `LABELED`) an article, in order, `BATCH` at a time.

    A teaser's section is an editor's word on its region, so it stands in place of the model's, and
    `region_origin` says `section`; the scores are the model's all the same.
    """
    stream = map(repair, articles)  # as `clean` does: what is served is what was trained on
    while batch := list(islice(stream, BATCH)):
        predictions = scorer.predict([a.title for a in batch], [a.text for a in batch])
        for article, prediction in zip(batch, predictions, strict=True):
            yield _row(article, prediction, taxonomy)


def _row(article: Article, prediction: Prediction, taxonomy: Taxonomy) -> dict[str, Any]:
    regions, reason = prediction.labels["region"], prediction.reason
    origin = "model" if regions else None
    if article.kind == "teaser" and article.section:
        by_section = taxonomy.region_of_section(article.section)
        if by_section:
            regions, origin, reason = [by_section], "section", None
    return {
        "article_id": article.article_id,
        "title": article.title,
        "regions": regions,
        "topics": prediction.labels["topic"],
        "region_scores": prediction.scores["region"],
        "topic_scores": prediction.scores["topic"],
        "reason": reason,
        "kind": article.kind,
        "section": article.section,
        "region_origin": origin,
    }


def write(rows: Iterable[dict[str, Any]], path: Path, form: Format) -> int:
    """Write rows to a file, a batch in memory at a time; returns their number."""
    if form == "parquet":
        return _write_parquet(rows, path)
    with path.open("w", encoding="utf-8", newline="") as handle:
        return write_lines(rows, handle, form)


def write_lines(rows: Iterable[dict[str, Any]], handle: IO[str], form: Literal["jsonl", "csv"]) -> int:
    """Write rows as lines of JSON or CSV; returns their number."""
    count = 0
    table = csv.writer(handle, lineterminator="\n")
    if form == "csv":
        table.writerow(LABELED.names)
    for row in rows:
        if form == "csv":
            table.writerow([_csv_cell(row[name]) for name in LABELED.names])
        else:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _csv_cell(value: Any) -> Any:
    """Labels joined by `|`, main one first; scores as JSON."""
    if isinstance(value, list):
        return "|".join(value)
    return json.dumps(value) if isinstance(value, dict) else value


def _write_parquet(rows: Iterable[dict[str, Any]], path: Path) -> int:
    stream, count = iter(rows), 0
    with pq.ParquetWriter(path, LABELED, compression="zstd") as writer:
        while batch := list(islice(stream, BATCH)):
            for row in batch:
                for scores in ("region_scores", "topic_scores"):
                    row[scores] = list(row[scores].items())
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=LABELED))
            count += len(batch)
    return count
