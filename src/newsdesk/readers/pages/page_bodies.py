"""Keep the paragraphs and sub-headlines of a page's body, without what the site adds to them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from newsdesk.readers.pages.captions import FULL_STOP, SENTENCE_END, VERB_START, WAW_START, is_caption
from newsdesk.readers.pages.paragraphs import (
    MIN_LONG_WORDS,
    RELATED_SHARE,
    is_paragraph,
    share_of_words,
    stems,
)
from newsdesk.readers.pages.site_lines import Line, fold

_MIN_NAMED_WORDS = 3  # of the headline that follows «اقرأ أيضاً:» in the same line
_MAX_POINTER_WORDS = 4  # of a pointer without a headline
_MIN_LAST_WORDS = 3  # a shorter last line is a name
_PARAGRAPHS_COMPARED = 10
_CUT_OFF = re.compile(r"(?:…|\.\.\.)$")


def keep_body(lines: list[Line], *, title: str | None) -> list[str]:
    """Return the lines of a body, each once, without captions and without those of the site."""
    counts = Counter(line.text for line in lines)
    in_a_row = {line.text for line, below in pairwise(lines) if line.text == below.text}
    seen = {fold(title or "")}
    content = []
    for line in lines:
        is_extra = line.folded in seen or is_caption(line.text, counts[line.text], line.text in in_a_row)
        if line.kind is None and is_extra:
            continue
        seen.add(line.folded)
        content.append(line)
    return drop_site_lines(content)


def drop_site_lines(lines: list[Line]) -> list[str]:
    """Return the lines of a body without those of the site, lists of other articles and comments."""
    body: list[Line] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.kind == "end" and body:
            break
        if line.kind == "related" and not _names_article(line.text):
            index = _resume(lines, index + 1, body)
            continue
        if line.kind is None:
            body.append(line)
        index += 1
    return [line.text for line in _drop_last_headlines(body)]


def _names_article(pointer: str) -> bool:
    """Return whether a pointer to another article names it in the same line."""
    named = pointer.partition(":")[2].split()
    return len(named) >= _MIN_NAMED_WORDS or len(pointer.split()) > _MAX_POINTER_WORDS


def _resume(lines: list[Line], start: int, body: list[Line]) -> int:
    """Return the index at which the body goes on below a list of other articles, or ends."""
    so_far = stems(line.text for line in body[-_PARAGRAPHS_COMPARED:])
    for index in range(start, len(lines)):
        line = lines[index]
        if line.kind in {"end", "related"}:
            return index
        if is_paragraph(line):
            below = next((other for other in lines[index + 1 :] if other.kind is None), None)
            is_pair = below is not None and FULL_STOP.search(below.text)
            if is_pair or WAW_START.match(line.text) or share_of_words(line.text, so_far) >= RELATED_SHARE:
                return index
    return len(lines)


def _drop_last_headlines(body: list[Line]) -> list[Line]:
    """Drop what ends a body and is not of it: a source's name, headlines of other articles."""
    end = max((index + 1 for index, line in enumerate(body) if is_paragraph(line)), default=len(body))
    text, last = body[:end], body[end:]
    if all(line.n_words < _MIN_LAST_WORDS and not SENTENCE_END.search(line.text) for line in last):
        return text
    has_stops = all(SENTENCE_END.search(line.text) for line in text if line.n_words >= MIN_LONG_WORDS)
    known = stems(line.text for line in text[-_PARAGRAPHS_COMPARED:]) if len(last) > 1 else set()
    is_list = len(last) > 1 and all(_is_foreign_headline(line.text, known) for line in last)
    return text if has_stops and is_list else body


def _is_foreign_headline(line: str, known: set[str]) -> bool:
    """Return whether a line is no sentence, or a teaser that is cut off, and shares few words with a text."""
    is_sentence = FULL_STOP.search(line) or WAW_START.match(line) or VERB_START.match(line)
    is_headline = _CUT_OFF.search(line) or not is_sentence
    return bool(is_headline) and share_of_words(line, known) < 2 * RELATED_SHARE
