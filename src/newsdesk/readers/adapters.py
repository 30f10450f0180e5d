"""Recognize the records of the public corpora and rename their fields to the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ALMAYADEEN = {"postId", "title", "full_text", "classes"}
_SAUDINEWSNET = {"source", "url", "date_extracted", "content"}


def adapt(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record with common field names; one of no known corpus is returned as it is."""
    if record.keys() >= _ALMAYADEEN:
        return _almayadeen(record)
    if record.keys() >= _SAUDINEWSNET:
        return _saudinewsnet(record)
    return record


def _almayadeen(record: Mapping[str, Any]) -> Mapping[str, Any]:
    classes = record["classes"] if isinstance(record["classes"], list) else []
    value = {
        entry.get("mapping"): entry.get("value")
        for entry in reversed(classes)  # so that the first of several wins
        if isinstance(entry, dict) and isinstance(entry.get("mapping"), str)
    }
    return {
        "article_id": f"almayadeen:{record['postId']}",
        "key": record["postId"],
        "source": "almayadeen",
        "title": record["title"],
        "text": record["full_text"],
        "url": record.get("url"),
        "published": record.get("published_time"),
        "section": value.get("category"),
        "country": value.get("country"),
    }


def _saudinewsnet(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "article_id": f"{record['source']}:{record['url']}",
        "key": record["url"],
        "source": record["source"],
        "title": record.get("title"),
        "text": record["content"],
        "url": record["url"],
        "published": record["date_extracted"],
    }
