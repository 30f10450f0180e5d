"""Messages and MHTML: the text is read by the readers of HTML and pages, attachments are refused and counted."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons
from .test_html import HTML

FRAME = "<html><body><p>إعلان</p></body></html>"


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    headers = {
        "Subject": "افتتاح متحف",
        "From": "a@b.example",
        "Date": "Tue, 05 Mar 2024 10:00:00 +0000",
        **headers,
    }
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    return made


def mhtml(html: str, charset: str = "utf-8", cte: str = "quoted-printable") -> bytes:
    made = message(Snapshot_Content_Location="https://alwadi.example/m")
    made["Content-Type"] = "multipart/related"
    for content, kind in ((html, "html"), (FRAME, "html")):
        part = EmailMessage()
        part.set_content(content, subtype=kind, charset=charset, cte=cte)
        made.attach(part)
    part = EmailMessage()
    part.set_content(b"\x89PNG\r\n", "image", "png")
    made.attach(part)
    return made.as_bytes()


@pytest.mark.parametrize("name", ["page.mhtml", "page.txt", "page"])
@pytest.mark.parametrize(("charset", "cte"), [("utf-8", "quoted-printable"), ("windows-1256", "base64")])
def test_mhtml_is_read_as_html(read_bytes: ReadBytes, name: str, charset: str, cte: str) -> None:
    (article,) = read_bytes(mhtml(HTML, charset, cte), name)
    assert isinstance(article, Article)
    assert (article.title, article.url) == ("افتتاح متحف البحر", "https://alwadi.example/culture/7")
    assert article.text.startswith("افتتحت المدينة")
    assert article.published == datetime(2024, 3, 5, 10 if article.published.hour else 0, tzinfo=UTC)  # type: ignore[union-attr]


def test_a_charset_that_is_missing_wrong_or_unknown(read_bytes: ReadBytes) -> None:
    head = b"MIME-Version: 1.0\r\nSubject: x\r\nContent-Type: text/html%s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    for charset in (b"", b"; charset=us-ascii", b"; charset=x-none"):
        for encoding in ("utf-8", "cp1256"):
            (article,) = read_bytes(head % charset + HTML.encode(encoding, "ignore"), "a.eml")
            assert isinstance(article, Article)
            assert article.title == "افتتاح متحف البحر"


def test_plain_text_and_the_headers_that_fill_gaps(read_bytes: ReadBytes) -> None:
    made = message(Message_ID="<1@b.example>")
    made.set_content("عنوان الخبر\n\nنص الخبر الذي أرسله المراسل.\n")
    (article,) = read_bytes(made.as_bytes(), "a.eml")
    assert isinstance(article, Article)
    assert article.text.endswith("نص الخبر الذي أرسله المراسل.")
    assert article.title in {"عنوان الخبر", "افتتاح متحف"}
    assert article.published == datetime(2024, 3, 5, 10, tzinfo=UTC)


def test_text_replaces_html_without_an_article(read_bytes: ReadBytes) -> None:
    made = message()
    made.set_content("عنوان الخبر\n\nنص الخبر.\n")
    made.add_alternative("<html><body></body></html>", subtype="html")
    (article,) = read_bytes(made.as_bytes(), "a.eml")
    assert isinstance(article, Article)
    assert article.text.endswith("نص الخبر.")


def test_attachments_are_refused_by_themselves(read_bytes: ReadBytes) -> None:
    made = message()
    made.set_content("عنوان الخبر\n\nنص الخبر.\n")
    made.add_attachment(b"%PDF-1.4", "application", "pdf", filename="خبر.pdf")
    made.add_attachment("id,text\n1,x\n", subtype="csv", filename="news.csv")
    rows = read_bytes(made.as_bytes(), "a.eml")
    assert reasons(rows) == ["ok", "unknown_format", "unknown_format"]
    assert [(row.position, row.detail) for row in rows if isinstance(row, Refusal)] == [
        (2, "the attachment خبر.pdf (application/pdf) is not read; save it as a file"),
        (3, "the attachment news.csv (text/csv) is not read; save it as a file"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"MIME-Version: 1.0\n\n",
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
        b"MIME-Version: 1.0\nContent-Type: application/pdf\n\n%PDF",
        b"MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n/////w==",
    ],
)
def test_messages_without_text_are_refused(read_bytes: ReadBytes, content: bytes) -> None:
    rows = read_bytes(content, "a.eml")
    assert len(rows) >= 1
    assert all(isinstance(row, Refusal) for row in rows)


def test_hostile_messages_end(read_bytes: ReadBytes) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (k, k) for k in range(3000))
    broken = b"Subject: =?utf-8?b?////?=\nDate: Xxx, 99 99 99\nContent-Type: text/html; charset*=''%ff\nFrom: <@\n\nx"
    for content in (b"MIME-Version: 1.0\n" + nested, b"MIME-Version: 1.0\n" + broken):
        assert len(read_bytes(content, "a.eml")) == 1
    assert reasons(read_bytes(mhtml(HTML), "a.mhtml", Limits(max_line_bytes=100))) == ["field_too_large"]
