"""The training, validation and test data of a run, as MLflow datasets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.schema import TASKS

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

DIGEST = 16  # hex digits; MLflow allows 36
TEST = "test"
CONTEXTS = {"train": "training", "valid": "validation", TEST: "test"}
LABELS = tuple(f"{task}{kind}" for task in TASKS for kind in ("", "_origin"))
HASHED = ("article_id", "title", "text", *LABELS)


@dataclass(frozen=True, slots=True)
class SplitDataset:
    """The labelled articles of a split."""

    split: str
    digest: str
    n_rows: int
    n_labelled: Mapping[str, int]  # by task
    source: str  # path of the articles


def describe_splits(
    articles: pa.Table, *, source: str, test: Sequence[Mapping[str, Any]], test_sha256: str
) -> list[SplitDataset]:
    """Describe the articles that train, that validate, and the test set.

    Runs with equal data have equal digests. That of the test set is the start of the hash by which versions
    are compared; it has no texts, so the same articles with other texts are the same test set.
    """
    found = [_describe(articles, split, source) for split in CONTEXTS if split != TEST]
    n_labelled = {task: sum(row[f"{task}_true"] is not None for row in test) for task in TASKS}
    return [*found, SplitDataset(TEST, test_sha256[:DIGEST], len(test), n_labelled, source)]


def _describe(articles: pa.Table, split: str, source: str) -> SplitDataset:
    labelled = pc.or_(*(pc.is_valid(articles[task]) for task in TASKS))
    rows = articles.filter(pc.and_(pc.equal(articles["split"], split), labelled)).select(HASHED)
    digest = hashlib.sha256()
    for batch in rows.to_batches(max_chunksize=1000):  # the digest does not depend on the batches
        for row in batch.to_pylist():
            digest.update(json.dumps([*row.values()], ensure_ascii=False).encode() + b"\n")
    n_labelled = {task: len(rows) - rows[task].null_count for task in TASKS}
    return SplitDataset(split, digest.hexdigest()[:DIGEST], len(rows), n_labelled, source)


def to_mlflow(dataset: SplitDataset) -> DatasetInput:
    """Return a dataset as an input of an MLflow run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    kinds = {name: Array(DataType.string) if name in TASKS else DataType.string for name in HASHED}
    schema = Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()])
    profile = {"num_rows": dataset.n_rows, **{f"num_{task}": n for task, n in dataset.n_labelled.items()}}
    entity = Dataset(
        dataset.split, dataset.digest, "local", json.dumps({"uri": dataset.source}),
        schema=json.dumps({"mlflow_colspec": schema.to_dict()}), profile=json.dumps(profile),
    )  # fmt: skip
    return DatasetInput(entity, [InputTag("mlflow.data.context", CONTEXTS[dataset.split])])
