"""Repair of scraped or saved text, before it trains or is labelled."""

from __future__ import annotations

from dataclasses import replace

from newsdesk.base.schema import Article
from newsdesk.inference.text import repair_text


def repair(article: Article) -> Article:
    """Remove HTML, control characters and outer space; return the same object if there are none."""
    title, text = repair_text(article.title), repair_text(article.text)
    unchanged = title == article.title and text == article.text
    return article if unchanged else replace(article, title=title, text=text)
