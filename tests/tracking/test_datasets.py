"""The data of a run: rows and digests by split."""

import json
from typing import Any

import pyarrow as pa

from newsdesk.base.schema import ARTICLES
from newsdesk.tracking.datasets import SplitDataset, describe_splits, to_mlflow


def article(name: str, split: str, **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(ARTICLES.names)
    row = {
        "article_id": name,
        "title": name,
        "text": "نص",
        "split": split,
        "topic": ["sport"],
        "topic_origin": "gold",
    }
    return {**empty, **row, **fields}


ROWS = [
    article("a", "train"),
    article("b", "train", topic=None, region=["us"]),
    article("c", "train", topic=None),  # without a label
    article("d", "valid"),
    article("e", "test"),
]
TEST = [{"region_true": None, "topic_true": ["sport"]}]


def describe(rows: list[dict[str, Any]]) -> dict[str, SplitDataset]:
    table = pa.Table.from_pylist(rows, ARTICLES)
    found = describe_splits(table, source="articles.parquet", test=TEST, test_sha256="f" * 64)
    return {dataset.split: dataset for dataset in found}


def test_articles_with_a_label_are_counted() -> None:
    found = describe(ROWS)
    assert {name: (each.n_rows, dict(each.n_labelled)) for name, each in found.items()} == {
        "train": (2, {"region": 1, "topic": 1}),
        "valid": (1, {"region": 0, "topic": 1}),
        "test": (1, {"region": 0, "topic": 1}),
    }
    assert found["test"].digest == "f" * 16


def test_the_digest_changes_with_texts_and_labels_of_the_split_alone() -> None:
    changed = [{**ROWS[0], "text": "نص آخر"}, *ROWS[1:]]
    before, after = describe(ROWS), describe(changed)
    assert before["train"].digest != after["train"].digest
    assert before["valid"] == after["valid"]


def test_mlflow_shows_rows_and_columns() -> None:
    found = to_mlflow(describe(ROWS)["train"])
    assert json.loads(found.dataset.profile) == {"num_rows": 2, "num_region": 1, "num_topic": 1}
    assert json.loads(found.dataset.source) == {"uri": "articles.parquet"}
    columns = [column["name"] for column in json.loads(found.dataset.schema)["mlflow_colspec"]]
    assert columns[:3] == ["article_id", "title", "text"]
