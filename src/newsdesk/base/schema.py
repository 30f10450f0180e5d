"""The data model: articles and refusals, and the Arrow schemas of the tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import pyarrow as pa

Kind = Literal["article", "teaser"]
Origin = Literal["gold", "silver", "review", "editor", "section", "weak"]
Task = Literal["region", "topic"]  # each is predicted by a head of its own
TASKS: tuple[str, ...] = get_args(Task)
Split = Literal["train", "valid", "test", "evaluation"]

# The reasons of refusals. The set is closed, so that counts by reason are comparable between runs.
Reason = Literal[
    # the file
    "missing_file", "unreadable_file", "empty_file", "unknown_format",
    "unsafe_path", "bad_archive", "zip_bomb", "truncated",
    # the bytes and the record
    "bad_encoding", "bad_record", "missing_column", "field_too_large",
    "not_selected",  # by the settings of a corpus
    # the article, judged by `clean`
    "empty_text", "too_short", "stub", "other_language", "duplicate_id",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Article:
    """One article or teaser as read; `clean` checks its labels and their origins."""

    article_id: str
    source: str
    title: str
    text: str
    kind: Kind = "article"
    key: str | None = None  # the outlet's own identifier, to which label tables refer
    url: str | None = None
    published: datetime | None = None
    section: str | None = None  # as printed, like `country`
    country: str | None = None
    home: str | None = None  # ISO 3166-1 code of the country of the source
    region: tuple[str, ...] | None = None  # the main label first; None if not labelled, () if none applies
    topic: tuple[str, ...] | None = None
    region_origin: str | None = None
    topic_origin: str | None = None
    file: str = ""
    position: int = 0
    lines: int = 0  # of a table, from the end of the record before to the end of this one


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row or file that could not be read, and the reason."""

    source: str
    file: str
    position: int  # of the line, row, record or page in the file, from 1; 0 is the file as a whole
    reason: Reason
    detail: str = ""
    article_id: str | None = None
    excerpt: str = ""
    lines: int = 0  # as of an article


MAX_EXCERPT = 300
NO_LABEL = "none"  # written in place of an empty set of labels, so no label may have this id


def content_id(title: str, text: str) -> str:
    """Return an identifier for an article that has none: a hash of its content, 16 hex digits."""
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
        pa.field("home", pa.string()),
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
