"""JSON lines: every line is accounted for, and a broken record is refused by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers.formats.json_records import read_jsonl
from newsdesk.readers.options import ReadOptions

from .conftest import ReadBytes, line, reasons


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        ('{"text": "نص', "bad_record", "not JSON: Unterminated string starting at at character 10"),
        ('["نص"]', "bad_record", "expected a JSON object, found list"),
        ("[" * 100_000, "bad_record", "the JSON is nested too deep"),
        ('{"a": ' * 50_000, "bad_record", "the JSON is nested too deep"),
        (
            '{"text": "نص", "id": ' + "9" * 5000 + "}",
            "bad_record",
            "the JSON holds a number of too many digits",
        ),
        (
            '{"title": "عنوان"}',
            "missing_column",
            "no text column (text, content, full_text, body) among: title",
        ),
        ('{"text": 5}', "bad_record", "text is int, expected a string"),
    ],
)
def test_bad_line_is_refused_by_itself(read_bytes: ReadBytes, record: str, reason: str, detail: str) -> None:
    rows = read_bytes("\n".join([line("قبل"), "", record, line("بعد")]).encode())
    assert reasons(rows) == ["ok", reason, "ok"]
    refusal = rows[1]
    assert isinstance(refusal, Refusal)
    assert (refusal.file, refusal.position, refusal.detail) == ("news.jsonl", 3, detail)
    assert refusal.excerpt == record[:300]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (r'{"text": "قبل \ud83d بعد"}', "قبل \ufffd بعد"),
        (r'{"text": "\ud83d\ude00"}', "😀"),
        (r'{"text": "سطر\r\nسطر\rسطر\u0000"}', "سطر\nسطر\nسطر"),
        ('{"text": "عمود\tعمود"}', "عمود\tعمود"),
        ('{"text": "الأول", "text": "الأخير"}', "الأخير"),
        ('{"text": null}', ""),
        ('{"text": "نص", "score": NaN, "n": ' + "9" * 4000 + "}", "نص"),
    ],
)
def test_unusual_records_are_accepted(read_bytes: ReadBytes, record: str, text: str) -> None:
    (article,) = read_bytes(record.encode())
    assert isinstance(article, Article)
    assert article.text == text
    article.text.encode()


@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([line().encode(), b"", b"  ", b"{}", b'{"text":null}']))
)
def test_articles_and_refusals_add_up_to_lines_that_are_not_blank(records: list[bytes]) -> None:
    records = [record.replace(b"\r", b"").replace(b"\n", b"") for record in records]
    expected = sum(bool(record.strip(b" \t\v\f\0\xef\xbb\xbf")) for record in records)
    assert len(list(read_jsonl(iter([b"\n".join(records)]), ReadOptions()))) == expected
