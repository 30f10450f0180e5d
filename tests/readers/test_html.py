"""HTML: one article a page, without menus, comments and tables."""

import sys
from datetime import UTC, datetime

import pytest

from newsdesk.base.schema import Article, Refusal

from .conftest import ReadBytes

HTML = """<!DOCTYPE html><html lang="ar"><head><title>افتتاح متحف البحر - صحيفة الوادي</title>
<meta property="og:title" content="افتتاح متحف البحر">
<link rel="canonical" href="https://alwadi.example/culture/7">
<meta property="article:published_time" content="2024-03-05T10:00:00+00:00"></head>
<body><nav><a href="/">الرئيسية</a> <a href="/s">رياضة</a></nav><article><h1>افتتاح متحف البحر</h1>
<p>افتتحت المدينة مساء أمس متحفاً جديداً للبحر يضم مئات القطع التي جمعها الصيادون على مدى قرن كامل.</p>
<p>وقالت مديرة المتحف إن الزيارة ستكون مجانية في الشهر الأول، وإن قاعة خاصة ستُفتح لطلاب المدارس.</p>
</article><table><tr><td>أسعار العملات</td></tr></table>
<div class="comments"><p>تعليق قارئ لا صلة له بالخبر</p></div>
<footer>جميع الحقوق محفوظة</footer></body></html>"""


def test_article_without_its_surroundings(read_bytes: ReadBytes) -> None:
    for name in ("page.html", "page.json", "page.txt"):
        (article,) = read_bytes(HTML.encode(), name)
        assert isinstance(article, Article)
        assert article.title == "افتتاح متحف البحر"
        assert article.url == "https://alwadi.example/culture/7"
        assert article.published == datetime(2024, 3, 5, tzinfo=UTC)
        assert "مديرة المتحف" in article.text
        for junk in ("أسعار العملات", "تعليق قارئ", "جميع الحقوق", "رياضة"):
            assert junk not in article.text


def test_fragments_are_read_by_their_text(read_bytes: ReadBytes) -> None:
    for content in ("<h1>عنوان</h1><p>نص الخبر</p>", "<p dir=rtl>عنوان</p>\n<p>نص <b>الخبر</b></p>"):
        for name in ("a.txt", "a"):
            (article,) = read_bytes(content.encode(), name)
            assert isinstance(article, Article)
            assert f"{article.title}\n{article.text}".strip() == "عنوان\nنص الخبر"
    (refusal,) = read_bytes(b"<script>x</script>", "a.txt")
    assert refusal.reason == "bad_record"  # type: ignore[union-attr]


def test_page_without_an_article_is_refused(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes(b"<html><body></body></html>", "page.html")
    assert (refusal.reason, refusal.detail) == ("bad_record", "no article found in the HTML")  # type: ignore[union-attr]


def test_a_missing_library_is_a_refusal_that_names_it(
    read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)  # as if it were not installed
    (refusal,) = read_bytes(HTML.encode(), "page.html")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.position) == ("unreadable_file", 0)
    assert "pip install trafilatura" in refusal.detail
