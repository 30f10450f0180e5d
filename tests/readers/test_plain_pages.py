"""Pages saved from any site: what is the title, what is the body, and what belongs to the site."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.readers.pages.saved_pages import parse
from newsdesk.readers.pages.site_lines import kind_of

from .conftest import ReadBytes, line, reasons

ROOT = Path(__file__).parents[2]

SECTIONS = read_taxonomy(ROOT / "data/taxonomy.yaml").sections
TITLE = "مدينة سالمة تفتتح خط ترام يصل الميناء بالجامعة"
DECK = "الرحلة تستغرق عشرين دقيقة والتذكرة مجانية"
CAPTION = "عربة ترام أمام محطة الميناء (رويترز)"
BODY = [
    "افتتح رئيس بلدية سالمة أمس خط الترام الجديد الذي يصل الميناء بالجامعة، بعد ثلاث سنوات من الأعمال.",
    "وقال رئيس البلدية إن الترام ينقل أربعين ألف راكب في اليوم، وإن كلفته لم تتجاوز ما رصد له.",
    "ويبدأ العمل في خط المطار قريباً.",
]
OTHERS = ["مصرف الواحة يخفض سعر الفائدة", "منتخب رملة للناشئين يفوز ويتأهل"]
TICKER = (
    "منتخب رملة للناشئين يبلغ نهائي كأس الوادي موعد مباراة القمة والقنوات الناقلة مدرب البرج يشيد بلاعبيه بعد "
    "الهدف القاتل ترتيب الدوري بعد الجولة العاشرة حارس المنارة يغيب أسبوعين بسبب الإصابة أمطار غزيرة متوقعة غداً"
)
HEAD = [TITLE, CAPTION, CAPTION, "TT", TITLE, CAPTION, CAPTION]


def read_one(*lines: str) -> tuple[str | None, list[str]]:
    """Return the title and the body's lines of a page that holds one article."""
    (article,) = parse("\n".join(lines), sections=SECTIONS)
    return article.title, article.text.split("\n")


LINES_ABOVE = [
    "الأحد 10 نوفمبر 2024", "10/11/2024", "الأحد, 10 نوفمبر 2024 - 14:30", "نُشر في: 10 تشرين الثاني 2024",
    "Sunday, 10 November 2024", "منذ 3 ساعات", "آخر تحديث: 2024-11-10 18:20 بتوقيت القاهرة", "١٠ نوفمبر ٢٠٢٤",
    "القاهرة - الأحد 10 نوفمبر 2024", "9 جمادى الأولى 1446 هـ الموافق 10 نوفمبر 2024 م", "12:45 م",
    "أوروبا", "أخبار العالم", "العالم / أوروبا", "الرئيسية > أوروبا > أخبار", "عاجل", "Home",
    "الرئيسية | أوروبا | اقتصاد | رياضة", "الرئيسية سياسة اقتصاد رياضة ثقافة", "تسجيل الدخول | اشترك",
    "رئيس التحرير: سامي الراعي", "رئيس التحرير سامي الراعي", "مدير التحرير / رنا فارس", "كتب - نبيل الشامي",
    "بقلم نبيل الشامي", "القاهرة 25°", "25° مشمس القاهرة", "--°C", "شارك الخبر", TICKER,
    "    ".join([*OTHERS, *OTHERS, *OTHERS]), f"شريط الأخبار: {TICKER}",
    " | ".join([*OTHERS, *OTHERS]), " *** ".join([*OTHERS, *OTHERS]),
]  # fmt: skip


@pytest.mark.parametrize("above", LINES_ABOVE)
def test_line_of_the_site_is_no_title(above: str) -> None:
    assert read_one(above, TITLE, *BODY) == (TITLE, BODY)
    assert read_one(TITLE, above, *BODY) == (TITLE, BODY)


HEADLINES = [
    "كتب الأطفال تتصدر معرض المدينة", "تويتر: الميناء يطلب مهلة جديدة", "رويترز: اتفاق على خط جديد بين المدينة والجزيرة",
    "المزيد من القطارات في الصيف", "العلامات التجارية تغزو سوق المدينة", "درجة الحرارة تسجل رقماً قياسياً في سالمة",
    "المدير العام للميناء يزور الجامعة", "حقوق النشر تشغل كتاب الجزيرة", "انتخابات 2024 تشغل الجزيرة", "فريق سالمة - فريق البرج 2-1",
    "هل يفوز سالمة بالكأس؟", "منتخب رملة (للناشئين) يفوز بالكأس (تقرير)",
]  # fmt: skip


