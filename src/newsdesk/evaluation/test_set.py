"""The test set of a run: articles, true labels and groups, which two compared models must share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from newsdesk.base.schema import TASKS


def select_test_set(predictions: pa.Table, *, origins: Iterable[str]) -> list[dict[str, Any]]:
    """Select the articles with a trusted label, in the order of their ids.

    Parameters
    ----------
    predictions : Table
        As stage `evaluate` writes it, one row for each article.
    origins : iterable of str
        Origins of the labels that count as the truth.

    Returns
    -------
    list of dict
        The rows, with None as `{task}_true` for a label of another origin.

    Examples
    --------
    >>> row = {"article_id": "a", "region_origin": "gold", "region_true": ["us"]}
    >>> rows = pa.Table.from_pylist([row | {"topic_origin": "silver", "topic_true": ["sport"]}])
    >>> select_test_set(rows, origins=["gold"])[0]["topic_true"] is None
    True
    """
    trusted = frozenset(origins)
    rows = sorted(predictions.to_pylist(), key=lambda row: str(row["article_id"]))
    for row in rows:
        for task in TASKS:
            if row[f"{task}_origin"] not in trusted:
                row[f"{task}_true"] = None
    return [row for row in rows if any(row[f"{task}_true"] is not None for task in TASKS)]


def hash_test_set(rows: Iterable[dict[str, Any]]) -> str:
    """Hash the ids, groups and true labels of a test set."""
    digest = hashlib.sha256()
    for row in rows:
        content = [row["article_id"], row["group_id"], *(row[f"{task}_true"] for task in TASKS)]
        digest.update(json.dumps(content, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def source_spans(articles: pa.Table) -> dict[str, dict[str, Any]]:
    """Count the articles of each source, and find their first and last day (None if all are undated)."""
    counted = [("source", "count"), ("published", "min"), ("published", "max")]
    spans = articles.group_by("source").aggregate(counted)
    return {
        row["source"]: {
            "n": row["source_count"],
            "first": row["published_min"] and row["published_min"].date().isoformat(),
            "last": row["published_max"] and row["published_max"].date().isoformat(),
        }
        for row in sorted(spans.to_pylist(), key=lambda row: str(row["source"]))
    }
