"""Workbooks: each sheet a table, rows refused by themselves, and hostile workbooks."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits, read

from .conftest import SECTIONS, ReadBytes, reasons
from .workbooks import TABLE, ods, packed, xlsx

pytestmark = pytest.mark.integration  # calamine runs in a process of its own
XLS = Path(__file__).parent / "files/sheet.xls"


@pytest.mark.parametrize("name", ["news.xlsx", "news.csv", "news.zip", "news"])
def test_each_sheet_is_a_table(read_bytes: ReadBytes, name: str) -> None:
    other = [[], [None, "Text", "الرقم"], [], [None, "نص ثان", 5], [None, None, None], [None, 3.5, None]]
    rows = read_bytes(xlsx({"أول": TABLE, "empty": [], "ثان": other}), name)
    assert reasons(rows) == ["ok", "ok", "bad_record"]
    first, second, third = rows
    assert isinstance(first, Article)
    assert (first.article_id, first.title, first.text) == ("7", "عنوان", "نص الخبر")
    assert first.published == datetime(2024, 1, 2, tzinfo=UTC)
    assert (first.file, first.position) == (f"{name}/أول", 2)
    assert isinstance(second, Article)
    assert (second.text, second.file, second.position) == ("نص ثان", f"{name}/ثان", 4)
    assert isinstance(third, Refusal)
    assert (third.detail, third.position, third.excerpt) == (
        "Text is float, expected a string",
        6,
        "[3.5, null]",
    )


def test_a_sheet_without_a_text_column_is_refused_by_itself(read_bytes: ReadBytes) -> None:
    rows = read_bytes(xlsx({"notes": [["x", "y"], [1, 2], [3, 4]], "news": TABLE}), "news.xlsx")
    assert reasons(rows) == ["missing_column", "ok"]
    assert (rows[0].file, rows[0].position) == ("news.xlsx/notes", 0)


def test_old_excel_and_open_document(read_bytes: ReadBytes) -> None:
    (article,) = read_bytes(XLS.read_bytes(), "news.txt")
    assert isinstance(article, Article)
    assert (article.article_id, article.title, article.file) == ("7", "عنوان", "news.txt/أخبار")
    (article,) = read_bytes(ods(TABLE), "news.txt")
    assert isinstance(article, Article)
    assert (article.article_id, article.text, article.position) == ("7", "نص الخبر", 2)


def test_a_workbook_from_standard_input_and_within_archives(read_bytes: ReadBytes) -> None:
    content = xlsx({"news": TABLE})
    assert reasons(list(read(["-"], sections=SECTIONS, stdin=io.BytesIO(content)))) == ["ok"]
    assert reasons(read_bytes(gzip.compress(content), "news.xlsx.gz")) == ["ok"]
    (article,) = read_bytes(packed({"a/news.xlsx": content, "a/.~lock": b""}), "news.zip")
    assert isinstance(article, Article)
    assert article.file == "news.zip/a/news.xlsx/news"


@pytest.mark.parametrize(
    "content", [xlsx({"a": []}), xlsx({"a": [], "b": [[], [None]]})], ids=["no row", "no cell"]
)  # the bytes hold a time, so they are no name for a test
def test_a_workbook_without_rows_is_refused(read_bytes: ReadBytes, content: bytes) -> None:
    assert reasons(read_bytes(content, "news.xlsx")) == ["empty_file"]


@pytest.mark.parametrize("size", [60, 300, 600])
def test_truncated_workbooks_are_refused(read_bytes: ReadBytes, size: int) -> None:
    assert reasons(read_bytes(xlsx({"news": TABLE})[:size], "news.xlsx")) == ["bad_archive"]
    (refusal,) = read_bytes(XLS.read_bytes()[: 5 * size], "news.xls")
    assert refusal.reason in {"bad_archive", "unknown_format"}  # type: ignore[union-attr]


def test_a_workbook_that_lacks_parts_is_refused(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes(packed({"[Content_Types].xml": "<Types/>", "xl/sharedStrings.xml": "<sst/>"}))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "bad_archive"
    assert refusal.detail.startswith("a workbook that can't be read; save it as CSV: ")


def test_workbooks_that_unpack_to_much_are_not_opened(read_bytes: ReadBytes) -> None:
    content = xlsx({"news": TABLE})
    (refusal,) = read_bytes(content, "news.xlsx", Limits(max_workbook_bytes=1000))
    assert (refusal.reason, refusal.detail) == ("zip_bomb", "unpacks to more than 1000 bytes")  # type: ignore[union-attr]
    bomb = packed({"[Content_Types].xml": b"", "xl/workbook.xml": b" " * 40_000_000})
    assert reasons(read_bytes(bomb, "news.xlsx")) == ["zip_bomb"]


def test_sheets_of_an_enormous_extent_are_refused(read_bytes: ReadBytes) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    (refusal,) = read_bytes(
        replace_part(xlsx({"news": TABLE}), "xl/worksheets/sheet1.xml", sheet), "news.xlsx"
    )
    detail = "the workbook takes too much memory or time; save it as CSV"
    assert (refusal.reason, refusal.detail) == ("zip_bomb", detail)  # type: ignore[union-attr]
    (refusal,) = read_bytes(ods([["text"], ["x"]], repeated=100_000_000), "news.ods")
    assert refusal.reason in {"zip_bomb", "bad_archive"}  # type: ignore[union-attr]


def replace_part(content: bytes, name: str, part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    return packed({**parts, name: part.encode()})


def test_the_header_may_be_below_a_title(read_bytes: ReadBytes) -> None:
    sheets = {"news": [["تقرير الأخبار", None, None], ["2024", "نص", None], *TABLE], "notes": [["x"], ["y"]]}
    rows = read_bytes(xlsx(sheets), "news.xlsx")
    assert reasons(rows) == ["ok", "missing_column"]
    assert rows[1].file == "news.xlsx/notes"


def test_an_empty_sheet_is_refused_only_where_no_other_has_rows(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(xlsx({"news": TABLE, "Sheet2": []}), "news.xlsx")) == ["ok"]
    assert reasons(read_bytes(xlsx({"Sheet1": [], "Sheet2": []}), "news.xlsx")) == ["empty_file"]
