"""TREC-style files: several documents a file, each refused by itself."""

from datetime import UTC, datetime

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons


def document(number: str = "AL-1", text: str = "افتتح المعرض أبوابه.", abstract: str = "ملخص") -> str:
    return (
        f"<DOC>\n<DOCNO>{number}</DOCNO>\n<URL>https://news.example/1</URL>\n<SRC>alarabia</SRC>\n"
        "<CAT>culture</CAT>\n<TITLE>معرض للكتاب</TITLE>\n<TIME>Sun, 18 Feb 2018 12:26:59 +0200</TIME>\n"
        f"<ABSTRACT>\n{abstract}\n</ABSTRACT>\n<TEXT>\n{text}\n</TEXT>\n</DOC>\n"
    )


def test_fields(read_bytes: ReadBytes) -> None:
    assert read_bytes(document().encode(), "a.txt") == [
        Article(
            article_id="AL-1",
            source="alarabiya",
            title="معرض للكتاب",
            text="افتتح المعرض أبوابه.",
            key="AL-1",
            url="https://news.example/1",
            published=datetime(2018, 2, 18, 10, 26, 59, tzinfo=UTC),
            section="culture",
            file="a.txt",
            position=1,
        )
    ]


def test_abstract_replaces_a_blank_text_only(read_bytes: ReadBytes) -> None:
    rows = read_bytes((document(text=" ") + document("AL-2", text="النص", abstract="آخر")).encode(), "a.txt")
    assert [row.text for row in rows if isinstance(row, Article)] == ["ملخص", "النص"]


def test_broken_document_is_refused_by_itself(read_bytes: ReadBytes) -> None:
    unclosed = document("AL-2").replace("</DOC>\n", "")
    bad = document("AL-3").encode().replace("ملخص".encode(), b"\xff" + "ملخص".encode())
    textless = document("AL-4").replace("TEXT>", "BODY>").replace("ABSTRACT>", "LEAD>")
    content = (document() + unclosed).encode() + bad + (textless + document("AL-5") + unclosed).encode()
    rows = read_bytes(content.replace(b"\n", b"\r\n"), "a.txt")
    assert reasons(rows) == ["ok", "bad_record", "bad_encoding", "missing_column", "ok", "truncated"]
    refusals = [row for row in rows if isinstance(row, Refusal)]
    assert [row.position for row in refusals] == [2, 3, 4, 6]
    assert refusals[0].detail == "the document has no </DOC>"
    at = content.replace(b"\n", b"\r\n").index(b"\xff")
    assert refusals[1].detail == f"byte {at} is not valid UTF-8"
    assert refusals[2].article_id == "AL-4"


def test_two_documents_in_one_line_are_refused_not_merged(read_bytes: ReadBytes) -> None:
    line = document().replace("\n", " ")
    assert reasons(read_bytes((line + line).encode(), "a.txt")) == ["bad_record"]


def test_document_that_is_too_long_is_refused(read_bytes: ReadBytes) -> None:
    content = document("AL-1") + document("AL-2", text="سطر طويل\n" * 100) + document("AL-3")
    rows = read_bytes(content.encode(), "a.txt", Limits(max_line_bytes=600))
    assert reasons(rows) == ["ok", "field_too_large", "ok"]
