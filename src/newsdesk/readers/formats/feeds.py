"""Read RSS, Atom and RDF feeds: an entry with its full content is an article, one with a summary a teaser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.formats.fragments import fragment_text
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError, import_extra

_DECLARATION = re.compile(rb"\A\s*(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\?>")
_NO_MARKUP = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.S)
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]")
_ENTRY_END = re.compile(rb"</(?:\w+:)?(?:item|entry)\s*>")
_FEED_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|RDF)\s*>")


def read_feed(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the entries of a feed; `position` is the entry."""
    feedparser = import_extra("feedparser", "a feed")
    content = read_whole(chunks, "the feed", max_bytes=options.limits.max_line_bytes)
    content = _DECLARATION.sub(b"", content)  # it may name another encoding; this is UTF-8
    parsed = feedparser.parse(io.BytesIO(content), sanitize_html=False, resolve_relative_uris=False)
    entries, missing = parsed.entries, 0
    is_truncated = not _FEED_END.search(content, max(len(content) - 1000, 0))
    if parsed.bozo or is_truncated:
        markup = _NO_MARKUP.sub(b"", content)
        begun, ended = len(_ENTRY.findall(markup)), len(_ENTRY_END.findall(markup))
        entries = entries[:ended]  # the last one may be cut within its text
        missing = max(begun - len(entries), 0)
    for position, entry in enumerate(entries, start=1):
        yield RawRecord(position, _record(entry), entry.get("title", ""))
    if is_truncated:
        raise RefusalError("truncated", f"the feed ends early, after {len(entries)} entries")
    if missing:
        raise RefusalError("bad_record", f"{missing} entries of the feed can't be read")
    if not entries:
        raise RefusalError("empty_file", "the feed has no entries")


def _record(entry: Any) -> dict[str, Any]:
    contents = (_plain_text(each) for each in entry.get("content", ()))
    full = next(filter(None, contents), "")
    return {
        "article_id": entry.get("id"),
        "title": _plain_text(entry.get("title_detail", {})),
        "text": full or _plain_text(entry.get("summary_detail", {})),
        "url": entry.get("link"),
        "published": _time(entry.get("published_parsed") or entry.get("updated_parsed")),
        "kind": "article" if full else "teaser",
    }


def _time(parsed: Any) -> str | None:
    with suppress(ValueError, TypeError, OverflowError):
        return datetime(*parsed[:6]).replace(tzinfo=UTC).isoformat()
    return None


def _plain_text(detail: Any) -> str:
    """Return a text of an entry without tags."""
    text: str = detail.get("value") or ""
    return text.strip() if detail.get("type") == "text/plain" else fragment_text(text)
