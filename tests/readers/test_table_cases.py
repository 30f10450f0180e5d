"""Tables from bug reports: what is read of each, and what is refused."""

from pathlib import Path

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import read

CASES = Path(__file__).parent / "cases"
TITLES = [
    "فرنسا تحاكم خلية خططت لتفجير محطة قطارات",
    "بنك اليابان يرفع سعر الفائدة",
    "منتخب البرازيل يفوز ويتأهل",
]


def rows_of(name: str) -> tuple[list[Article], list[Refusal]]:
    rows = list(read([CASES / name], sections=()))
    articles = [row for row in rows if isinstance(row, Article)]
    return articles, [row for row in rows if isinstance(row, Refusal)]


@pytest.mark.parametrize(
    ("name", "read_ids", "refused"),
    [
        ("tsv_quote_swallows.tsv", ["2", "3"], [1]),
        ("csv_quote_swallows.csv", ["2", "3"], [1]),
        ("csv_quote_rows_uncounted2.csv", ["1", "3", "4"], [2]),
    ],
)
def test_a_stray_quote_costs_its_own_line(name: str, read_ids: list[str], refused: list[int]) -> None:
    articles, refusals = rows_of(name)
    assert [article.article_id for article in articles] == read_ids
    assert [refusal.position for refusal in refusals] == refused
    assert all(refusal.detail.startswith("broken quoting in line ") for refusal in refusals)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("dup_text_column.csv", "several columns mean the text: text, text; rename or remove one"),
        ("dup_title_case.csv", "several columns mean the title: title, Title; name one with --title-column"),
        ("dup_text_case.parquet", "several columns mean the text: text, Text; name one with --text-column"),
    ],
)
def test_two_columns_of_one_meaning_are_an_error(name: str, detail: str) -> None:
    articles, refusals = rows_of(name)
    assert not articles
    assert [(refusal.position, refusal.detail) for refusal in refusals] == [(0, detail)]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("title_rlm_header.csv", "1234"),
        ("double_bom_id.csv", "1234"),
        ("double_bom_title.csv", None),
        ("bidi_text_header.csv", "1234"),
        ("json_caps_keys.jsonl", "1234"),
        ("excel_sep_line.csv", "1234"),
        ("float_ids.jsonl", "1234"),
        ("bom_inside_jsonl.jsonl", None),
    ],
)
def test_all_rows_are_read_with_titles_and_identifiers(name: str, ids: str | None) -> None:
    articles, refusals = rows_of(name)
    assert not refusals
    assert [article.title for article in articles[:3]] == TITLES
    assert len(articles) == 4
    assert all(article.title and article.text for article in articles)
    if ids:
        assert [article.article_id for article in articles] == list(ids)


def test_a_key_with_a_capital_letter_holds_the_title() -> None:
    (article,), _ = rows_of("json_Title_lost.jsonl")
    assert article.title.startswith("بنك اليابان")


def test_whole_numbers_of_a_float_column_are_identifiers() -> None:
    articles, _ = rows_of("float_ids_nan.parquet")
    ids = [article.article_id for article in articles]
    assert [ids[0], *ids[2:]] == ["1", "3", "4"]
    assert len(ids[1]) == 16  # the hash of a row without an identifier
