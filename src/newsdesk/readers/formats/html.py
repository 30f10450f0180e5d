"""Read HTML: one article a page."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from newsdesk.readers.chunks import read_whole
from newsdesk.readers.encodings import decode
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord
from newsdesk.readers.refusals import RefusalError


def read_html(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield the article of an HTML page, without its comments and tables."""
    import trafilatura  # slow to import
    from trafilatura.settings import Document

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it warns of is refused below
    page = decode(read_whole(chunks, "the page", max_bytes=options.limits.max_line_bytes))
    found = trafilatura.bare_extraction(
        page, favor_precision=True, include_comments=False, include_tables=False, with_metadata=True
    )
    if not isinstance(found, Document) or not found.text:
        yield RawRecord(1, RefusalError("bad_record", "no article found in the HTML"), page)
        return
    text = found.text.removeprefix(f"{found.title}\n")  # many pages repeat the headline in the body
    record = {"title": found.title, "text": text, "url": found.url, "published": found.date}
    yield RawRecord(1, record, page)
