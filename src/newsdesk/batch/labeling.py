"""Label articles by the batch, in the order read, and write what was said of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.arrow_columns import from_articles, repaired
from newsdesk.batch.output_schema import LABELED, NAMES, SCORES, schema_of
from newsdesk.inference.decision import BALANCED, BoolArray, FloatArray, Head
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts

Format = Literal["jsonl", "csv", "parquet"]
BATCH = 512
ROW_GROUP = 32_768


def label(articles: Iterable[Article], scorer: Scorer, taxonomy: Taxonomy) -> Iterator[dict[str, Any]]:
    """One row (schema `LABELED`) an article, in order, `BATCH` at a time."""
    stream = iter(articles)
    while batch := list(islice(stream, BATCH)):
        yield from rows_of(label_columns(from_articles(batch), scorer, taxonomy))


def label_columns(
    batch: pa.RecordBatch,
    scorer: Scorer,
    taxonomy: Taxonomy,
    *,
    profile: str = BALANCED,
    tally: PredictionCounts | None = None,
) -> pa.RecordBatch:
    """Label a batch of articles (columns of `newsdesk.columns`); what it carries along stays behind.

    A teaser's section is an editor's word on its region, so it stands in place of the model's, and
    `region_origin` says `section`; the scores are the model's all the same, and so is what a tally counts,
    by the profile `balanced`.
    Labels, scores and reasons are those of `Scorer.predict`, without an object an article.

    Returns
    -------
    RecordBatch
        Columns of `LABELED`, then those that are carried.
    """
    batch = repaired(batch)  # as `clean` does: what is served is what was trained on
    probabilities, unscored = scorer.predict_proba(batch["title"], batch["text"])
    held, reasons = scorer.decide(probabilities, unscored, profile)
    if tally:
        _count(tally, scorer, batch, probabilities, unscored)
    said = {
        head.task: _labels(probabilities[:, head.columns], holds, head)
        for head, holds in zip(scorer.heads, held, strict=True)
    }
    regions, by_section = _from_sections(batch, said["region"], taxonomy)
    silent = pc.equal(pc.list_value_length(regions), 0)
    scored = ~np.isnan(probabilities[:, 0])
    scores = {head.task: _scores(probabilities[:, head.columns], head, scored) for head in scorer.heads}
    columns = {
        "article_id": batch["article_id"],
        "title": batch["title"],
        "regions": regions,
        "topics": said["topic"],
        "region_scores": scores["region"],
        "topic_scores": scores["topic"],
        "reason": pc.if_else(by_section, pa.scalar(None, pa.string()), pa.array(reasons, pa.string())),
        "kind": batch["kind"],
        "section": batch["section"],
        "region_origin": pc.if_else(
            by_section, "section", pc.if_else(silent, pa.scalar(None, pa.string()), "model")
        ),
        "main_region": _main(regions),
        "main_topic": _main(said["topic"]),
    }
    carry = [name for name in batch.schema.names if name not in ("text", *columns)]
    columns |= {name: batch[name] for name in carry}
    schema = schema_of(stamped=False, carry=carry)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _count(
    tally: PredictionCounts,
    scorer: Scorer,
    batch: pa.RecordBatch,
    probabilities: FloatArray,
    unscored: Sequence[str | None],
) -> None:
    """Count what the model says by the thresholds that references are made with, whatever is written."""
    held, reasons = scorer.decide(probabilities, unscored, BALANCED)
    scores = {head.task: probabilities[:, head.columns] for head in scorer.heads}
    holds = {head.task: each for head, each in zip(scorer.heads, held, strict=True)}
    tally.update_arrays(scores, holds, reasons, titles=batch["title"], texts=batch["text"])


def _labels(probabilities: FloatArray, holds: BoolArray, head: Head) -> pa.ListArray:
    """The labels that hold of each article, main one first."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    held = np.take_along_axis(holds, order, axis=1)
    return _lists(order[held], held.sum(axis=1), head)


def _lists(places: np.ndarray[Any, Any], counts: np.ndarray[Any, Any], head: Head) -> pa.ListArray:
    values = pa.array(head.labels, pa.string()).take(pa.array(places))
    return pa.ListArray.from_arrays(_offsets(counts), values).cast(NAMES)


def _offsets(counts: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))


