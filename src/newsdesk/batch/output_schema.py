"""Columns of labelled articles: one schema for a file and for the parts of a job, by any engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from newsdesk.base.errors import NewsdeskError
from newsdesk.inference.decision import SCHEMA_VERSION

NAMES, SCORES = pa.list_(pa.string()), pa.map_(pa.string(), pa.float64())

# The article and its labels: they follow from the article and the model alone.
LABELED = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),  # its own, else a hash of title and text
        pa.field("title", pa.string(), nullable=False),
        pa.field("regions", NAMES, nullable=False),  # main one first; empty without a region
        pa.field("topics", NAMES, nullable=False),
        pa.field("region_scores", SCORES, nullable=False),  # a probability by label; empty if not scored
        pa.field("topic_scores", SCORES, nullable=False),
        pa.field("reason", pa.string()),  # why the article has no label; null if it has one
        pa.field("kind", pa.string(), nullable=False),  # article or teaser
        pa.field("section", pa.string()),  # as printed
        pa.field("region_origin", pa.string()),  # model or section; null without a region
        pa.field("main_region", pa.string()),  # the first of regions
        pa.field("main_topic", pa.string()),
    ]
)

# Which model wrote a row and when: in every row of a job.
PROVENANCE = pa.schema(
    [
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("run_id", pa.string()),  # of the MLflow run that made the model, if known
        pa.field("schema_version", pa.string(), nullable=False),
        pa.field("scored_at", pa.timestamp("us", tz="UTC"), nullable=False),  # when the job began
    ]
)


@dataclass(frozen=True, slots=True)
class ModelProvenance:
    """Values of the columns of `PROVENANCE`, the same in all rows of a job."""

    model_name: str
    model_version: str
    run_id: str | None
    scored_at: datetime
    schema_version: str = SCHEMA_VERSION


def build_schema(*, provenance: bool, carry: Sequence[str] = ()) -> pa.Schema:
    """Build the schema of an output: `LABELED`, in jobs `PROVENANCE`, then the carried columns as text."""
    return pa.schema(
        [*LABELED, *(PROVENANCE if provenance else []), *(pa.field(name, pa.string()) for name in carry)]
    )


def add_provenance(labeled: pa.RecordBatch, provenance: ModelProvenance) -> pa.RecordBatch:
    """Insert the columns of `PROVENANCE` behind those of `LABELED`."""
    n = len(LABELED)
    values = [pa.scalar(getattr(provenance, field.name), field.type) for field in PROVENANCE]
    columns = [pa.repeat(value, len(labeled)) for value in values]
    return pa.RecordBatch.from_arrays(
        [*labeled.columns[:n], *columns, *labeled.columns[n:]],
        schema=build_schema(provenance=True, carry=labeled.schema.names[n:]),
    )


def check_carry(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of input columns to carry as readers know them: trimmed, in lower case.

    Raises
    ------
    NewsdeskError
        If a name is empty, repeated, the text or a column of the output.
    """
    known = tuple(name.strip().lower() for name in names)
    taken = {*LABELED.names, *PROVENANCE.names}
    for k, name in enumerate(known):
        if not name:
            raise NewsdeskError("--carry: a name is empty; give names with commas between them")
        if name in known[:k]:
            raise NewsdeskError(f"--carry: {name} is named twice")
        if name == "text":
            raise NewsdeskError("--carry: the text is not carried; join the rows by their article_id")
        if name in taken:
            raise NewsdeskError(f"--carry: {name} is a column of the output already")
    return known
