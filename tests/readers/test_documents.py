"""Saved pages and HTML: one document a file."""

from datetime import UTC, datetime

from newsdesk.base.schema import Article, content_id
from newsdesk.readers import Limits

from .conftest import ReadBytes, reasons

PAGE = """افتتاح جسر جديد فوق النهر بعد عامين من الأعمال

عمال عند مدخل الجسر قبل افتتاحه (رويترز)
عمال عند مدخل الجسر قبل افتتاحه (رويترز)
TT

افتتاح جسر جديد فوق النهر بعد عامين من الأعمال

عمال عند مدخل الجسر قبل افتتاحه (رويترز)
عمال عند مدخل الجسر قبل افتتاحه (رويترز)

افتتح وزير النقل، أمس (الاثنين)، جسراً جديداً فوق النهر يربط ضفتي المدينة.

وقال الوزير إن الجسر يخدم ثمانين ألف مركبة في اليوم، وإن كلفته لم تتجاوز ما رُصد له.


مقالات ذات صلة

قطار ليلي يربط العاصمتين من جديد

أوروبا قطار في محطة مركزية عند الفجر (أ.ف.ب)

قطار ليلي يربط العاصمتين من جديد

أعلنت شركة السكك أن الرحلات تُستأنف مطلع الشهر المقبل.

«الشرق الأوسط» (فيينا)
"""

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


def test_a_page_gives_its_article_and_then_its_teasers(read_bytes: ReadBytes) -> None:
    for content in (PAGE, PAGE.replace("\n", "\r\n"), "\ufeff" + PAGE):
        article, teaser = read_bytes(content.encode(), "page.txt")
        assert isinstance(article, Article)
        assert isinstance(teaser, Article)
        assert (article.kind, article.source, article.section) == ("article", "desk", None)
        assert article.title == "افتتاح جسر جديد فوق النهر بعد عامين من الأعمال"
        assert article.text.startswith("افتتح وزير النقل")
        assert article.article_id == content_id(article.title, article.text)
        assert (teaser.kind, teaser.section) == ("teaser", "أوروبا")
        assert teaser.title == "قطار ليلي يربط العاصمتين من جديد"
        assert teaser.text == "أعلنت شركة السكك أن الرحلات تُستأنف مطلع الشهر المقبل."


def test_a_page_in_windows_1256(read_bytes: ReadBytes) -> None:
    assert read_bytes(PAGE.encode("cp1256"), "page.txt") == read_bytes(PAGE.encode(), "page.txt")


def test_html_gives_the_article_without_its_surroundings(read_bytes: ReadBytes) -> None:
    for name in ("page.html", "page.json", "page.txt"):
        (article,) = read_bytes(HTML.encode(), name)
        assert isinstance(article, Article)
        assert article.title == "افتتاح متحف البحر"
        assert article.url == "https://alwadi.example/culture/7"
        assert article.published == datetime(2024, 3, 5, tzinfo=UTC)
        assert "مديرة المتحف" in article.text
        for junk in ("أسعار العملات", "تعليق قارئ", "جميع الحقوق", "رياضة"):
            assert junk not in article.text


def test_html_without_an_article_is_refused(read_bytes: ReadBytes) -> None:
    (refusal,) = read_bytes(b"<html><body></body></html>", "page.html")
    assert (refusal.reason, refusal.detail) == ("bad_record", "no article found in the HTML")  # type: ignore[union-attr]


def test_a_page_that_is_too_long_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(PAGE.encode() * 3, "page.txt", Limits(max_line_bytes=2000))) == [
        "field_too_large"
    ]
    assert reasons(read_bytes(PAGE.encode(), "page.txt", Limits(max_field_chars=60))) == [
        "field_too_large",
        "ok",
    ]


def test_a_broken_page_names_the_byte(read_bytes: ReadBytes) -> None:
    content = PAGE.encode() + b"\xff"
    (refusal,) = read_bytes(content, "page.txt")
    assert (refusal.reason, refusal.position) == ("bad_encoding", 0)  # type: ignore[union-attr]
    assert refusal.detail == f"byte {len(PAGE.encode())} is not valid UTF-8"  # type: ignore[union-attr]