@pytest.mark.parametrize("headline", HEADLINES)
def test_headline_that_looks_like_a_line_of_the_site(headline: str) -> None:
    assert read_one(headline, *BODY) == (headline, BODY)


def test_long_first_line_is_text() -> None:
    assert read_one(f"{BODY[0]} {BODY[1]}", BODY[2]) == (None, [f"{BODY[0]} {BODY[1]}", BODY[2]])
    unpunctuated = f"{BODY[0]} {BODY[1]}".replace(".", "").replace("،", "")
    assert read_one(unpunctuated, BODY[2]) == (None, [unpunctuated, BODY[2]])
    assert read_one(TICKER, *BODY) == (None, BODY)
    assert read_one(TICKER) == (None, [TICKER]), "the only text is never dropped"


@pytest.mark.parametrize("text", [BODY[0], f"{BODY[0]} {BODY[1]}", TITLE, f"\n{BODY[0]}\n\n"])
def test_one_line_is_read_as_the_same_text_in_json(text: str, read_bytes: ReadBytes) -> None:
    (page,) = read_bytes(text.encode(), "page.txt")
    (record,) = read_bytes(line(text.strip()).encode(), "news.jsonl")
    assert isinstance(page, Article)
    assert isinstance(record, Article)
    assert (page.title, page.text, page.article_id) == ("", record.text, record.article_id)


def test_lines_under_the_headline_stay() -> None:
    more = "القرار يدخل حيز التنفيذ بعد ثلاثين يوماً"
    assert read_one(TITLE, DECK, *BODY) == (TITLE, [DECK, *BODY])
    assert read_one(TITLE, "الأحد 10 نوفمبر 2024", DECK, more, *BODY) == (TITLE, [DECK, more, *BODY])
    assert read_one(TITLE, f"{DECK}.", *BODY) == (TITLE, [f"{DECK}.", *BODY])


@pytest.mark.parametrize(
    "head",
    [
        [TITLE, DECK, CAPTION, CAPTION, "TT", TITLE, CAPTION, CAPTION],
        [TITLE, DECK, CAPTION, CAPTION, "TT", TITLE, DECK, CAPTION, CAPTION],
        [TITLE, CAPTION, CAPTION, "TT", TITLE, DECK, CAPTION],
        [TITLE, DECK, CAPTION, "TT"],
        [TITLE, DECK, "TT", TITLE],
    ],
    ids=["above", "above and below", "below", "one print", "no caption"],
)
def test_lines_under_the_headline_of_a_page_with_a_button_stay(head: list[str]) -> None:
    assert read_one(*head, *BODY) == (TITLE, [DECK, *BODY])


def test_a_sentence_under_the_headline_of_a_page_with_a_button_stays() -> None:
    head = [TITLE, f"{DECK}.", CAPTION, CAPTION, "TT", TITLE, CAPTION]
    assert read_one(*head, *BODY) == (TITLE, [f"{DECK}.", *BODY])


PREFACES = {
    "menu": ["الرئيسية", "أوروبا", "اقتصاد", "رياضة", "ابحث"],
    "menu of unknown sections": ["مال وأعمال", "كتاب وآراء", "خارج الحدود", "الملف"],
    "ticker": [TICKER],
    "latest headlines": OTHERS,
    "date": ["الأحد 10 نوفمبر 2024"],
    "editor": ["رئيس التحرير", "سامي الراعي"],
    "cookies": [
        "نستخدم ملفات تعريف الارتباط لتحسين تجربتك. بالضغط على موافق فإنك توافق على سياستنا.",
        "موافق",
    ],
    "what the site is": ["صحيفة يومية شاملة تأسست قبل نصف قرن وتهتم بأخبار الناس والأسواق والملاعب."],
}


@pytest.mark.parametrize("preface", PREFACES.values(), ids=PREFACES.keys())
def test_lines_above_the_head_are_no_article(preface: list[str]) -> None:
    assert read_one(*preface, *HEAD, *BODY) == (TITLE, BODY)


