"""Map records of the public corpora, recognized by their keys, to the common column names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ALMAYADEEN_KEYS = {"postId", "title", "full_text", "classes"}
_SAUDINEWSNET_KEYS = {"source", "url", "date_extracted", "content"}


def adapt(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record of a known corpus with common column names, and any other record unchanged."""
    if record.keys() >= _ALMAYADEEN_KEYS:
        return _adapt_almayadeen(record)
    if record.keys() >= _SAUDINEWSNET_KEYS:
        return _adapt_saudinewsnet(record)
    return record


def _adapt_almayadeen(record: Mapping[str, Any]) -> Mapping[str, Any]:
    classes = record["classes"] if isinstance(record["classes"], list) else []
    value = {
        entry.get("mapping"): entry.get("value")
        for entry in reversed(classes)  # the first of several entries wins
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


def _adapt_saudinewsnet(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "article_id": f"{record['source']}:{record['url']}",
        "key": record["url"],
        "source": record["source"],
        "title": record.get("title"),
        "text": record["content"],
        "url": record["url"],
        "published": record["date_extracted"],
    }
