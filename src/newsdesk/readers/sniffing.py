"""Detect the format of a file by its content; the suffix decides only where the content is ambiguous."""

from __future__ import annotations

import csv
import re
import tarfile
from collections.abc import Sequence
from typing import Literal

from newsdesk.readers.column_aliases import count_known, has_text_column
from newsdesk.readers.refusals import RefusalError

Container = Literal["gzip", "bzip2", "xz", "zstd", "zip", "tar", "parquet", "ole", "warc", "mail"]
TextFormat = Literal[
    "page", "html", "jsonl", "json", "delimited", "trec", "feed", "markdown", "fasttext", "fragment"
]
WITH_TEXT: frozenset[Container] = frozenset({"warc", "mail"})  # read as they are, without unpacking

_MAGIC: dict[bytes, Container] = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty one
    b"PAR1": "parquet",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole",
    b"WARC/": "warc",
    b"filedesc://": "warc",
}
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")
_TAR_BLOCK = 512
_MAX_HEADERS = 2**16  # of a message
_HEADERS = re.compile(rb"(?:\xef\xbb\xbf)?\s*((?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+)")
_MAIL = re.compile(rb"^(?:MIME-Version|Content-Type|Message-ID|Received|Return-Path):", re.I | re.M)
_FROM, _SUBJECT = (re.compile(rb"^%s:" % name, re.I | re.M) for name in (b"From", b"Subject"))
_ARRAY = re.compile(r"\[\s*(?:[\[{\]]|\Z)")
_HTML = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?>(?:<!--.*?-->\s*)*)<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_MARKUP = re.compile(r"<[!a-z]", re.I)
_XML = re.compile(
    r"(?P<declaration><\?xml[^>]*>\s*)?"
    r"(?>(?:<!--.*?-->\s*|<\?.*?\?>\s*|<!DOCTYPE[^[>]*(?:\[.*?\]\s*)?>\s*)*)"
    r"<(?P<root>[^\W\d][\w.:-]*)(?:\s[^<>]*|/)?>",
    re.S,
)
_FEED_ROOTS = {"rss", "feed", "rdf"}
_RSS_1 = re.compile(r"purl\.org/(?:rss|net/rss)|my\.netscape\.com/rdf")
_HTML_TAGS = {
    "a", "article", "aside", "b", "body", "br", "center", "div", "em", "figure", "font", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "i", "img", "li", "link", "main",
    "meta", "nav", "ol", "p", "script", "section", "span", "strong", "style", "table", "td", "title", "tr",
    "u", "ul",
}  # fmt: skip
FRONT_MATTER = re.compile(
    r"\A\s*(---|\+\+\+)[ \t]*\r?\n(.*?)(?:^|\n)(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_FRONT_MATTER_KEY = re.compile(r"^[A-Za-z_][\w-]*\s*[:=]", re.M)
_LINES = {".jsonl", ".ndjson"}
_MARKDOWN = {".md", ".markdown"}
_SPREADSHEETS = {".xls", ".xlsx", ".ods"}
_DELIMITERS = ",\t;|"
_SEPARATOR_LINE = re.compile(r'\W*sep *= *([^"\w\s]|\t)\1*[\s"]*', re.I)
_FASTTEXT = re.compile(r"^__label__|(?:\s|,)__label__\S+\s*$", re.I | re.M)


def sniff_container(head: bytes) -> Container | None:
    """Return the binary format of the first bytes of a file, None if they should be text."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if _BZIP2.match(head):
        return "bzip2"
    return "tar" if _is_tar(head) else "mail" if _is_mail(head) else None


def _is_tar(head: bytes) -> bool:
    """Return whether a file starts with a tar header, which bears a checksum."""
    if head[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError):
        return False
    return True


def _is_mail(head: bytes) -> bool:
    """Return whether a file starts with the headers of a message."""
    headers = _HEADERS.match(head[:_MAX_HEADERS])
    if not headers:
        return False
    return bool(_MAIL.search(headers[1]) or (_FROM.search(headers[1]) and _SUBJECT.search(headers[1])))


def sniff_text(head: str, *, suffix: str) -> TextFormat:
    """Return the format of a text by its start and the file's suffix in lower case, such as `.jsonl`."""
    head = head.replace("\0", "").lstrip("\ufeff").lstrip()
    first_line = head.partition("\n")[0].strip()
    if head.startswith("{"):
        # An object that is printed over several lines leaves its first one open; one alone may hold records.
        is_open = first_line.endswith(("{", "[", ",")) and suffix not in _LINES
        return "json" if is_open or not head.partition("\n")[2].strip() else "jsonl"
    if _ARRAY.match(head):
        return "json"
    if head.startswith("<DOC>"):
        return "trec"
    if _FASTTEXT.search(head):
        return "fasttext"
    if head.startswith("<") and (markup := _sniff_markup(head, suffix=suffix)):
        return markup
    if separator(first_line) or _is_header(split_header(first_line)[1]):
        return "delimited"
    if suffix in _MARKDOWN or _has_front_matter(head):
        return "markdown"
    if suffix in {".csv", ".tsv"} or _has_tabs_in_each_line(head):
        return "delimited"
    if head.startswith("# "):
        return "markdown"
    if suffix in _LINES:
        return "jsonl"
    return "json" if suffix == ".json" else "page"


def separator(line: str) -> str | None:
    """Return the delimiter that the first line of a table names, as Excel writes `sep=;`."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match[1] if match else None


def _sniff_markup(head: str, *, suffix: str) -> TextFormat | None:
    """Return the format of a text that starts with a tag; refuse XML that holds no known articles."""
    if _HTML.match(head) or (suffix in {".html", ".htm"} and _MARKUP.match(head)):
        if suffix in _SPREADSHEETS:
            raise RefusalError("unknown_format", "a web page named as a workbook; save its table as CSV")
        return "html"
    found = _XML.match(head)
    if not found and not head.startswith("<?xml"):
        return None
    root = found["root"] if found else "not found"
    if not root.isascii() and f"</{root}>" not in head:
        return None
    name = root.rpartition(":")[2].lower()
    if name in _FEED_ROOTS and (name != "rdf" or _RSS_1.search(head)):
        return "feed"
    if found and not found["declaration"] and name in _HTML_TAGS:
        return "fragment"
    detail = f"XML with the root element {root[:50]}; save its articles as JSON lines or text"
    raise RefusalError("unknown_format", detail)


def _has_front_matter(head: str) -> bool:
    found = FRONT_MATTER.match(head)
    return bool(found and _FRONT_MATTER_KEY.search(found[2]))


def _has_tabs_in_each_line(head: str) -> bool:
    """Return whether a text is a table without a header; no saved page has tabs in each line."""
    tabs = [line.count("\t") for line in head.splitlines() if line.strip()]
    return len(tabs) > 1 and tabs[0] > 0 and len(set(tabs[:-1])) == 1 and tabs[-1] <= tabs[0]


def split_header(line: str, delimiters: str = _DELIMITERS) -> tuple[str, Sequence[str]]:
    """Return the delimiter that gives the most known columns in a header line, and its columns."""
    splits = [(delimiter, _split(line, delimiter)) for delimiter in delimiters]
    return max(splits, key=lambda split: (count_known(split[1]), len(split[1])))


def _is_header(names: Sequence[str]) -> bool:
    """Return whether the first line of a text names columns; a menu may hold one Arabic name, as "المقال"."""
    if len(names) == 1:
        return names[0].isascii() and names[0].islower() and has_text_column(names)
    is_sure = count_known(names) > 1 or any(name.isascii() and has_text_column([name]) for name in names)
    return has_text_column(names) and is_sure


def _split(line: str, delimiter: str) -> list[str]:
    """Return the fields of a header; a quote that is not closed is a character."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return line.split(delimiter)
