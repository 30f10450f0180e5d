"""HTML: the articles of a page, without menus, comments, teasers and what speaks to the reader."""

import json
import sys
from datetime import UTC, datetime

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.inference.stubs import is_stub

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


LEAD = "افتتحت المدينة مساء أمس متحفاً جديداً للبحر يضم مئات القطع التي جمعها الصيادون على مدى قرن كامل."
MORE = "وقالت مديرة المتحف إن الزيارة ستكون مجانية في الشهر الأول، وإن قاعة خاصة ستُفتح لطلاب المدارس."
HEADLINES = (
    "افتتاح متحف البحر في الميناء", "أمطار غزيرة تغلق طرق الشمال", "الفريق الأول يفوز بالكأس",
    "مصنع جديد للسيارات الكهربائية", "خفض أسعار القطارات في الصيف",
)  # fmt: skip


def page(body: str, *, title: str = HEADLINES[0], head: str = "") -> bytes:
    return f"<!DOCTYPE html><html lang='ar'><head><title>{title}</title>{head}</head><body>{body}</body></html>".encode()


def story(headline: str, tag: str = "h1") -> str:
    return f"<{tag}>{headline}</{tag}><p>{headline}. {LEAD}</p><p>{MORE}</p><p>{MORE} {LEAD}</p>"


def read_one(read_bytes: ReadBytes, html: bytes) -> Article:
    (article,) = read_bytes(html, "page.html")
    assert isinstance(article, Article), article
    return article


@pytest.mark.parametrize("tag", ["article", "div class='post'", "section class='article-body'"])
def test_several_articles_are_read_apart(read_bytes: ReadBytes, tag: str) -> None:
    blocks = [f"<{tag}>{story(headline)}</{tag.split()[0]}>" for headline in HEADLINES[:3]]
    rows = read_bytes(page("".join(blocks)), "page.html")
    assert [row.title for row in rows if isinstance(row, Article)] == list(HEADLINES[:3])
    for row, others in zip(rows, (HEADLINES[1:3], HEADLINES[:3:2], HEADLINES[:2]), strict=True):
        assert isinstance(row, Article)
        assert not any(other in row.text for other in others)
    assert [row.position for row in rows] == [1, 2, 3]


def test_parts_in_article_elements_are_one_article(read_bytes: ReadBytes) -> None:
    parts = "".join(f"<article>{story(headline, 'h2')}</article>" for headline in HEADLINES[1:4])
    article = read_one(read_bytes, page(f"<h1>{HEADLINES[0]}</h1><p>{LEAD}</p>{parts}"))
    assert article.title == HEADLINES[0]
    assert all(headline in article.text for headline in HEADLINES[1:4])


CARDS = (
    "<div><h3><a href='/{i}'>{h}</a></h3><p>{p}</p></div>",
    "<article><h2><a href='/{i}'>{h}</a></h2><p>{p}</p></article>",
    "<div><a href='/{i}'><img src='x'><h3>{h}</h3></a><p>{p}</p><a href='/{i}'>اقرأ المزيد</a></div>",
    "<li><a href='/{i}'>{h}</a></li>",
    "<table><tr><td><a href='/{i}'>{h}</a><p>{p}</p></td></tr></table>",
)


@pytest.mark.parametrize("card", CARDS)
def test_lists_of_headlines_are_refused(read_bytes: ReadBytes, card: str) -> None:
    cards = "".join(card.format(i=i, h=headline, p=LEAD) for i, headline in enumerate(HEADLINES))
    (refusal,) = read_bytes(page(cards * 2, title="صحيفة الوادي - رياضة"), "page.html")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.detail) == (
        "bad_record", "the page is a list of headlines, not an article",
    )  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
def test_teasers_beside_an_article_are_left_out(read_bytes: ReadBytes, card: str) -> None:
    cards = "".join(card.format(i=i, h=headline, p=LEAD) for i, headline in enumerate(HEADLINES[1:]))
    article = read_one(read_bytes, page(f"<div>{story(HEADLINES[0])}</div><aside>{cards}</aside>"))
    assert MORE in article.text
    assert not any(headline in f"{article.title} {article.text}" for headline in HEADLINES[1:])