def _scores(probabilities: FloatArray, head: Head, scored: np.ndarray[Any, Any]) -> pa.MapArray:
    n_labels, n_scored = len(head.labels), int(scored.sum())
    keys = pa.array(head.labels, pa.string()).take(pa.array(np.tile(np.arange(n_labels), n_scored)))
    values = pa.array(probabilities[scored].ravel())
    return pa.MapArray.from_arrays(_offsets(scored * n_labels), keys, values).cast(SCORES)


def _from_sections(
    batch: pa.RecordBatch, regions: pa.ListArray, taxonomy: Taxonomy
) -> tuple[pa.ListArray, pa.BooleanArray]:
    """The regions, those of teasers by their sections, and of which articles that is so."""
    marked = pc.and_(pc.equal(batch["kind"], "teaser"), pc.is_valid(batch["section"]))
    rows = np.flatnonzero(marked.to_numpy(zero_copy_only=False))
    sections = batch["section"].take(pa.array(rows)).to_pylist()
    named = {
        int(row): taxonomy.region_of_section(section) for row, section in zip(rows, sections, strict=True)
    }
    named = {row: region for row, region in named.items() if region}
    by_section = np.zeros(len(batch), bool)
    by_section[list(named)] = True
    if named:
        listed = regions.to_pylist()
        for row, region in named.items():
            listed[row] = [region]
        regions = pa.array(listed, NAMES)
    return regions, pa.array(by_section)


def _main(labels: pa.ListArray) -> pa.StringArray:
    offsets, counts = labels.offsets, pc.list_value_length(labels)
    at = pc.if_else(pc.greater(counts, 0), offsets.slice(0, len(labels)), pa.scalar(None, pa.int32()))
    return labels.values.take(at)


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """A labelled batch row by row: labels as lists, scores as mappings."""
    columns = [_values(column) for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, row, strict=True))


def _values(column: pa.Array) -> list[Any]:
    """A column's values; Arrow's own way makes an object of each probability, at ten times the price."""
    if pa.types.is_list(column.type):
        values, bounds = _values(column.values), column.offsets.to_pylist()
        return [values[start:end] for start, end in pairwise(bounds)]
    if pa.types.is_map(column.type):
        keys, values, bounds = _values(column.keys), _values(column.items), column.offsets.to_pylist()
        return [dict(zip(keys[i:k], values[i:k], strict=True)) for i, k in pairwise(bounds)]
    if pa.types.is_floating(column.type):
        return list(column.to_numpy().tolist())
    if pa.types.is_string(column.type) and not column.null_count:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())


def write(batches: Iterable[pa.RecordBatch], path: Path, form: Format, schema: pa.Schema) -> int:
    """Write labelled batches to a file; returns the number of rows.

    The bytes depend on the rows alone, not on how they come in batches. `ROW_GROUP` rows are in memory at a
    time.
    """
    if form == "parquet":
        return _write_parquet(batches, path, schema)
    with path.open("w", encoding="utf-8", newline="") as handle:
        return write_lines((row for b in batches for row in rows_of(b)), handle, form, schema.names)


def write_lines(
    rows: Iterable[dict[str, Any]],
    handle: IO[str],
    form: Literal["jsonl", "csv"],
    names: Sequence[str] = LABELED.names,
) -> int:
    """Write rows as lines of JSON or CSV; returns their number."""
    count = 0
    table = csv.writer(handle, lineterminator="\n")
    encode = json.JSONEncoder(ensure_ascii=False, default=iso).encode
    if form == "csv":
        table.writerow(names)
    for row in rows:
        if form == "csv":
            table.writerow([_csv_cell(row[name]) for name in names])
        else:
            handle.write(encode(row) + "\n")
        count += 1
    return count


def iso(moment: datetime) -> str:
    """A moment in UTC as text."""
    return moment.isoformat().replace("+00:00", "Z")


def _csv_cell(value: Any) -> Any:
    """Labels joined by `|`, main one first; scores as JSON."""
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, datetime):
        return iso(value)
    return json.dumps(value) if isinstance(value, dict) else value


def _write_parquet(batches: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema) -> int:
    waiting: list[pa.RecordBatch] = []
    n_waiting = count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            while n_waiting + len(batch) >= ROW_GROUP:
                room = ROW_GROUP - n_waiting
                writer.write_batch(pa.concat_batches([*waiting, batch.slice(0, room)]))
                batch, waiting, n_waiting = batch.slice(room), [], 0
                count += ROW_GROUP
            waiting.append(batch)
            n_waiting += len(batch)
        if n_waiting:
            writer.write_batch(pa.concat_batches(waiting))
    return count + n_waiting
