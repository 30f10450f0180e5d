"""Mend what a saved or scraped text suffers, before it is trained on or labelled."""

from __future__ import annotations

from dataclasses import replace

from newsdesk.base.schema import Article
from newsdesk.inference.text import repair_text


def repair(article: Article) -> Article:
    """Mend HTML entities, control characters and outer space; nothing else is touched.

    The article itself comes back where there was nothing to mend.
    """
    title, text = repair_text(article.title), repair_text(article.text)
    if title == article.title and text == article.text:
        return article
    return replace(article, title=title, text=text)