@pytest.mark.parametrize(
    ("title", "body"),
    [
        (f"صحيفة الوادي | {HEADLINES[0]}", story(HEADLINES[0], "h2")),
        (f"{HEADLINES[0]} - صحيفة الوادي", story("", "h4")),
        (f"صحيفة الوادي :: {HEADLINES[0]}", story("", "h4")),
        (f"{HEADLINES[0]} | ثقافة | صحيفة الوادي", f"<h1>صحيفة الوادي</h1>{story(HEADLINES[0], 'h2')}"),
        ("صحيفة الوادي", story(HEADLINES[0])),
        ("صحيفة الوادي", f"<h1>صحيفة الوادي</h1>{story(HEADLINES[0], 'h2')}"),
        ("الوادي", f"<h1>الوادي للأخبار العاجلة</h1>{story(HEADLINES[0], 'h2')}"),
        (f"{HEADLINES[0]} | أخبار العالم | صحيفة الوادي", story("", "h4")),
        (f"صحيفة الوادي / {HEADLINES[0]}", story("", "h4")),
    ],
)
def test_title_without_the_site(read_bytes: ReadBytes, title: str, body: str) -> None:
    assert read_one(read_bytes, page(f"<div>{body}</div>", title=title)).title == HEADLINES[0]


@pytest.mark.parametrize(
    "line",
    [
        "نرحب بتعليقاتكم، ونرجو قراءة قواعد النشر قبل الإرسال.",
        "الآراء المنشورة أدناه لا تعبر عن رأي الموقع.",
        "هذا المحتوى للمشتركين فقط. اشترك الآن لقراءة المقال كاملاً.",
        "جميع الحقوق محفوظة لصحيفة الوادي",
        "يرجى الالتزام بآداب الحوار في التعليقات.",
        "لن يُنشر أي تعليق يتضمن إساءة أو دعوة إلى الكراهية.",
        "ملاحظة: التعليقات تخضع للمراجعة",
        "شاركنا رأيك في هذا الموضوع",
        "تبقت لك مقالة مجانية هذا الشهر.",
        "أكمل القراءة باشتراك شهري",
        "تابع آخر الأخبار عبر قناتنا",
    ],
)
def test_lines_for_the_reader_leave_the_text(read_bytes: ReadBytes, line: str) -> None:
    article = read_one(read_bytes, page(f"<div class='story'>{story(HEADLINES[0])}<p>{line}</p></div>"))
    assert article.text.endswith(LEAD)


@pytest.mark.parametrize(
    "line",
    [
        "وقالت الوزارة إن التعليقات التي تتضمن إساءة ستُحال إلى القضاء.",
        "وأضافت المديرة: اشتركوا معنا في سباق الميناء.",
        "وأعلنت الصحيفة أن الخبر متاح للمشتركين فقط.",
    ],
)
def test_reports_of_comments_and_subscriptions_stay(read_bytes: ReadBytes, line: str) -> None:
    article = read_one(read_bytes, page(f"<div class='story'>{story(HEADLINES[0])}<p>{line}</p></div>"))
    assert article.text.endswith(line)


def test_summaries_with_a_link_to_more_are_a_list(read_bytes: ReadBytes) -> None:
    cards = "".join(
        f"<div><h2>{headline}</h2><p>{headline}. {LEAD} <a href='/{i}'>المزيد</a></p></div>"
        for i, headline in enumerate(HEADLINES)
    )
    (refusal,) = read_bytes(page(cards, title="الصفحة الرئيسية"), "page.html")
    assert isinstance(refusal, Refusal)
    one = f"<div>{story(HEADLINES[0])}<p>{MORE} <a href='/1'>المزيد</a></p></div>"
    assert read_one(read_bytes, page(one)).title == HEADLINES[0]


def test_a_list_of_links_between_line_breaks_is_refused(read_bytes: ReadBytes) -> None:
    rows = "".join(f"<tr><td><a href='/{h}'><b>{h}</b></a><br>{h}. {LEAD}</td></tr>" for h in HEADLINES)
    (refusal,) = read_bytes(page(f"<table>{rows}</table>", title="الوادي"), "page.html")
    assert isinstance(refusal, Refusal)


