"""Markdown: front matter, headings as titles, marks stripped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsdesk.base.schema import Article

from .conftest import ReadBytes, reasons

BODY = """# افتتاح متحف البحر

افتتحت **المدينة** أمس [متحف البحر](https://a.example "رابط") ![صورة](a.jpg) في _الميناء_.
وهو الأول.

## زيارة مجانية

- قاعة للطلاب
- قاعة للصيد

> قالت المديرة: `مرحباً`

| يوم | ساعة |
|---|---|
| الأحد | 9 |

<div><p>فقرة في HTML</p></div>
<!-- تعليق -->
"""
TEXT = """افتتحت المدينة أمس متحف البحر  في الميناء.
وهو الأول.
زيارة مجانية
قاعة للطلاب
قاعة للصيد
قالت المديرة: مرحباً
يوم
ساعة
الأحد
9
فقرة في HTML"""


def read_one(rows: list[object]) -> Article:
    (article,) = rows
    assert isinstance(article, Article)
    return article


@pytest.mark.parametrize("name", ["a.md", "a.markdown", "a.md.gz"])
def test_the_first_heading_is_the_title(read_bytes: ReadBytes, name: str) -> None:
    article = read_one(read_bytes(BODY.encode(), name))
    assert (article.title, article.text) == ("افتتاح متحف البحر", TEXT)


@pytest.mark.parametrize(
    "front",
    [
        '---\ntitle: "عنوان: فرعي"\ndate: 2024-03-05\nlink: https://a.example\ntags: [أ, ب]\n---\n',
        "---\r\nTitle: عنوان: فرعي\r\n".replace(": فرعي", "")
        + "date: 2024-03-05T00:00:00Z\r\nurl: https://a.example\r\n---\r\n",
        '+++\ntitle = "عنوان"\ndate = 2024-03-05\nurl = "https://a.example"\n[extra]\na = 1\n+++\n',
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.txt", "a"])
def test_front_matter(read_bytes: ReadBytes, front: str, name: str) -> None:
    article = read_one(read_bytes(f"{front}\nنص الخبر.\n".encode(), name))
    assert article.title.startswith("عنوان")
    assert (article.text, article.url) == ("نص الخبر.", "https://a.example")
    assert article.published == datetime(2024, 3, 5, tzinfo=UTC)


def test_a_heading_below_the_title_of_the_front_matter_is_text(read_bytes: ReadBytes) -> None:
    article = read_one(read_bytes("---\ntitle: عنوان\n---\n# آخر\nنص".encode(), "a.md"))
    assert (article.title, article.text) == ("عنوان", "آخر\nنص")
    article = read_one(read_bytes("---\ntitle: عنوان\n---\n# عنوان\nنص".encode(), "a.md"))
    assert (article.title, article.text) == ("عنوان", "نص")


def test_without_a_title_it_is_read_as_a_page(read_bytes: ReadBytes) -> None:
    article = read_one(read_bytes("---\ndate: 2024-03-05\n---\nعنوان **مهم**\n\nنص الخبر.".encode(), "a.md"))
    assert (article.title, article.text) == ("عنوان مهم", "نص الخبر.")
    assert article.published == datetime(2024, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: [\n---\n", "---\ntitle: !!python/object:os.system x\n---\n", "+++\ntitle = \n+++\n",
        f"---\ntitle: x\na: {'[' * 5000}\n---\n", f"---\ntitle: x\na: {'x' * 70_000}\n---\n",
    ],
)  # fmt: skip
def test_broken_front_matter_is_refused(read_bytes: ReadBytes, front: str) -> None:
    assert reasons(read_bytes(f"{front}نص".encode(), "a.md")) == ["bad_record"]


@pytest.mark.parametrize("text", ["---\nعنوان\n---\nنص", "---\nنص الخبر بعد خط"])
def test_rules_alone_are_no_front_matter(read_bytes: ReadBytes, text: str) -> None:
    for name in ("a.md", "a.txt"):
        assert reasons(read_bytes(text.encode(), name)) == ["ok"]


def test_hostile_markdown_ends(read_bytes: ReadBytes) -> None:
    for text in ("[" * 50_000, "> " * 20_000 + "x", "*a_ " * 20_000, "---\na: " + "x\n" * 50_000):
        assert len(read_bytes(text.encode(), "a.md")) == 1


def test_front_matter_names_its_fields_as_tables_do(read_bytes: ReadBytes) -> None:
    content = "---\nالعُنوان: افتتاح الجسر\nتاريخ النشر: 2024-05-01\n...\nافتتح الوزير الجسر.\n"
    (article,) = read_bytes(content.encode(), "news.md")
    assert isinstance(article, Article)
    assert (article.title, article.text) == ("افتتاح الجسر", "افتتح الوزير الجسر.")
    assert str(article.published)[:10] == "2024-05-01"


def test_a_first_line_with_a_heading_mark_is_markdown(read_bytes: ReadBytes) -> None:
    (article,) = read_bytes("# افتتاح الجسر\n\nافتتح الوزير الجسر.\n".encode(), "news.txt")
    assert isinstance(article, Article)
    assert (article.title, article.text) == ("افتتاح الجسر", "افتتح الوزير الجسر.")


def test_a_table_is_no_markdown_whatever_its_name(read_bytes: ReadBytes) -> None:
    rows = read_bytes("id,title,text\n1,عنوان,نص أول\n2,عنوان,نص ثان\n".encode(), "news.md")
    assert [row.article_id for row in rows if isinstance(row, Article)] == ["1", "2"]
