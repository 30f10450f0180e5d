"""Saved pages: the starter pages, and the ambiguities of the format one by one."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsdesk.base.schema import Article, content_id
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.readers import Limits
from newsdesk.readers.pages.saved_pages import PageArticle, parse

from .conftest import ReadBytes, reasons

ROOT = Path(__file__).parents[2]
SECTIONS = read_taxonomy(ROOT / "data/taxonomy.yaml").sections
PAGES = sorted((ROOT / "data/starter/pages").glob("page-*.txt"))
EXPECTED = [
    json.loads(line) for line in (ROOT / "tests/pages_expected.jsonl").read_text("utf-8").splitlines()
]


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.؟!])\s+|\n", text) if part]


def describe(page: str, number: int, article: PageArticle) -> dict:
    found = sentences(article.text)
    return {
        "page": page,
        "article": number,
        "title": article.title,
        "first_sentence": found[0] if found else "",
        "last_sentence": found[-1] if found else "",
        "n_captions_dropped": len(article.captions),
        "teasers": [
            {"section": t.section, "title": t.title, "summary": t.summary, "byline": t.byline}
            for t in article.teasers
        ],
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_starter_pages(path: Path) -> None:
    expected = [{k: v for k, v in e.items() if k not in ("regions", "topics")} for e in EXPECTED]
    articles = parse(path.read_text(encoding="utf-8"), sections=SECTIONS)
    got = [describe(path.name, i, article) for i, article in enumerate(articles, start=1)]
    assert got == [e for e in expected if e["page"] == path.name]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_line_is_in_one_article(path: Path) -> None:
    """Each line of a page is a title, a marker or in a body, caption or teaser; and nothing else is."""
    text = path.read_text(encoding="utf-8")
    articles = parse(text, sections=SECTIONS)
    markers = {"TT", "مقالات ذات صلة"}
    placed: set[str] = set()
    for article in articles:
        placed |= {article.title, *article.text.split("\n"), *article.captions}
        for t in article.teasers:
            placed |= {t.title, t.summary, t.byline, f"{t.section} {t.caption}".strip()}
    lines = {line.strip() for line in text.splitlines() if line.strip()}
    assert lines - markers == placed - {""}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_blank_lines_mean_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    without = "\n".join(line for line in text.splitlines() if line.strip())
    assert parse(without, sections=SECTIONS) == parse(text, sections=SECTIONS)
    assert parse(text.replace("\n", "\r\n"), sections=SECTIONS) == parse(text, sections=SECTIONS)


TITLE, CAPTION = "افتتاح معرض الكتاب في المدينة", "زوار أمام مدخل المعرض صباح اليوم (رويترز)"
BODY = "فتح المعرض أبوابه أمام الزوار."


def page(*body: str, title: str = TITLE, caption: str = CAPTION) -> str:
    return "\n".join([title, caption, caption, "TT", title, caption, *body])


BODY_LINES = {
    "sub-headline ending in a question mark": "ما الذي تغير هذا العام؟",
    "sub-headline ending in a month's second name": "موعد جديد في فبراير (شباط)",
    "paragraph ending in a weekday": "ويستمر المعرض حتى مساء (الجمعة)",
    "paragraph ending in a colon": "وقال مدير المعرض للصحافيين:",
    "paragraph beginning with a section's name": "آسيا ضيفة الشرف هذا العام، وأوروبا في العام المقبل.",
    "credit within a sentence": "ونقلت وكالة (رويترز) عن المدير أن الدخول مجاني.",
    "credit before a full stop": "وقال المدير إن الدخول مجاني (رويترز).",
    "paragraph without a full stop, an organization in parentheses": "وأضاف أن القرار اتخذ بعد مشاورات طويلة (اتحاد الناشرين)",
    "paragraph without a full stop, an agency in parentheses": "وقالت الإدارة إن المعرض انتهى (رويترز)",
    "item of a list": "- كوب واحد من الماء الفاتر (ربع لتر)",
    "short sub-headline with a name in parentheses": "تنظيم (داعش)",
}


@pytest.mark.parametrize("line", BODY_LINES.values(), ids=BODY_LINES.keys())
def test_body_line_is_kept(line: str) -> None:
    (article,) = parse(page(BODY, line, BODY.replace("فتح", "أغلق")), sections=SECTIONS)
    assert line in article.text.split("\n")


CAPTIONS = {
    "agency": ["مبنى المعرض (أ.ف.ب)"],
    "agency, other spelling": ["مبنى المعرض (ا ف ب)"],
    "archive and agency": ["مبنى المعرض (أرشيفية - رويترز)"],
    "a credit that nobody listed": ["رفوف الكتب في القاعة الكبرى (بلدية المدينة)"],
    "no credit but printed twice": ["رفوف الكتب في القاعة الكبرى", "رفوف الكتب في القاعة الكبرى"],
    "the header's again": [CAPTION],
    "begins with a name in waw": ["ويليام روتو يفتتح المعرض (أ.ب)"],
    "begins with a dual in waw": ["وزيرا الثقافة والتربية يتجولان بين الأجنحة (هيئة المعارض)"],
    "begins with a noun in waw": ["وزيرة الثقافة تتجول بين أجنحة المعرض (هيئة المعارض)"],
    "begins with a section's word": ["العالم المشرف على الجناح العلمي يشرح التجربة (كيودو)"],
}


@pytest.mark.parametrize("lines", CAPTIONS.values(), ids=CAPTIONS.keys())
def test_caption_is_removed(lines: list[str]) -> None:
    (article,) = parse(page(BODY, *lines, BODY.replace("فتح", "أغلق")), sections=SECTIONS)
    assert article.text.split("\n") == [BODY, BODY.replace("فتح", "أغلق")]
    assert article.captions[3:] == tuple(lines)


def test_paragraph_printed_twice_is_kept_once() -> None:
    (article,) = parse(page(BODY, BODY), sections=SECTIONS)
    assert article.text == BODY


def test_teaser_title_of_a_later_article_does_not_split_the_page() -> None:
    later, caption = "بدء موسم الزيتون في الشمال", "مزارع يقطف الزيتون في قرية جبلية (أ.ب)"
    block = ["مقالات ذات صلة", f"بيئة {caption}", later, "قال مزارعون إن المحصول وفير.", "مراسلنا (تونس)"]
    articles = parse(
        page(BODY, *block) + "\n" + page("بدأ القطاف.", title=later, caption=caption), sections=SECTIONS
    )
    assert [a.title for a in articles] == [TITLE, later]
    assert [t.title for t in articles[0].teasers] == [later]
    assert articles[1].text == "بدأ القطاف."


def test_two_blocks_of_related_articles() -> None:
    teaser = ["خاص صورة للقاعة (رويترز)", "جولة في المعرض", "ملخص بلا نقطة (الجمعة)", "مراسلنا (بيروت)"]
    resumed = "آسيا الوسطى ممثلة بجناحين، وفيهما كتب نادرة."
    text = page(BODY, "مقالات ذات صلة", *teaser, resumed, "مقالات ذات صلة", *teaser)
    (article,) = parse(text, sections=SECTIONS)
    assert article.text.split("\n") == [BODY, resumed]
    assert [(t.section, t.summary) for t in article.teasers] == [("خاص", "ملخص بلا نقطة (الجمعة)")] * 2


LATER = "بدء موسم الزيتون في الشمال"


@pytest.mark.parametrize(
    "second",
    [
        [LATER, "TT", "بدأ القطاف."],
        [LATER, "TT", LATER, "بدأ القطاف."],
        [f"{LATER} (تقرير)", "TT", f"{LATER} (تقرير)", "بدأ القطاف."],
    ],
    ids=["one print", "two prints", "a title that ends like a credit"],
)
def test_second_article_without_a_caption(second: list[str]) -> None:
    first, later = parse(page(BODY) + "\n" + "\n".join(second), sections=SECTIONS)
    assert first.text == BODY, "its last sentence is not the title of the other"
    assert (later.title, later.text) == (second[0], "بدأ القطاف.")


@pytest.mark.parametrize(
    "text",
    [page("TT", BODY), page(BODY, "TT"), f"{page()}\nTT\n{BODY}", f"{page()}\n{CAPTION}\nTT\n{BODY}"],
    ids=["after the head", "after the body", "below the second print", "below a caption"],
)
def test_stray_button_is_ignored(text: str) -> None:
    (article,) = parse(text, sections=SECTIONS)
    assert (article.title, article.text) == (TITLE, BODY)


def test_bylines_with_a_colon() -> None:
    block = ["مقالات ذات صلة"]
    for section, city in (("أوروبا", "برلين"), ("آسيا", "طوكيو")):
        block += [
            f"{section} صورة لميناء المدينة (رويترز)",
            f"عنوان من {city}",
            f"ملخص من {city}.",
            f"{city}: «الشرق الأوسط»",
        ]
    (article,) = parse(page(BODY, *block, BODY.replace("فتح", "أغلق")), sections=SECTIONS)
    assert [(t.section, t.title) for t in article.teasers] == [
        ("أوروبا", "عنوان من برلين"),
        ("آسيا", "عنوان من طوكيو"),
    ]
    assert article.text.split("\n") == [BODY, BODY.replace("فتح", "أغلق")]


def test_unknown_section_before_a_repeated_title() -> None:
    block = [
        "مقالات ذات صلة",
        "جولة في المعرض",
        "بروفايل صورة للقاعة (رويترز)",
        "جولة في المعرض",
        "ملخص.",
        "مراسلنا (بيروت)",
    ]
    (article,) = parse(page(BODY, *block), sections=SECTIONS)
    (teaser,) = article.teasers
    assert (teaser.section, teaser.title, teaser.summary) == (None, "جولة في المعرض", "ملخص.")


def test_page_without_button_and_page_without_text() -> None:
    (article,) = parse(f"{TITLE}\n\n{BODY}", sections=SECTIONS)
    assert (article.title, article.text) == (TITLE, BODY)
    assert parse(" \n\n", sections=SECTIONS) == []
    assert parse("TT\nTT", sections=SECTIONS) == []


@given(
    st.lists(
        st.sampled_from(
            [TITLE, CAPTION, BODY, "TT", "مقالات ذات صلة", "أوروبا", "أوروبا قمة (أ.ب)", "كاتب (روما)"]
        )
    )
)
def test_any_order_of_lines_parses(lines: list[str]) -> None:
    articles = parse("\n".join(lines), sections=SECTIONS)
    assert all("TT" not in a.text.split("\n") for a in articles)


@pytest.mark.shared
def test_real_page(shared: Path) -> None:
    (path,) = (shared / "pages").glob("*.txt")
    first, second = parse(path.read_text(encoding="utf-8"), sections=SECTIONS)
    assert [t.section for t in first.teasers] == ["الولايات المتحدة", "أوروبا", "أوروبا", "أوروبا", "أوروبا"]
    assert (len(first.captions), len(second.captions), len(second.teasers)) == (6, 5, 0)
    for article in (first, second):
        lines = article.text.split("\n")
        assert not {"TT", *article.captions} & set(lines)
        assert not any(line.endswith(")") for line in lines), "every caption of this page ends in a credit"


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


def test_article_is_followed_by_its_teasers(read_bytes: ReadBytes) -> None:
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


def test_page_in_windows_1256(read_bytes: ReadBytes) -> None:
    assert read_bytes(PAGE.encode("cp1256"), "page.txt") == read_bytes(PAGE.encode(), "page.txt")


def test_page_that_is_too_long_is_refused(read_bytes: ReadBytes) -> None:
    assert reasons(read_bytes(PAGE.encode() * 3, "page.txt", Limits(max_line_bytes=2000))) == [
        "field_too_large"
    ]
    assert reasons(read_bytes(PAGE.encode(), "page.txt", Limits(max_field_chars=60))) == [
        "field_too_large",
        "ok",
    ]


def test_byte_of_a_broken_page_is_named(read_bytes: ReadBytes) -> None:
    content = PAGE.encode() + b"\xff"
    (refusal,) = read_bytes(content, "page.txt")
    assert (refusal.reason, refusal.position) == ("bad_encoding", 0)  # type: ignore[union-attr]
    assert refusal.detail == f"byte {len(PAGE.encode())} is not valid UTF-8"  # type: ignore[union-attr]