def test_a_list_of_others_in_a_cell_leaves_the_text(read_bytes: ReadBytes) -> None:
    side = f"<td><p><b>الأكثر قراءة</b></p><p>{HEADLINES[1]}</p></td>"
    article = read_one(read_bytes, page(f"<table><tr><td>{story(HEADLINES[0])}</td>{side}</tr></table>"))
    assert article.text.endswith(LEAD)


def test_a_table_of_blocks_is_layout(read_bytes: ReadBytes) -> None:
    blocks = "".join(f"<div>{text}</div>" for text in (HEADLINES[0], LEAD, MORE))
    article = read_one(read_bytes, page(f"<table><tr><td>{blocks}</td></tr></table>"))
    assert article.text.split("\n") == [LEAD, MORE]


@pytest.mark.parametrize(
    "wrapping", ["{}", "//<![CDATA[\n{}\n//]]>", "<!--\n{}\n-->", "/*<![CDATA[*/{}/*]]>*/"]
)
@pytest.mark.parametrize("key", ["articleBody", "text"])
def test_json_ld_in_other_spellings(read_bytes: ReadBytes, wrapping: str, key: str) -> None:
    node = {"@type": "NewsArticle", "headline": HEADLINES[0], key: f"{LEAD} {MORE}"}
    data = json.dumps(node, ensure_ascii=False)[:-1] + ",}"
    script = f"<script type='application/ld+json'>{wrapping.format(data)}</script>"
    article = read_one(read_bytes, page("<div id='app'></div>", title="الوادي", head=script))
    assert (article.title, article.text) == (HEADLINES[0], f"{LEAD} {MORE}")


def test_layout_tables_are_read(read_bytes: ReadBytes) -> None:
    side = "<td><b>الأكثر قراءة</b><br>" + "<br>".join(HEADLINES[1:]) + "</td>"
    article = read_one(read_bytes, page(f"<table><tr><td>{story(HEADLINES[0])}</td>{side}</tr></table>"))
    assert article.title == HEADLINES[0]
    assert article.text.endswith(LEAD)


def test_a_year_in_the_footer_is_no_date(read_bytes: ReadBytes) -> None:
    footer = "<div>&copy; 2013 صحيفة الوادي</div>"
    assert read_one(read_bytes, page(f"<div>{story(HEADLINES[0])}</div>{footer}")).published is None
    stamp = "<time datetime='2024-03-05T10:00:00+03:00'>أمس</time>"
    dated = read_one(read_bytes, page(f"<article>{story(HEADLINES[0])}{stamp}</article>{footer}"))
    assert dated.published == datetime(2024, 3, 5, tzinfo=UTC)


def test_json_ld_is_read_where_the_page_shows_nothing(read_bytes: ReadBytes) -> None:
    nodes = [
        {
            "@type": "NewsArticle",
            "headline": headline,
            "articleBody": f"{LEAD} {MORE}",
            "datePublished": "2024-02-03",
        }
        for headline in HEADLINES[:2]
    ]
    for data, titles in (
        (nodes[0], HEADLINES[:1]),
        ({"@graph": [{"@type": "WebSite"}, *nodes]}, HEADLINES[:2]),
    ):
        script = f"<script type='application/ld+json'>{json.dumps(data, ensure_ascii=False)}</script>"
        rows = read_bytes(page("<div id='app'></div>", head=script), "page.html")
        assert [row.title for row in rows if isinstance(row, Article)] == list(titles)
        assert all(
            isinstance(row, Article) and row.published == datetime(2024, 2, 3, tzinfo=UTC) for row in rows
        )


def test_a_stub_keeps_its_text_for_clean_to_refuse(read_bytes: ReadBytes) -> None:
    body = "<h1>404</h1><p>عذراً، الصفحة التي تبحث عنها غير موجودة.</p>"
    article = read_one(read_bytes, page(body, title="الصفحة غير موجودة"))
    assert is_stub(article.title, article.text)
