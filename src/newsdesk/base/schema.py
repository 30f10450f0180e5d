"""The data model: what a reader yields and the Arrow schemas of every table that is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

Kind = Literal["article", "teaser"]
Origin = Literal["gold", "silver", "review", "editor", "section", "weak"]
Split = Literal["train", "valid", "test", "evaluation"]

# Why a row or a file is refused. The set is closed, so that counts by reason mean the same in every run.
Reason = Literal[
    # the file
    "missing_file",
    "unreadable_file",
    "empty_file",
    "unknown_format",
    "unsafe_path",
    "bad_archive",
    "zip_bomb",
    "truncated",
    # the bytes
    "bad_encoding",
    # the record
    "bad_record",
    "missing_column",
    "field_too_large",
    # the article, judged by `clean`
    "empty_text",
    "too_short",
    "other_language",
    "duplicate_id",
]


@dataclass(frozen=True, slots=True)
class Article:
    """One article or teaser as read, before cleaning.

    `region` and `topic` are None where nobody labelled the article and () where a reader found that none
    applies; the main label comes first. Labels and their origins are as the record has them: `clean` checks
    them. `key` is the outlet's own identifier, to which gold labels refer.
    `section` and `country` are what the newsroom printed, untranslated. `file` and `position` tell where
    it was read, as in `Refusal`.
    """

    article_id: str
    source: str
    title: str
    text: str
    kind: Kind = "article"
    key: str | None = None
    url: str | None = None
    published: datetime | None = None
    section: str | None = None
    country: str | None = None
    region: tuple[str, ...] | None = None
    topic: tuple[str, ...] | None = None
    region_origin: str | None = None
    topic_origin: str | None = None
    file: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row or file that could not be taken: where it stands and why.

    `position` counts from 1 within the file (line, row, record or member); 0 means the file as a whole.
    """

    source: str
    file: str
    position: int
    reason: Reason
    detail: str = ""
    article_id: str | None = None
    excerpt: str = ""


MAX_EXCERPT = 300


def content_id(title: str, text: str) -> str:
    """Identify an article that brings no identifier of its own by a 16-digit hash of its content."""
    return hashlib.sha256(f"{title.strip()}\n{text.strip()}".encode("utf-8", "replace")).hexdigest()[:16]


LABELS = pa.list_(pa.string())

ARTICLES = pa.schema(
    [
        pa.field("article_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("published", pa.timestamp("us", tz="UTC")),
        pa.field("title", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("section", pa.string()),
        pa.field("country", pa.string()),
        pa.field("region", LABELS),
        pa.field("topic", LABELS),
        pa.field("region_origin", pa.string()),
        pa.field("topic_origin", pa.string()),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
    ]
)

QUARANTINE = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("article_id", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("excerpt", pa.string(), nullable=False),
    ]
)
