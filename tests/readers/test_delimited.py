"""CSV and TSV: quoting, broken rows, and what a header must hold."""

import csv
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits
from newsdesk.readers.formats.delimited import read_delimited
from newsdesk.readers.options import ReadOptions
from newsdesk.readers.refusals import RefusalError

from .conftest import ReadBytes, reasons

TEXT = st.lists(
    st.sampled_from(["كلمة", "a", " ", '"', ",", ";", "\t", "|", "\n", "سطر\n", "، "]), max_size=12
).map("".join)


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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # fields over several lines: in the first, a middle and the last column, with delimiters and quotes
        ('text,id\n"سطر\nثان, وثالث",1\nنص,2\n', ["سطر\nثان, وثالث", "نص"]),
        ('id,text,title\n1,"سطر\n\nثان",عنوان\n2,نص,عنوان\n', ["سطر\n\nثان", "نص"]),
        (
            'id,text\n1,"سطر\nقال, ""نعم""\nبلغ 1,000 دينار"\n2,نص\n',
            ['سطر\nقال, "نعم"\nبلغ 1,000 دينار', "نص"],
        ),
        ('title,text\nعنوان,"سطر\nكلام, كلام"\nعنوان,نص\n', ["سطر\nكلام, كلام", "نص"]),
        ('text\n"سطر\nثان"\nنص\n', ["سطر\nثان", "نص"]),
        ('id,text\nAB-1,"سطر\nمن, إلى"\nAB-2,"نص"\n', ["سطر\nمن, إلى", "نص"]),
        # quotes within an unquoted field are characters
        ('id,text\n1,نص "باقتباس"\n2,5" قطر\n', ['نص "باقتباس"', '5" قطر']),
    ],
)
def test_quoted_fields_of_several_lines(read_bytes: ReadBytes, content: str, expected: list[str]) -> None:
    rows = read_bytes(content.encode(), "news.csv")
    assert reasons(rows) == ["ok"] * len(expected)
    assert texts(rows) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # the quote is closed by chance, in the next line or some lines later
        ('id,title,text\n1,"أ,ب\n2,ج",د\n3,ه,و\n', ["bad_record", "ok", "ok"]),
        ('id,title,text\n1,"أ,ب\n2,ج,د\n3,ه,"و"\n4,ز,ح"\n', ["bad_record", "ok", "ok", "ok"]),
        ('title,text\nعنوان,"نص\nعنوان,نص"\nعنوان,نص\n', ["bad_record", "ok", "ok"]),
        # no row by itself is taken in, but the row has the wrong number of fields
        ('id,title,text\n1,عنوان,"سطر\nثان",زائد\n2,أ,ب\n', ["bad_record", "bad_record", "ok"]),
        # prose below a broken quote is no row
        ('id,text\n1,"قال "نعم" وكرر\nثم ذهب, ولم يعد\n2,نص\n', ["bad_record", "bad_record", "ok"]),
        ('id,text\n1,نص\n2,"نص\n', ["ok", "bad_record"]),
    ],
)
def test_a_stray_quote_takes_in_no_row(read_bytes: ReadBytes, content: str, expected: list[str]) -> None:
    assert reasons(read_bytes(content.encode(), "news.csv")) == expected


def test_lines_of_rows_are_counted() -> None:
    content = 'id,text\n1,"أ\nب\nج"\n\n2,نص\n3,"نص\n'.encode()
    records = list(read_delimited(iter([content]), ReadOptions()))
    assert [(record.position, record.lines) for record in records] == [(1, 4), (2, 2), (3, 1)]


