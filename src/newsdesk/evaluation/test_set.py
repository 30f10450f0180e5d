"""The frozen test: articles, truths and groups that two models share where they are compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

TASKS = ("region", "topic")


def frozen_test(predictions: pa.Table, *, origins: Iterable[str]) -> list[dict[str, Any]]:
    """The rows that count as truth, in the order of their ids.

    Parameters
    ----------
    predictions : Table
        As stage `evaluate` writes it, one row an article.
    origins : iterable of str
        Origins of the labels that are taken as the truth.

    Returns
    -------
    list of dict
        The rows with `{task}_true` None where its origin is another; those without any truth are left out.
    """
    trusted = frozenset(origins)
    rows = sorted(predictions.to_pylist(), key=lambda row: str(row["article_id"]))
    for row in rows:
        for task in TASKS:
            if row[f"{task}_origin"] not in trusted:
                row[f"{task}_true"] = None
    return [row for row in rows if any(row[f"{task}_true"] is not None for task in TASKS)]


def frozen_sha256(rows: Iterable[dict[str, Any]]) -> str:
    """Hash of ids, groups and truths of a `frozen_test`: equal if and only if the tests are the same."""
    digest = hashlib.sha256()
    for row in rows:
        told = [row["article_id"], row["group_id"], *(row[f"{task}_true"] for task in TASKS)]
        digest.update(json.dumps(told, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def source_spans(articles: pa.Table) -> dict[str, dict[str, Any]]:
    """For each source its articles, and the first and last day that they bear; None where they bear none."""
    spans = articles.group_by("source").aggregate(
        [("source", "count"), ("published", "min"), ("published", "max")]
    )
    return {
        row["source"]: {
            "n": row["source_count"],
            "first": row["published_min"] and row["published_min"].date().isoformat(),
            "last": row["published_max"] and row["published_max"].date().isoformat(),
        }
        for row in sorted(spans.to_pylist(), key=lambda row: str(row["source"]))
    }