def test_article_without_a_button_above_one_with_a_button_is_kept() -> None:
    other = [OTHERS[0], *(paragraph.replace("الترام", "المصرف") for paragraph in BODY)]
    first, second = parse("\n".join([*other, *HEAD, *BODY]), sections=SECTIONS)
    assert (first.title, second.title) == (OTHERS[0], TITLE)


FOOTERS = [
    ["اشترك في النشرة البريدية", "الأكثر قراءة", *OTHERS, "جميع الحقوق محفوظة"],
    ["اقرأ أيضاً:", OTHERS[0]], [f"اقرأ أيضا: {OTHERS[0]}"], ["أخبار ذات صلة", OTHERS[0]], ["مواضيع قد تهمك", OTHERS[0]],
    ["المزيد في أوروبا", OTHERS[0]], ["الأكثر مشاهدة اليوم", "1", OTHERS[0], "2", OTHERS[1]], ["Read more", "Related Topics"],
    OTHERS, ["التعليقات", "لا توجد تعليقات", "أضف تعليقك"],
    ["تعليقات القراء (3)", "أحمد: خبر مهم جداً ويستحق المتابعة من الجميع في هذا الوقت."],
    ["شروط التعليق: عدم الإساءة للكاتب أو للأشخاص أو للمقدسات. والابتعاد عن التحريض والشتائم."],
    ["التعليقات المنشورة لا تعبر عن رأي الصحيفة وإنما عن رأي أصحابها"],
    ["فيسبوك", "تويتر", "واتساب", "طباعة"], ["شارك الخبر:", "فيسبوك تويتر واتساب"], ["تابعونا على تويتر"],
    ["© 2024 صحيفة الضفة"], ["حقوق النشر © 2024 الضفة. كل الحقوق محفوظة."], ["الوسوم: ترام، مدن"],
    ["كلمات مفتاحية", "ترام", "مدن"], ["هذا المحتوى للمشتركين فقط. اشترك الآن لقراءة المقال كاملاً."],
    ["تحقق من أنك إنسان"], ["يرجى كتابة الرمز الظاهر في الصورة"], ["المصدر: رويترز"], ["رابط مختصر", "https://example.org/1"],
    ["من نحن", "اتصل بنا", "سياسة الخصوصية", "شروط الاستخدام"], ["تحميل التطبيق", "App Store", "Google Play"],
]  # fmt: skip


@pytest.mark.parametrize("footer", FOOTERS, ids=lambda footer: footer[0])
def test_footer_leaves_the_body(footer: list[str]) -> None:
    assert read_one(TITLE, *BODY, *footer) == (TITLE, BODY)
    assert read_one(*HEAD, *BODY, *footer) == (TITLE, BODY)


INSERTS = [
    ["إعلان"], ["Advertisement"], ["اشترك في النشرة البريدية لتصلك الأخبار"], [f"اقرأ أيضا: {OTHERS[0]}"],
    ["اقرأ أيضا", *OTHERS], ["هذا المحتوى للمشتركين فقط."],
]  # fmt: skip


@pytest.mark.parametrize("insert", INSERTS, ids=lambda insert: insert[0])
def test_insert_leaves_the_body(insert: list[str]) -> None:
    assert read_one(TITLE, BODY[0], *insert, *BODY[1:]) == (TITLE, BODY)


BODY_LINES = [
    "ما الذي تغير هذا العام؟", "خط المطار", "شارك آلاف السكان في حفل الافتتاح.", "المزيد من الخطوط في العام المقبل.",
    "التعليقات على الخط الجديد كانت طيبة.", "العلامات الحمراء على الرصيف تدل على المحطات.", "اشترك ألف طالب في الرحلة الأولى.",
    "رئيس التحرير في صحيفة المدينة كان أول الركاب، وقال إن الرحلة كانت أسرع مما توقع.",
]  # fmt: skip


@pytest.mark.parametrize("text", BODY_LINES)
def test_line_of_the_body_stays(text: str) -> None:
    assert read_one(TITLE, BODY[0], text, *BODY[1:]) == (TITLE, [BODY[0], text, *BODY[1:]])


