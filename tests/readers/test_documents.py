"""Files that hold no articles, or not as text: one refusal that names what they are, and never a label."""

from __future__ import annotations

import io
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest

from newsdesk.base.schema import Refusal

from .conftest import ReadBytes, line, reasons

ZIPS = {
    "a Word document; save it as text": {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": "<w:document/>",
    },
    "a PowerPoint presentation; save it as text": {"[Content_Types].xml": "", "ppt/presentation.xml": ""},
    "a Visio drawing; save it as text": {"visio/document.xml": "", "[Content_Types].xml": ""},
    "an Office document; save it as text": {"[Content_Types].xml": ""},
    "an EPUB book; save it as text": {"mimetype": "application/epub+zip", "OEBPS/1.xhtml": "<html/>"},
    "an OpenDocument text; save it as text": {"mimetype": "application/vnd.oasis.opendocument.text"},
    "an OpenDocument file; save it as text": {"mimetype": "application/vnd.oasis.opendocument.graphics"},
    "a document of Apple's Pages, Numbers or Keynote; save it as text": {"Index/Document.iwa": "x"},
}
BYTES = {
    "a PDF document; save it as text": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "an RTF document; save it as text": rb"{\rtf1\ansi\ansicpg1256 \'e4\'d5}",
    "a PNG image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a JPEG image": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "a GIF image": b"GIF89a\x01\0\x01\0",
    "a WebP image": b"RIFF\x24\0\0\0WEBPVP8 ",
    "a TIFF image": b"II*\0\x08\0\0\0",
    "a BMP image": b"BM\x46\0\0\0\0\0\0\0\x36",
    "audio": b"ID3\x04\0\0\0\0\0\0TIT2",
    "audio or video": b"RIFF\x24\0\0\0WAVEfmt ",
    "audio, video or a HEIC image": b"\0\0\0\x20ftypisom\0\0\x02\0",
    "a video": b"\x1a\x45\xdf\xa3\x01\0\0\0",
    "a program": b"\x7fELF\x02\x01\x01\0",
    "a 7z archive; pack it as zip": b"7z\xbc\xaf\x27\x1c\0\x04",
    "a RAR archive; pack it as zip": b"Rar!\x1a\x07\x01\0",
    "an Arrow file; save it as Parquet": b"ARROW1\0\0\xff\xff\xff\xff",
    "an Avro file; save it as Parquet": b"Obj\x01\x04\x16avro.schema",
    "a NumPy array; save it as Parquet": b"\x93NUMPY\x01\0v\0{'descr': '<f8'",
    "a Python pickle; save it as Parquet": b"\x80\x04\x95\x0f\0\0\0\0\0\0\0}\x94",
    "a mailbox; save each message as .eml": b"From a@b.example Tue Jan  2 10:00:00 2024\nSubject: x\n\nx\n",
}
XML = {
    "nitf": '<?xml version="1.0"?>\n<nitf><body><p>نص الخبر</p></body></nitf>',
    "newsItem": '<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/"><p>نص الخبر</p></newsItem>',
    "urlset": '<?xml version="1.0"?><!-- a --><urlset><url><loc>https://a.example</loc></url></urlset>',
    "opml": '<?xml version="1.0"?><?pi x?><opml version="2.0"><body><outline text="خبر"/></body></opml>',
    "article": '<?xml version="1.0"?><!DOCTYPE article [<!ENTITY a "b">]><article><p>نص</p></article>',
    "w:document": '<w:document xmlns:w="x"><w:t>نص الخبر</w:t></w:document>',
    "rdf:RDF": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:li>نص</rdf:li></rdf:RDF>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><text>نص الخبر</text></svg>',
    "خبر": '<?xml version="1.0"?><خبر>نص</خبر>',
}  # fmt: skip
NAMES = ["news.txt", "news.csv", "news.jsonl", "news"]


