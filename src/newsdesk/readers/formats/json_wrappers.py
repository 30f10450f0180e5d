"""Find the records within JSON objects that hold many: wrappers, columns of pandas, JSON-LD.

APIs wrap records (`{"articles": […]}`, `{"hits": {"hits": [{"_source": …}]}}`), and pandas writes a table as
`{"text": {"0": …, "1": …}}`, `{"text": […]}`, `{"columns": […], "data": [[…]]}` or `{"0": {"text": …}}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from newsdesk.readers.column_aliases import has_text_column
from newsdesk.readers.formats.json_ld import find_articles

_KEYS = (
    "articles", "data", "items", "results", "docs", "hits", "records", "rows", "entries", "news", "stories",
    "documents", "posts", "response", "result", "feed", "value",
)  # fmt: skip
_JSON_LD = {"@context", "@graph", "@type"}
_MAX_DEPTH = 4
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:\s*:\s*([\[{]))?|[][{}]', re.S)
_OBJECT = re.compile(rb"\[\s*\{")

Record = Mapping[str, Any]


def unwrap(record: dict[str, Any], text_column: str | None = None, *, depth: int = 0) -> list[Record]:
    """Return the records that an object holds, or the object itself; `text_column` is the user's choice."""
    values = record.values()
    if not any(isinstance(value, (dict, list)) for value in values) and "@type" not in record:
        return [record]
    articles = list(find_articles(record)) if record.keys() & _JSON_LD else []
    if any("text" in article for article in articles):
        return list(articles)
    if any(isinstance(value, dict) and "rendered" in value for value in values):  # a post of WordPress
        record = {n: v.get("rendered", v) if isinstance(v, dict) else v for n, v in record.items()}
    text = next((value for name, value in record.items() if _is_text(name, text_column)), None)
    if isinstance(text, dict) and any(_is_text(name, text_column) for name in text):
        return unwrap(text, text_column, depth=depth + 1) if depth < _MAX_DEPTH else [record]
    if text is not None:
        return _split_columns(record) if isinstance(text, (dict, list)) else [record]
    if isinstance(source := record.get("_source"), dict):  # a hit of Elasticsearch
        return [{"id": record.get("_id"), **source}]
    columns, rows = record.get("columns"), record.get("data")
    if isinstance(columns, list) and isinstance(rows, list):
        if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            return [record]
        return [dict(zip(map(str, columns), row, strict=True)) for row in rows]
    return _find_wrapped(record, text_column, depth) or [record]


def _is_text(name: str, text_column: str | None) -> bool:
    return name == text_column or has_text_column([name])


def _find_wrapped(record: dict[str, Any], text_column: str | None, depth: int) -> list[Record]:
    """Return the records of all keys that hold some, or those of an object of objects."""
    if depth == _MAX_DEPTH:
        return []
    held: list[Any] = [record[name] for name in _KEYS if name in record]
    if all(
        isinstance(each, dict) and any(_is_text(n, text_column) for n in each) for each in record.values()
    ):
        held = [list(record.values())]
    records: list[Record] = []
    for value in held:
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            records += [found for each in value for found in unwrap(each, text_column, depth=depth + 1)]
        if isinstance(value, dict) and (found := unwrap(value, text_column, depth=depth + 1)) != [value]:
            records += found
    return records


def _split_columns(record: dict[str, Any]) -> list[Record]:
    """Return the rows of an object of columns, which all have the same rows."""
    values = list(record.values())
    if all(isinstance(each, list) and len(each) == len(values[0]) for each in values):
        return [dict(zip(record, row, strict=True)) for row in zip(*values, strict=True)]
    if all(isinstance(each, dict) and each.keys() == values[0].keys() for each in values):
        return [{name: column[row] for name, column in record.items()} for row in values[0]]
    return [record]


def find_wrapped_array(head: bytes) -> int | None:
    """Return where the array of records begins in the start of a wrapper that is too long to be parsed."""
    path: list[bytes] = []
    for token in _TOKEN.finditer(head):
        name, opening = token[1], token[2] or token[0]
        if opening in {b"[", b"{"}:
            path.append(name or b"")
            is_known = all(each.decode("utf-8", "replace") in _KEYS for each in path[1:])
            if opening == b"[" and is_known and _OBJECT.match(head, token.end() - 1):
                return token.end() - 1
        elif opening in {b"]", b"}"} and path:
            path.pop()
    return None
