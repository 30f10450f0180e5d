"""JSON lines and arrays: every record is accounted for, and a broken one is refused by itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits
from newsdesk.readers.formats.json_records import read_json, read_jsonl
from newsdesk.readers.options import ReadOptions

from .conftest import ReadBytes, line, reasons

ELEMENT = st.dictionaries(
    st.text(max_size=4), st.text(max_size=8) | st.lists(st.text(max_size=4)), max_size=3
)


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
            "no text column (text, content, full_text, body, …) among: title; name it with --text-column",
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
    expected = sum(bool(record.strip(b" \t\v\f\xef\xbb\xbf")) for record in records)
    assert len(list(read_jsonl(iter([b"\n".join(records)]), ReadOptions()))) == expected


@given(st.lists(ELEMENT, max_size=4), st.integers(1, 7), st.sampled_from([None, 1]))
def test_array_is_split_as_json_parses_it(
    elements: list[dict[str, str]], step: int, indent: int | None
) -> None:
    elements = [{"text": "نص", **element, "id": str(n)} for n, element in enumerate(elements)]
    content = json.dumps(elements, ensure_ascii=step % 2 == 0, indent=indent).encode()
    chunks = (content[at : at + step] for at in range(0, len(content), step))
    rows = list(read_json(chunks, ReadOptions(limits=Limits(max_line_bytes=10**6))))
    assert [row.columns for row in rows] == elements


def test_broken_record_is_refused_by_itself(read_bytes: ReadBytes) -> None:
    content = f'[{line("قبل")}, {{"text": نص}}, 5, {line("بعد")}]'
    rows = read_bytes(content.encode(), "news.json")
    assert reasons(rows) == ["ok", "bad_record", "bad_record", "ok"]
    assert [row.position for row in rows if isinstance(row, Refusal)] == [2, 3]


def test_complete_records_of_a_truncated_array_are_kept(read_bytes: ReadBytes) -> None:
    rows = read_bytes(f'[{line("قبل")}, {line("بعد")}, {{"text": "نص لم'.encode(), "news.json")
    assert reasons(rows) == ["ok", "ok", "truncated"]
    assert rows[2].detail.startswith("the JSON array is not closed; the last record begins at byte ")  # type: ignore[union-attr]


def test_content_after_the_array_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(f"[{line()}] نص".encode(), "news.json")) == ["ok", "bad_record"]


def test_indented_object_is_one_record(read_bytes: ReadBytes) -> None:
    content = json.dumps({"title": "عنوان", "text": "نص"}, ensure_ascii=False, indent=2)
    assert reasons(read_bytes(content.encode(), "news.json")) == ["ok"]


@pytest.mark.parametrize("name", ["news.jsonl", "news.json"])
def test_long_field_is_refused_by_itself(read_bytes: ReadBytes, name: str) -> None:
    records = [line("قبل"), line("x" * 20_000_000), line("y" * 3_000_000, id="b"), line("بعد")]
    content = "\n".join(records) if name == "news.jsonl" else f"[{','.join(records)}]"
    rows = read_bytes(content.encode(), name)
    assert reasons(rows) == ["ok", "field_too_large", "field_too_large", "ok"]
    what = "line" if name == "news.jsonl" else "record"
    assert rows[1].detail == f"the {what} is longer than 16777216 bytes"  # type: ignore[union-attr]
    assert rows[2].detail == "text has 3000000 characters, at most 2000000 are allowed"  # type: ignore[union-attr]
    assert rows[2].article_id == "b"


def test_a_key_with_two_values_is_refused(read_bytes: ReadBytes) -> None:
    records = ['{"text": "الأول", "text": ""}', '{"text": "نص", "text": "نص"}', '{"text": "نص"}']
    rows = read_bytes("\n".join(records).encode())
    assert reasons(rows) == ["bad_record", "ok", "ok"]
    assert isinstance(rows[0], Refusal)
    assert rows[0].detail == "two values of the key text"


def test_a_byte_order_mark_may_end_a_line(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(f"{line()}\ufeff\n{line()}\n".encode())) == ["ok", "ok"]