def zipped(members: dict[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def check_refused(rows: list[object], detail: str) -> None:
    (refusal,) = rows
    assert isinstance(refusal, Refusal)
    assert (refusal.position, refusal.reason, refusal.detail) == (0, "unknown_format", detail)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("detail", ZIPS)
def test_documents_that_are_zip_archives(read_bytes: ReadBytes, detail: str, name: str) -> None:
    check_refused(read_bytes(zipped(ZIPS[detail]), name), detail)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("detail", BYTES)
def test_documents_known_by_their_first_bytes(read_bytes: ReadBytes, detail: str, name: str) -> None:
    check_refused(read_bytes(BYTES[detail], name), detail)
    check_refused(read_bytes(BYTES[detail] + line().encode() * 9, name), detail)


def test_a_database_and_a_program(read_bytes: ReadBytes, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "news.db") as database:
        database.execute("CREATE TABLE news (title TEXT)")
    detail = "an SQLite database; export a table as CSV"
    check_refused(read_bytes((tmp_path / "news.db").read_bytes(), "news.txt"), detail)
    check_refused(read_bytes(Path(sys.executable).read_bytes()[:100_000], "news.txt"), "a program")


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ("WordDocument", "a Word document; save it as text"),
        ("PowerPoint Document", "a PowerPoint presentation; save it as text"),
        ("EncryptedPackage", "an encrypted Office document; save it without a password"),
        ("Other", "an old Office document; save it as text"),
    ],
)
def test_old_office_documents(read_bytes: ReadBytes, entry: str, detail: str) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + f"{entry}\0".encode("utf-16-le")
    check_refused(read_bytes(content, "news.txt"), detail)


@pytest.mark.parametrize("name", ["news.xml", "news.txt", "news.json"])
@pytest.mark.parametrize("root", XML)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_xml_is_named_by_its_root(read_bytes: ReadBytes, root: str, name: str, encoding: str) -> None:

    detail = f"XML with the root element {root}; save its articles as JSON lines or text"
    check_refused(read_bytes(XML[root].encode(encoding), name), detail)


def test_markup_that_hides_its_root_ends_at_once(read_bytes: ReadBytes) -> None:
    content = '<?xml version="1.0"?>' + "<!--a-->" * 20_000 + "x"
    assert reasons(read_bytes(content.encode(), "news.xml")) == ["unknown_format"]


@pytest.mark.parametrize(
    "text",
    ["<3 أحب هذا الخبر\nنص", "ORCA: حوت في المحيط\nنص", "BMW تعلن أرباحها\nنص", "From: لندن\nنص الخبر"],
)
def test_text_that_looks_like_a_signature_is_read(read_bytes: ReadBytes, text: str) -> None:
    assert reasons(read_bytes(text.encode(), "news.txt")) == ["ok"]


def test_documents_within_an_archive_are_refused_by_themselves(read_bytes: ReadBytes) -> None:
    word, pdf = ZIPS["a Word document; save it as text"], BYTES["a PDF document; save it as text"]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.docx", zipped(word))
        archive.writestr("b.pdf", pdf)
        archive.writestr("c.jsonl", line())
    rows = read_bytes(sink.getvalue(), "news.zip")
    assert reasons(rows) == ["unknown_format", "unknown_format", "ok"]
    assert [row.file for row in rows] == ["news.zip/a.docx", "news.zip/b.pdf", "news.zip/c.jsonl"]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"bplist00\xd1\x01\x02", "a Safari web archive or another property list; save the page as HTML"),
        (b"\n%PDF-1.4 x", "a PDF document; save it as text"),
        (b"\xef\xbb\xbf{\\rtf1 x}", "an RTF document; save it as text"),
        (b"-- dump\n/*!40101 x */;\nCREATE TABLE news (id INT);", "an SQL dump; export a table as CSV"),
        (b"- title: x\n  text: y\n", "a YAML list; save it as JSON"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\n", "a calendar or an address book"),
        (b"WEBVTT\n\n00:01.000 --> 00:04.000\nx\n", "subtitles; save them as text"),
    ],
)
def test_files_of_text_that_are_no_article_are_named(
    read_bytes: ReadBytes, content: bytes, detail: str
) -> None:
    check_refused(read_bytes(content, "news.txt"), detail)


def test_comments_before_no_sql_end_at_once(read_bytes: ReadBytes) -> None:
    assert len(read_bytes(b"/**/" * 20_000 + b"x", "news.txt")) == 1


def test_xml_with_an_arabic_or_an_empty_root_is_named(read_bytes: ReadBytes) -> None:
    for content, root in (("<خبر>نص</خبر>", "خبر"), ("<m/>", "m")):
        detail = f"XML with the root element {root}; save its articles as JSON lines or text"
        check_refused(read_bytes(content.encode(), "news.txt"), detail)


def test_a_page_named_as_a_workbook_is_refused(read_bytes: ReadBytes) -> None:
    detail = "a web page named as a workbook; save its table as CSV"
    check_refused(read_bytes("<html><table><tr><td>نص</td></tr></table></html>".encode(), "a.xls"), detail)
