"""Read files that are one document each: saved pages and HTML."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.chunks import document
from newsdesk.readers.encodings import decode
from newsdesk.readers.formats import saved_pages
from newsdesk.readers.limits import Limits
from newsdesk.readers.records import sanitize, take
from newsdesk.readers.refusals import Place, Refused, excerpt


def read_page(
    chunks: Iterator[bytes], place: Place, limits: Limits, *, sections: Sequence[str]
) -> Iterator[Article | Refusal]:
    """Yield the articles of a saved page, each followed by its teasers; `position` is the article."""
    text = sanitize(decode(document(chunks, max_bytes=limits.max_line_bytes)))
    articles = saved_pages.parse(text, sections=sections)
    if not articles:
        refused = Refused(
            "unknown_format", "no article found; expected a saved page, HTML, JSON, CSV or Parquet"
        )
        yield place.refuse(0, refused, raw=text)
    for position, article in enumerate(articles, start=1):
        record = {"title": article.title, "text": article.text, "kind": "article"}
        yield take(record, place, position, limits=limits, raw=excerpt(article.title))
        for teaser in article.teasers:
            record = {"title": teaser.title, "text": teaser.summary, "kind": "teaser"}
            if teaser.section:
                record["section"] = teaser.section
            yield take(record, place, position, limits=limits, raw=excerpt(teaser.title))


def read_html(chunks: Iterator[bytes], place: Place, limits: Limits) -> Iterator[Article | Refusal]:
    """Yield the article of an HTML page, without its comments and tables."""
    import trafilatura  # heavy: only when a page is HTML
    from trafilatura.settings import Document

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it warns of is refused below
    text = decode(document(chunks, max_bytes=limits.max_line_bytes))
    found = trafilatura.bare_extraction(
        text, favor_precision=True, include_comments=False, include_tables=False, with_metadata=True
    )
    if not isinstance(found, Document) or not found.text:
        yield place.refuse(1, Refused("bad_record", "no article found in the HTML"), raw=text)
        return
    body = found.text.removeprefix(f"{found.title}\n")  # the headline stands in many bodies again
    record = {"title": found.title, "text": body, "url": found.url, "published": found.date}
    yield take(record, place, 1, limits=limits, raw=excerpt(text))
