"""Find the articles in JSON-LD, the structured data of pages that schema.org describes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_ARTICLE_TYPE = re.compile(r"(?:^|[/:])(?:\w*Article|BlogPosting|LiveBlogPosting|Report)$")
_WRAPPING = re.compile(
    r"^\s*(?:(?://|/\*)?\s*(?:<!\[CDATA\[|<!--)(?:\s*\*/)?)|(?:(?://|/\*)?\s*(?:\]\]>|-->)(?:\s*\*/)?)\s*$"
)
_LAST_COMMA = re.compile(r",\s*([}\]])")
_MAX_DEPTH = 20


def find_articles(data: Any, *, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a record for each article in parsed JSON-LD, at any depth of lists and `@graph`.

    The keys of a record are title, text, url, published, section and id; those without a value are left out.
    Texts are as written, so they can hold HTML.

    Examples
    --------
    >>> node = {"@type": "NewsArticle", "headline": "خبر", "articleBody": "نص الخبر"}
    >>> list(find_articles({"@graph": [node]}))
    [{'title': 'خبر', 'text': 'نص الخبر'}]
    """
    if depth > _MAX_DEPTH:
        return
    if isinstance(data, list):
        for item in data:
            yield from find_articles(item, depth=depth + 1)
    elif isinstance(data, dict):
        if _is_article(data):
            yield _as_record(data)
        else:
            for value in data.values():
                if isinstance(value, dict | list):
                    yield from find_articles(value, depth=depth + 1)


def parse_scripts(scripts: list[str]) -> list[dict[str, Any]]:
    """Return the articles of a page's JSON-LD scripts; scripts that are no JSON are left out."""
    articles: list[dict[str, Any]] = []
    for script in scripts:
        try:
            articles += find_articles(_load(script))
        except (ValueError, RecursionError):
            continue
    return articles


def _load(script: str) -> Any:
    """Parse a script, also within a comment or CDATA, or with a comma after the last item."""
    script = _WRAPPING.sub("", script)
    try:
        return json.loads(script, strict=False)
    except ValueError:
        return json.loads(_LAST_COMMA.sub(r"\1", script), strict=False)


def _is_article(node: dict[str, Any]) -> bool:
    types = node.get("@type")
    names = types if isinstance(types, list) else [types]
    return any(isinstance(name, str) and _ARTICLE_TYPE.search(name) for name in names)


def _as_record(node: dict[str, Any]) -> dict[str, Any]:
    page = node.get("mainEntityOfPage")
    candidates = {
        "title": _string(node.get("headline") or node.get("name")),
        "text": _string(node.get("articleBody") or node.get("text")),
        "url": _string(node.get("url")) or _string(page.get("@id") if isinstance(page, dict) else page),
        "published": _string(node.get("datePublished")),
        "section": _string(node.get("articleSection")),
        "id": _string(node.get("identifier")),
    }
    return {name: value for name, value in candidates.items() if value}


def _string(value: Any) -> str:
    """Return a string, or the first of a list; "" for anything else."""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        first = first.get("@value")
    return first.strip() if isinstance(first, str) else ""
