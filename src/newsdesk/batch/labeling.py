"""Label batches of articles, and write labelled batches as Parquet, JSON lines or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch.arrow_columns import HOME, repair_columns
from newsdesk.batch.output_schema import NAMES, SCORES, build_schema
from newsdesk.inference.decision import BALANCED, BoolArray, FloatArray, Head, IntArray
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts

LineFormat = Literal["json", "jsonl", "csv"]
OutputFormat = Literal["json", "jsonl", "csv", "parquet"]
ROW_GROUP = 32_768
NULL_STRING = pa.scalar(None, pa.string())


def label_columns(
    batch: pa.RecordBatch,
    scorer: Scorer,
    taxonomy: Taxonomy,
    *,
    profile: str = BALANCED,
    home: str | None = None,
    counts: PredictionCounts | None = None,
) -> pa.RecordBatch:
    """Label a batch of articles without a Python object for each.

    Labels, scores and reasons are those of `Scorer.predict`. The region of a teaser is that of its section,
    as an editor chose it, and `region_origin` is `section`; its scores remain the model's.

    Parameters
    ----------
    batch : RecordBatch
        `arrow_columns.COLUMNS`, then columns to carry.
    scorer : Scorer
    taxonomy : Taxonomy
        Its sections name regions.
    profile : str, default="balanced"
        Set of thresholds.
    home : str, optional
        The home country of articles without one; a home that is no country of the taxonomy is none.
    counts : PredictionCounts, optional
        Counts the model's predictions by profile `balanced`, whatever `profile` is.

    Returns
    -------
    RecordBatch
        A row for each article: columns of `LABELED`, then the carried ones.

    Examples
    --------
    >>> from newsdesk.base.files import SHIPPED, read_model
    >>> from newsdesk.base.schema import Article
    >>> from newsdesk.batch.arrow_columns import from_articles
    >>> scorer = read_model(SHIPPED)
    >>> taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
    >>> batch = from_articles([Article("1", "desk", "مباراة", "فاز المنتخب الألماني على فرنسا في برلين أمس")])
    >>> label_columns(batch, scorer, taxonomy)["regions"].to_pylist()
    [['europe']]
    """
    batch = repair_columns(batch)  # as stage `clean` does
    homes = scorer.countries.known(batch[HOME].to_pylist(), default=home)
    probabilities, main_scores, unscored = scorer.score(batch["title"], batch["text"], homes)
    scores = {head.task: probabilities[:, head.columns] for head in scorer.heads}
    if counts:  # by the thresholds that drift references are made with
        held, reasons = scorer.decide(probabilities, unscored, BALANCED)
        assigned = {head.task: holds for head, holds in zip(scorer.heads, held, strict=True)}
        counts.update_arrays(scores, assigned, reasons, titles=batch["title"], texts=batch["text"])
    held, reasons = scorer.decide(probabilities, unscored, profile)
    labels = {
        head.task: _labels(head.rank(main_scores), holds, head)
        for head, holds in zip(scorer.heads, held, strict=True)
    }
    return _build_batch(batch, scorer.heads, taxonomy, scores, labels, reasons)


def _build_batch(
    batch: pa.RecordBatch,
    heads: Sequence[Head],
    taxonomy: Taxonomy,
    probabilities: Mapping[str, FloatArray],
    labels: Mapping[str, pa.ListArray],
    reasons: Sequence[str | None],
) -> pa.RecordBatch:
    regions, by_section = _regions_of_sections(batch, labels["region"], taxonomy)
    has_region = pc.greater(pc.list_value_length(regions), 0)
    scores = {head.task: _scores(probabilities[head.task], head) for head in heads}
    columns = {
        "article_id": batch["article_id"],
        "title": batch["title"],
        "regions": regions,
        "topics": labels["topic"],
        "region_scores": scores["region"],
        "topic_scores": scores["topic"],
        "reason": pc.if_else(by_section, NULL_STRING, pa.array(reasons, pa.string())),
        "kind": batch["kind"],
        "section": batch["section"],
        "region_origin": pc.if_else(by_section, "section", pc.if_else(has_region, "model", NULL_STRING)),
        "main_region": _first_labels(regions),
        "main_topic": _first_labels(labels["topic"]),
    }
    carry = [name for name in batch.schema.names if name not in ("text", HOME, *columns)]
    columns |= {name: batch[name] for name in carry}
    schema = build_schema(provenance=False, carry=carry)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _labels(order: IntArray, holds: BoolArray, head: Head) -> pa.ListArray:
    """List the assigned labels of each article in this order."""
    held = np.take_along_axis(holds, order, axis=1)
    values = pa.array(head.labels, pa.string()).take(pa.array(order[held]))
    return pa.ListArray.from_arrays(_list_offsets(held.sum(axis=1)), values).cast(NAMES)


def _list_offsets(lengths: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _scores(probabilities: FloatArray, head: Head) -> pa.MapArray:
    scored = ~np.isnan(probabilities[:, 0])
    n_labels, n_scored = len(head.labels), int(scored.sum())
    keys = pa.array(head.labels, pa.string()).take(pa.array(np.tile(np.arange(n_labels), n_scored)))
    values = pa.array(probabilities[scored].ravel())
    return pa.MapArray.from_arrays(_list_offsets(scored * n_labels), keys, values).cast(SCORES)


def _regions_of_sections(
    batch: pa.RecordBatch, regions: pa.ListArray, taxonomy: Taxonomy
) -> tuple[pa.ListArray, pa.BooleanArray]:
    """Replace the regions of teasers by those of their sections; also return which rows these are."""
    has_section = pc.and_(pc.equal(batch["kind"], "teaser"), pc.is_valid(batch["section"]))
    by_section = np.zeros(len(batch), bool)
    listed = None
    for row in np.flatnonzero(has_section.to_numpy(zero_copy_only=False)).tolist():
        if region := taxonomy.region_of_section(batch["section"][row].as_py()):
            listed = listed or regions.to_pylist()
            listed[row] = [region]
            by_section[row] = True
    return pa.array(listed, NAMES) if listed else regions, pa.array(by_section)


def _first_labels(labels: pa.ListArray) -> pa.StringArray:
    offsets, counts = labels.offsets, pc.list_value_length(labels)
    at = pc.if_else(pc.greater(counts, 0), offsets.slice(0, len(labels)), pa.scalar(None, pa.int32()))
    return labels.values.take(at)


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield the rows of a labelled batch: labels as lists, scores as dicts."""
    columns = [column_values(column) for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, row, strict=True))


