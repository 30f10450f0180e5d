"""Cleaning: what is kept, repaired, refused and labelled, and that the counts add up."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.schema import Article, Refusal
from newsdesk.base.settings import Clean
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.corpus.cleaning import Cleaned, clean
from newsdesk.corpus.label_tables import Annotation
from tests.inference.articles import ARABIC as NEWS
from tests.inference.articles import DIRTY

TAXONOMY = read_taxonomy(Path(__file__).parents[2] / "data/taxonomy.yaml")
ARABIC = "أعلنت الحكومة في برلين أن القمة ستُعقد الأسبوع المقبل بحضور وزراء من دول عدة."
OTHERS = {
    "fa": "دولت ایران اعلام کرد که نشست سران هفتهٔ آینده در تهران برگزار می‌شود و وزیران چند کشور در آن شرکت می‌کنند.",
    "ur": "حکومت نے اعلان کیا ہے کہ اجلاس اگلے ہفتے اسلام آباد میں ہوگا جس میں کئی ملکوں کے وزیر شریک ہوں گے۔",
    "en": "The government in Berlin said that the summit would be held next week with ministers from many countries.",
    "fr": "Le gouvernement a annoncé que le sommet se tiendrait la semaine prochaine avec des ministres de plusieurs pays.",
    "ru": "Правительство сообщило, что встреча министров нескольких стран пройдёт на следующей неделе в Берлине.",
    "und": "1 2 3 44 555 6666 77777 12 34 56",
}


def article(article_id: str = "a", text: str = ARABIC, **fields: object) -> Article:
    return replace(Article(article_id, "outlet", "قمة في برلين", text), **fields)


def cleaned(*records: Article | Refusal, label_table: dict | None = None, **params: object) -> Cleaned:
    return clean(records, Clean(**params), TAXONOMY, label_table or {})


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (article(text=""), "empty_text", "no text behind the title"),
        (article(text=" \n\x0b "), "empty_text", "no text behind the title"),
        (article(title="", text="خبر عاجل"), "too_short", "2 words, at least 5 are needed"),
        (
            article(title="", text="هذا المحتوى للمشتركين فقط. سجل الدخول للمتابعة"),
            "stub",
            "a page in place of an article, such as a paywall, a login form or an error",
        ),
        (article(text="كلمة " * 2000), "field_too_large", "9,999 characters, at most 1,000 are read"),
        (article(region=("mars",)), "bad_record", "region 'mars' is not in the taxonomy"),
        (
            article(topic=(), topic_origin="me"),
            "bad_record",
            "topic_origin 'me' is not one of gold, silver, review, editor, section, weak",
        ),
        *(
            (article(title="", text=text), "other_language", "the text is not in Arabic")
            for text in OTHERS.values()
        ),
    ],
)
def test_refused_with_reason(row: Article, reason: str, detail: str) -> None:
    result = cleaned(row, max_chars=1000)
    (refused,) = result.quarantine.to_pylist()
    assert (refused["reason"], refused["detail"], refused["article_id"]) == (reason, detail, "outlet:a")
    assert result.account["refused"] == {reason: 1}


def test_second_row_of_an_id_is_refused() -> None:
    result = cleaned(article(), article(text=ARABIC + " تفاصيل أخرى."))
    assert result.articles["text"].to_pylist() == [ARABIC]
    assert result.quarantine["detail"].to_pylist() == ["an earlier row has the id outlet:a"]


def test_outlets_do_not_share_ids() -> None:
    """Two papers that number their articles from 1, and one wire story that both print without an id."""
    same = [article("1"), article("1", source="other"), article("x", ARABIC[:-9], source="other")]
    result = cleaned(*same)
    assert result.articles["article_id"].to_pylist() == ["outlet:1", "other:1", "other:x"]
    assert set(result.articles["group_id"].to_pylist()) == {"other:1"}, "copies across outlets are one group"


def test_words_are_counted_without_their_marks() -> None:
    vocalized = "".join(letter + "\u064e" if letter.isalpha() else letter for letter in ARABIC)
    assert cleaned(article(title="", text=vocalized)).account["kept"] == 1


def test_repair_changes_entities_and_controls_only() -> None:
    text = f"&quot;{ARABIC}&quot;\x07 &amp; غيره"
    result = cleaned(article("a", text), article("b", ARABIC + " A & B; مُحَمَّدٌ"))
    assert result.articles["text"].to_pylist() == [f'"{ARABIC}" & غيره', ARABIC + " A & B; مُحَمَّدٌ"]
    assert result.account["sources"]["outlet"]["repaired"] == 1


def test_html_is_removed_from_what_is_stored() -> None:
    rows = [article(name, text) for name, text in DIRTY.items()]
    result = cleaned(*rows, article("5 < 6", NEWS + " 5 < 6"))
    assert result.articles["text"].to_pylist() == [*[NEWS] * 5, NEWS + " 5 < 6"]
    assert result.account["sources"]["outlet"]["repaired"] == 5


def test_arabic_with_foreign_names_and_latin_words_is_kept() -> None:
    rows = [
        article("a", ARABIC + " وقالت شركة Volkswagen AG إن مصنع چنگيز في گيلان مغلق."),
        article("b", ARABIC.replace("ي", "ی")),  # a keyboard that writes every yeh as a Farsi one
    ]
    assert cleaned(*rows).account["kept"] == 2


@pytest.mark.parametrize(
    ("row", "region", "origin"),
    [
        (article(key="1"), [], "gold"),
        (article(key="1", region=("asia",), region_origin="gold"), ["asia"], "gold"),
        (article(key="2", country="فلسطين المحتلة"), ["us"], "silver"),
        (article(country="فلسطين المحتلة", section="أوروبا"), ["middle_east"], "editor"),
        (article(section="أوروبا", kind="teaser"), ["europe"], "section"),
        (article(section="العالم", country="بلاد لا يعرفها أحد"), None, None),
    ],
)
def test_the_best_known_label_is_taken_and_null_is_not_empty(
    row: Article, region: list | None, origin: str | None
) -> None:
    result = cleaned(
        row,
        label_table={
            ("outlet", "1"): Annotation((), ("politics",)),
            ("outlet", "2"): Annotation(("us",), ("politics",), "silver"),
        },
    )
    assert result.articles["region"].to_pylist() == [region]
    assert result.articles["region_origin"].to_pylist() == [origin]


def test_evaluation_outlet_is_a_split_of_its_own() -> None:
    result = cleaned(article("a", source="aawsat"), article("b", ARABIC[::-1]))
    assert result.articles["split"][0].as_py() == "evaluation"
    assert result.articles["split"][1].as_py() != "evaluation"


records = st.one_of(
    st.builds(
        Article, st.sampled_from("abcdef"), st.sampled_from(["x", "y"]), st.text(max_size=20),
        st.one_of(st.sampled_from(["", ARABIC, *OTHERS.values()]), st.text(max_size=80)),
    ),
    st.builds(Refusal, st.sampled_from(["x", "z"]), st.just("f"), st.integers(0, 9), st.just("bad_record")),
)  # fmt: skip


@settings(max_examples=20)
@given(st.lists(records, max_size=12))
def test_every_row_is_counted(rows: list[Article | Refusal]) -> None:
    result = cleaned(*rows)
    assert result.articles.num_rows + result.quarantine.num_rows == len(rows)
    for counts in (result.account, *result.account["sources"].values()):
        assert counts["read"] == counts["kept"] + sum(counts["refused"].values())
    assert result.account["read"] == sum(s["read"] for s in result.account["sources"].values()) == len(rows)
    assert set(result.articles["split"].to_pylist()) <= {"train", "valid", "test"}


def test_a_sample_keeps_a_share_and_each_labelled_article() -> None:
    rows = [replace(article(f"a{k}", f"{ARABIC} {k}"), key=f"k{k}") for k in range(200)]
    table = {("outlet", f"k{k}"): Annotation(("europe",), ()) for k in range(20)}
    result = cleaned(*rows, label_table=table, samples={"outlet": 0.3})
    kept = set(result.articles["key"].to_pylist())
    assert {f"k{k}" for k in range(20)} <= kept
    assert 0.2 < (len(kept) - 20) / 180 < 0.4
    assert result.account["refused"] == {"not_selected": 200 - len(kept)}
    again = cleaned(*rows[100:], *rows[:100], label_table=table, samples={"outlet": 0.3})
    assert set(again.articles["key"].to_pylist()) == kept, "the sample depends on the order"
    labelled = replace(rows[-1], region=("europe",), region_origin="gold")
    assert cleaned(labelled, samples={"outlet": 1e-9}).articles.num_rows == 1
