"""The columns of whatever is labelled: one schema for a file, for a job's parts and for other engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from newsdesk.base.errors import NewsdeskError

SCHEMA_VERSION = "1"  # of LABELED and STAMP; it changes when a column changes its name, type or meaning

NAMES, SCORES = pa.list_(pa.string()), pa.map_(pa.string(), pa.float64())

# What is said of an article: it follows from the article and the model alone.
LABELED = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),  # its own, else a hash of title and text
        pa.field("title", pa.string(), nullable=False),
        pa.field("regions", NAMES, nullable=False),  # main one first; empty where none is said
        pa.field("topics", NAMES, nullable=False),
        pa.field("region_scores", SCORES, nullable=False),  # a probability a label; empty if not scored
        pa.field("topic_scores", SCORES, nullable=False),
        pa.field("reason", pa.string()),  # why nothing is said; null where something is
        pa.field("kind", pa.string(), nullable=False),  # article or teaser
        pa.field("section", pa.string()),  # as printed
        pa.field("region_origin", pa.string()),  # model or section; null without a region
        pa.field("main_region", pa.string()),  # the first of regions
        pa.field("main_topic", pa.string()),
    ]
)

# Who said it and when: in every row of a job.
STAMP = pa.schema(
    [
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("run_id", pa.string()),  # of the MLflow run that the model comes from, if it is known
        pa.field("schema_version", pa.string(), nullable=False),
        pa.field("scored_at", pa.timestamp("us", tz="UTC"), nullable=False),  # when the job began
    ]
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What `STAMP`'s columns hold throughout a job."""

    model_name: str
    model_version: str
    run_id: str | None
    scored_at: datetime

    def values(self) -> Mapping[str, Any]:
        """By column."""
        return {
            "model_name": self.model_name,
            "model_version": self.model_version,
            "run_id": self.run_id,
            "schema_version": SCHEMA_VERSION,
            "scored_at": self.scored_at,
        }


def schema_of(*, stamped: bool, carry: Sequence[str] = ()) -> pa.Schema:
    """The columns of an output: `LABELED`, in jobs `STAMP`, then what is carried along, as text."""
    stamp = list(STAMP) if stamped else []
    return pa.schema([*LABELED, *stamp, *(pa.field(name, pa.string()) for name in carry)])


def stamped(batch: pa.RecordBatch, stamp: Stamp) -> pa.RecordBatch:
    """A labelled batch with the columns of `STAMP` behind those of `LABELED`."""
    n, own = len(batch), len(LABELED)
    values = stamp.values()
    columns = [pa.repeat(pa.scalar(values[field.name], field.type), n) for field in STAMP]
    carry = batch.schema.names[own:]
    return pa.RecordBatch.from_arrays(
        [*batch.columns[:own], *columns, *batch.columns[own:]],
        schema=schema_of(stamped=True, carry=carry),
    )


def check_carry(names: Sequence[str]) -> tuple[str, ...]:
    """Names of input columns to carry along, as readers know them: trimmed, in lower case.

    Raises
    ------
    NewsdeskError
        If one is empty, stands twice or is a column of the output.
    """
    known = tuple(name.strip().lower() for name in names)
    taken = {*LABELED.names, *STAMP.names}
    for k, name in enumerate(known):
        if not name:
            raise NewsdeskError("--carry: a name is empty; give names with commas between them")
        if name in known[:k]:
            raise NewsdeskError(f"--carry: {name} is named twice")
        if name in taken:
            raise NewsdeskError(f"--carry: {name} is a column of the output already")
    return known
