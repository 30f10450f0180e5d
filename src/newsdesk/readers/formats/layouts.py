"""Read files whose layout the settings of their corpus name, because it does not show."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from newsdesk.base.columns import Layout
from newsdesk.readers.chunks import read_whole, split_lines
from newsdesk.readers.encodings import BLANK, decode
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.records import RawRecord, sanitize
from newsdesk.readers.refusals import RefusalError, too_long

_MIN_HEADLINE, _MAX_HEADLINE = 12, 110  # characters
_SENTENCE_ENDS = tuple(".:،,؛·")


def _read_text(
    chunks: Iterator[bytes], options: ReadOptions, *, has_title: Callable[[str], bool]
) -> Iterator[RawRecord]:
    """Yield the one article of a file; its first line is the title if `has_title` says so."""
    content = decode(read_whole(chunks, "the file", max_bytes=options.limits.max_line_bytes))
    text = sanitize(content).strip()
    first, _, rest = text.partition("\n")
    record = {"title": first.strip(), "text": rest.strip()} if has_title(first) else {"text": text}
    yield RawRecord(1, record, text)


def is_headline(line: str) -> bool:
    """Return whether a first line is a headline, and neither a sentence nor the name of a column.

    Examples
    --------
    >>> is_headline("أمطار على الساحل"), is_headline("أفق"), is_headline("قال الوزير:")
    (True, False, False)
    """
    line = line.strip("\u200e\u200f \t")
    return _MIN_HEADLINE <= len(line) <= _MAX_HEADLINE and not line.endswith(_SENTENCE_ENDS)


def _read_python_lists(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRecord]:
    """Yield a record for each line such as `content: ['…', '…']`, as scrapers print them."""
    max_bytes = options.limits.max_line_bytes
    for line in split_lines(chunks, max_bytes=max_bytes):
        if line.raw is not None and not line.raw.strip(BLANK):
            continue
        record: dict[str, Any] | RefusalError
        try:
            if line.raw is None:
                raise too_long("the line", max_bytes)
            record = _parse_list(decode(line.raw, offset=line.offset))
        except RefusalError as error:
            record = error
        yield RawRecord(line.number, record, line.raw or b"")


def _parse_list(text: str) -> dict[str, Any]:
    name, _, written = text.partition(":")
    try:
        value = ast.literal_eval(written.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise RefusalError("bad_record", "expected a name, a colon and a list in brackets")
    return {name.strip(): value}


LAYOUTS: dict[Layout, Callable[[Iterator[bytes], ReadOptions], Iterator[RawRecord]]] = {
    "text": lambda chunks, options: _read_text(chunks, options, has_title=lambda line: False),
    "title_line": lambda chunks, options: _read_text(chunks, options, has_title=bool),
    "headline": lambda chunks, options: _read_text(chunks, options, has_title=is_headline),
    "python_lists": _read_python_lists,
}
