"""Mend what a saved or scraped text suffers, before it is trained on or labelled."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from newsdesk.schema import Article

ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
SEPARATOR = re.compile("[\x0b\x0c\x1c-\x1f\x85]")  # these part words; the other controls stand within them
CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f]")


def repair(article: Article) -> Article:
    """Mend HTML entities, control characters and outer space; nothing else is touched.

    The article itself comes back where there was nothing to mend.
    """
    title, text = repair_text(article.title), repair_text(article.text)
    if title == article.title and text == article.text:
        return article
    return replace(article, title=title, text=text)


def repair_text(text: str) -> str:
    """The text without entities and control characters."""
    if ENTITY.search(text):
        text = html.unescape(text)
    return CONTROL.sub("", SEPARATOR.sub(" ", text)).strip()