def column_values(column: pa.Array) -> list[Any]:
    """List a column's values ten times as fast as `to_pylist`, which makes a scalar of each probability."""
    if pa.types.is_list(column.type):
        values, bounds = column_values(column.values), column.offsets.to_pylist()
        return [values[start:end] for start, end in pairwise(bounds)]
    if pa.types.is_map(column.type):
        keys, values, bounds = (
            column_values(column.keys),
            column_values(column.items),
            column.offsets.to_pylist(),
        )
        return [dict(zip(keys[i:k], values[i:k], strict=True)) for i, k in pairwise(bounds)]
    if pa.types.is_floating(column.type):
        return list(column.to_numpy().tolist())
    if pa.types.is_string(column.type) and not column.null_count:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())


def write(batches: Iterable[pa.RecordBatch], path: Path, form: OutputFormat, schema: pa.Schema) -> int:
    """Write labelled batches to a file; returns the number of rows.

    The bytes depend on the rows, not on their batches. At most `ROW_GROUP` rows are in memory at once.
    """
    if form == "parquet":
        return _write_parquet(batches, path, schema)
    with path.open("w", encoding="utf-8", newline="") as handle:
        return write_lines((row for b in batches for row in rows_of(b)), handle, form, schema.names)


def write_lines(
    rows: Iterable[dict[str, Any]],
    handle: IO[str],
    form: LineFormat,
    names: Sequence[str],
) -> int:
    """Write rows as JSON lines, a JSON array or CSV; returns their number."""
    count = 0
    table = csv.writer(handle, lineterminator="\n")
    encode = json.JSONEncoder(ensure_ascii=False, default=iso).encode
    if form == "csv":
        table.writerow(names)
    for row in rows:
        if form == "csv":
            table.writerow([_csv_cell(row[name]) for name in names])
        elif form == "json":
            handle.write(f"{',' if count else '['}\n{encode(row)}")
        else:
            handle.write(encode(row) + "\n")
        count += 1
    if form == "json":
        handle.write("\n]\n" if count else "[]\n")
    return count


def iso(moment: datetime) -> str:
    """Format a time in UTC as ISO 8601 with `Z`."""
    return moment.isoformat().replace("+00:00", "Z")


def _csv_cell(value: Any) -> Any:
    """Join labels by `|`, main one first; write scores as JSON."""
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, datetime):
        return iso(value)
    return json.dumps(value) if isinstance(value, dict) else value


def _write_parquet(batches: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema) -> int:
    buffered: list[pa.RecordBatch] = []
    n_buffered = count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            while n_buffered + len(batch) >= ROW_GROUP:
                room = ROW_GROUP - n_buffered
                writer.write_batch(pa.concat_batches([*buffered, batch.slice(0, room)]))
                batch, buffered, n_buffered = batch.slice(room), [], 0
                count += ROW_GROUP
            buffered.append(batch)
            n_buffered += len(batch)
        if n_buffered:
            writer.write_batch(pa.concat_batches(buffered))
    return count + n_buffered
