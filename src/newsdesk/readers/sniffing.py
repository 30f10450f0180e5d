"""Detect the format of a file by its content; the suffix decides only where the content is ambiguous."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Literal

from newsdesk.readers.column_aliases import count_known, has_text_column

Container = Literal["gzip", "zip", "parquet"]
TextFormat = Literal["page", "html", "jsonl", "json", "delimited", "trec"]

_MAGIC: dict[bytes, Container] = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty one
    b"PAR1": "parquet",
}
_ARRAY = re.compile(r"\[\s*(?:[\[{\]]|\Z)")
_HTML = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_MARKUP = re.compile(r"<[!a-z]", re.I)
_LINES = {".jsonl", ".ndjson"}
_DELIMITERS = ",\t;|"
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\w\s]|\t)"?\s*', re.I)


def sniff_container(head: bytes) -> Container | None:
    """Return the binary format of the first bytes of a file, None if they should be text."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def sniff_text(head: str, *, suffix: str) -> TextFormat:
    """Return the format of a text by its start and the file's suffix in lower case, such as `.jsonl`."""
    head = head.replace("\0", "").lstrip("\ufeff").lstrip()
    first_line = head.partition("\n")[0].strip()
    if head.startswith("{"):
        # An object that is printed over several lines leaves its first one open.
        return "json" if first_line.endswith(("{", "[", ",")) and suffix not in _LINES else "jsonl"
    if _ARRAY.match(head):
        return "json"
    if head.startswith("<DOC>"):
        return "trec"
    if _HTML.match(head) or (suffix in {".html", ".htm"} and _MARKUP.match(head)):
        return "html"
    if suffix in {".csv", ".tsv"} or separator(first_line) or _is_header(split_header(first_line)[1]):
        return "delimited"
    if suffix in _LINES:
        return "jsonl"
    return "json" if suffix == ".json" else "page"


def separator(line: str) -> str | None:
    """Return the delimiter that the first line of a table names, as Excel writes `sep=;`."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match[1] if match else None


def split_header(line: str, delimiters: str = _DELIMITERS) -> tuple[str, Sequence[str]]:
    """Return the delimiter that gives the most known columns in a header line, and its columns."""
    splits = [(delimiter, _split(line, delimiter)) for delimiter in delimiters]
    return max(splits, key=lambda split: (count_known(split[1]), len(split[1])))


def _is_header(names: Sequence[str]) -> bool:
    """Return whether the first line of a text names columns; a menu may hold one Arabic name, as "المقال"."""
    is_sure = count_known(names) > 1 or any(name.isascii() and has_text_column([name]) for name in names)
    return len(names) > 1 and has_text_column(names) and is_sure


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