@pytest.mark.parametrize(
    "lines",
    [["الرئيسية"], ["الرئيسية", "أوروبا", "اقتصاد", "رياضة"], ["الأحد 10 نوفمبر 2024", "الرئيسية"],
     ["مال وأعمال", "كتاب", "خارج الحدود"], ["الرئيسية", "أوروبا", "TT"]],
    ids=lambda lines: lines[-1],
)  # fmt: skip
def test_page_of_menu_lines_is_refused(lines: list[str], read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes("\n".join(lines).encode(), "page.txt")) == ["unknown_format"]


def test_notice_alone_is_kept_as_saved() -> None:
    notice = ["التحقق من أنك إنسان", "نحتاج إلى مراجعة أمان اتصالك قبل المتابعة."]
    assert read_one(*notice) == (notice[0], notice[1:])


def test_lines_that_a_text_browser_broke_are_joined() -> None:
    words = " ".join(BODY).split()
    broken, current = [], ""
    for word in words:
        if len(current) + len(word) > 78:
            broken, current = [*broken, current], ""
        current = f"{current} {word}".strip()
    text = "\n".join(["• الرئيسية", "• رياضة", "", TITLE, "", *broken, current])
    (article,) = parse(text, sections=SECTIONS)
    assert (article.title, article.text) == (TITLE, " ".join(words))


def test_english_page() -> None:
    body = [
        "The mayor opened the new tram line on Monday after three years of work.",
        "A second line follows.",
    ]
    lines = ["Home", "Sport", "Monday, 10 March 2025", "City opens tram line to the port", *body, "Most read"]
    assert read_one(*lines) == ("City opens tram line to the port", body)


def load_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("saved_pages", ROOT / "benchmarks/saved_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


benchmark = load_benchmark()
PAGES = list(benchmark.read_marked_pages(benchmark.IMITATIONS))
READ_WRONGLY = {"site-54", "site-55", "site-56", "site-58", "site-59"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.site)
def test_marked_page(page: Any) -> None:
    """Each page is one article, and all but the named ones are read as marked."""
    reading = benchmark.read_page(page)
    assert len(reading.titles) == 1
    is_right = (reading.titles, reading.body) == ([page.title], page.body)
    assert is_right != (page.site.split()[0] in READ_WRONGLY)


def test_marked_pages_are_of_many_sites() -> None:
    assert len(PAGES) >= 60
    assert len({page.site.split()[0] for page in PAGES}) >= 40


@given(st.lists(st.sampled_from([*LINES_ABOVE, *BODY, TITLE, DECK, "اقرأ أيضا", "التعليقات", *OTHERS, ""])))
def test_page_without_a_button_is_at_most_one_article(lines: list[str]) -> None:
    articles = parse("\n".join(lines), sections=SECTIONS)
    assert len(articles) <= 1
    kept = [text for article in articles for text in [article.title or "", *article.text.split("\n")] if text]
    cleaned = [" ".join(text.split()) for text in lines]
    assert all(text in cleaned for text in kept), "nothing is made up"
    assert articles or not any(text in BODY for text in lines)


def test_kind_of_any_text() -> None:
    letters = "ابتثجحخ (){}[]«»|•°:.؟!@#/-–ـ…0123456789٠١٢aBc\u200f\u0640\u0651"
    generator = random.Random(3)
    for length in range(200):
        kind_of("".join(generator.choices(letters, k=length)))


@pytest.mark.shared
def test_shared_cases(shared: Path) -> None:
    headline = "فرنسا تحاكم خلية خططت لتفجير محطة قطارات"
    titles = {
        "ticker_as_title": None,
        "one_line_as_title": None,
        "date_as_title": "منتخب البرازيل يفوز ويتأهل",
        "menu_ghost_article": headline,
        "deck_dropped": headline,
        "footer_in_body": headline,
    }
    for name, title in titles.items():
        (article,) = parse((shared / f"cases/{name}.txt").read_text(encoding="utf-8"), sections=SECTIONS)
        assert article.title == title
        assert not {"الأكثر قراءة", "جميع الحقوق محفوظة"} & set(article.text.split("\n"))
        assert ("مراكش" in article.text) == (name == "deck_dropped")
