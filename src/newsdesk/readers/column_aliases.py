"""The column names under which a record may hold each field of an article, the first match first."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from newsdesk.readers.refusals import RefusalError

ALIASES: dict[str, tuple[str, ...]] = {
    "text": ("text", "content", "full_text", "body"),
    "title": ("title",),
    "article_id": ("id", "article_id"),
    "source": ("source", "outlet"),
    "published": ("published", "date"),
    "region": ("regions", "region"),
    "topic": ("topics", "topic"),
    "key": ("key",),
    "url": ("url",),
    "section": ("section",),
    "country": ("country",),
    "kind": ("kind",),
    "region_origin": ("region_origin",),
    "topic_origin": ("topic_origin",),
}
KNOWN_COLUMNS = frozenset(chain.from_iterable(ALIASES.values()))


def has_text_column(columns: Collection[str]) -> bool:
    """Return whether one of the columns can hold the text."""
    return any(name in columns for name in ALIASES["text"])


def check_text_column(columns: Collection[str]) -> None:
    """Refuse a record or table in which no column can hold the text."""
    if not has_text_column(columns):
        expected, found = ", ".join(ALIASES["text"]), ", ".join(columns) or "none"
        raise RefusalError("missing_column", f"no text column ({expected}) among: {found}")
