"""CSV and TSV: quoting, broken rows, and what a header must hold."""

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons


def texts(rows: list[Article | Refusal]) -> list[str]:
    return [row.text for row in rows if isinstance(row, Article)]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["news.csv", "news.txt"])
def test_delimiter_is_found_in_the_header(read_bytes: ReadBytes, delimiter: str, name: str) -> None:
    table = [["ID", " Title", "Content"], ["1", "عنوان", '"نص، فيه ""اقتباس""\r\nوسطر ثان"']]
    content = "\ufeff" + "\r\n".join(delimiter.join(row) for row in table)
    (article,) = read_bytes(content.encode(), name)
    assert isinstance(article, Article)
    assert article.text == 'نص، فيه "اقتباس"\nوسطر ثان'
    assert (article.article_id, article.title) == ("1", "عنوان")


def test_labels_and_empty_cells(read_bytes: ReadBytes) -> None:
    rows = read_bytes("text,url,regions,topics\nنص,,us|asia,none\nنص,,,\n".encode(), "news.csv")
    assert [(row.url, row.region, row.topic) for row in rows if isinstance(row, Article)] == [
        (None, ("us", "asia"), ()),
        (None, None, None),
    ]


def test_row_of_the_wrong_width_is_refused(read_bytes: ReadBytes) -> None:
    rows = read_bytes("id,text\n1,أول\n\n2,ثان,زائد\n3\n4,رابع\n".encode(), "news.csv")
    assert reasons(rows) == ["ok", "bad_record", "bad_record", "ok"]
    assert [(row.position, row.detail, row.excerpt) for row in rows if isinstance(row, Refusal)] == [
        (2, "3 fields, expected 2", "2,ثان,زائد"),
        (3, "1 fields, expected 2", "3"),
    ]


def test_unclosed_quote_costs_its_own_line(read_bytes: ReadBytes) -> None:
    rows = read_bytes('id,text\n1,أول\n2,"ثان\n3,ثالث\n4,رابع\n'.encode(), "news.csv")
    assert reasons(rows) == ["ok", "bad_record", "ok", "ok"]
    assert texts(rows) == ["أول", "ثالث", "رابع"]
    assert rows[1].detail == "broken quoting in line 3: a field would take in line 4"  # type: ignore[union-attr]


def test_quoted_field_over_too_many_lines_is_refused(read_bytes: ReadBytes) -> None:
    content = 'id,text\n1,"أول\n' + "سطر\n" * 500 + "3,ثالث\n"
    rows = read_bytes(content.encode(), "news.csv", Limits(max_line_bytes=1000))
    assert reasons(rows) == ["field_too_large", *["bad_record"] * 500, "ok"]


def test_long_line_and_bad_byte_cost_their_rows(read_bytes: ReadBytes) -> None:
    long = b"2," + b"x" * 20_000_000
    rows = read_bytes("id,text\n1,أول\n".encode() + long + b"\n3,\xff\n" + "4,رابع\n".encode(), "news.csv")
    assert reasons(rows) == ["ok", "field_too_large", "bad_encoding", "ok"]


def test_table_without_text_is_refused_as_a_whole(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes("id,headline\n1,عنوان\n2,عنوان\n".encode(), "news.csv")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.position) == ("missing_column", 0)
    assert refusal.detail == (
        "no text column (text, content, full_text, body, …) among: id, headline; name it with --text-column"
    )


def test_one_column(read_bytes: ReadBytes) -> None:
    assert texts(read_bytes("text\nأول\nثان\n".encode(), "news.csv")) == ["أول", "ثان"]