@given(
    st.lists(
        st.sampled_from(["1", "22", "نص", "سطر ثان", '"', '""', "D", "D", "\n", "\n", "\r\n", " "]),
        max_size=60,
    ),
    st.sampled_from(",\t;|"),
    st.sampled_from([["text"], ["id", "text"], ["id", "title", "text"]]),
)
def test_each_line_belongs_to_one_row_or_refusal(pieces: list[str], delimiter: str, names: list[str]) -> None:
    delimiter = delimiter if len(names) > 1 else ","
    body = "".join(pieces).replace("D", delimiter)
    content = delimiter.join(names) + "\n" + body
    lines = [line.removesuffix("\r") for line in content.split("\n")]
    blank = " \v\f" if delimiter == "\t" else " \t\v\f"
    end = 0  # the header's line belongs to the first record
    for record in read_delimited(iter([content.encode()]), ReadOptions()):
        covered = lines[max(end, 1) : end + record.lines]
        end += record.lines
        while covered and not covered[0].strip(blank):
            covered.pop(0)
        assert record.raw == covered[0].encode()
        if isinstance(record.columns, RefusalError):
            assert len(covered) == 1
        elif list(record.columns.values()) != covered[0].split(delimiter):  # then it is one quoted row
            (row,) = csv.reader([f"{line}\n" for line in covered], delimiter=delimiter, strict=True)
            assert list(record.columns.values()) == row
        else:
            assert len(covered) == 1
    assert not any(line.strip(blank) for line in lines[max(end, 1) :])


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=8), st.sampled_from(",\t;|"), st.booleans())
def test_what_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, quotes_all: bool
) -> None:
    """Unless a line of a text looks like a row, which is refused; nothing is read that was not written."""
    rows = [(f"{n}", title, text or "نص") for n, (_, title, text) in enumerate(rows, 1)]
    sink = io.StringIO()
    quoting = csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL
    csv.writer(sink, delimiter=delimiter, quoting=quoting).writerows([("id", "title", "text"), *rows])
    records = list(read_delimited(iter([sink.getvalue().encode()]), ReadOptions()))
    assert [
        tuple(record.columns.values()) for record in records if not isinstance(record.columns, RefusalError)
    ] == rows


def test_a_named_separator_and_marks_on_any_line(read_bytes: ReadBytes) -> None:
    rows = read_bytes(
        "\ufeffsep=;\r\n\ufeffid;text\r\n1;أ,ب\r\n\ufeffid;text\r\n\ufeff007;ج\r\n".encode(), "a.txt"
    )
    assert [row.article_id for row in rows] == ["1", None, "007"]
    assert rows[1].detail == "line 4 is the header again"  # type: ignore[union-attr]


def test_a_line_of_nuls_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes("id,text\n1,أول سطر\n".encode() + bytes(5) + "\n2,ب\n".encode(), "a.csv")) == [
        "ok", "bad_record", "ok",
    ]  # fmt: skip


def test_many_stray_quotes_cost_no_time(read_bytes: ReadBytes) -> None:
    content = "id,title,text\n" + "".join(f'{n},"عنوان,نص {n}\n' for n in range(20_000))
    assert Counter(reasons(read_bytes(content.encode(), "news.csv"))) == {"bad_record": 20_000}


def test_a_stray_quote_in_the_header_is_a_character(read_bytes: ReadBytes) -> None:
    rows = read_bytes('id,"title,text\n1,عنوان,نص\n'.encode(), "news.csv")
    assert [(row.article_id, row.title, row.text) for row in rows if isinstance(row, Article)] == [
        ("1", "عنوان", "نص")
    ]


@pytest.mark.parametrize("separator", ["Sep = ;", "sep=;;", "\u200fsep=;"])
def test_variants_of_the_line_that_names_the_separator(read_bytes: ReadBytes, separator: str) -> None:
    rows = read_bytes(f"{separator}\r\nid;title;text\r\n1;عنوان;نص\r\n".encode(), "news.csv")
    assert reasons(rows) == ["ok"]


def test_a_table_of_one_column_is_known_without_its_suffix(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes("text\nنص أول\nنص ثان\n".encode(), "news")) == ["ok", "ok"]


def test_a_table_without_a_header_is_refused_as_one(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes("sport\tنص أول\neconomy\tنص ثان\n".encode(), "news.txt")
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "missing_column"


def test_identifiers_and_missing_values_as_pandas_writes_them(read_bytes: ReadBytes) -> None:
    rows = read_bytes("id,title,text\n1.0,عنوان,نص\nNaN,nan,نص\n007,عنوان,نص\n".encode(), "news.csv")
    articles = [row for row in rows if isinstance(row, Article)]
    assert [article.title for article in articles] == ["عنوان", "", "عنوان"]
    assert [articles[0].article_id, articles[2].article_id] == ["1", "007"]
    assert articles[1].key is None
