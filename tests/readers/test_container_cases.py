"""Reported files that were labelled by luck: each is read as what it is, or refused by its name."""

from pathlib import Path

import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.readers import read

CASES = Path(__file__).parent / "cases"
TITLES = [
    "فرنسا تحاكم خلية خططت لتفجير محطة قطارات",
    "بنك اليابان يرفع سعر الفائدة",
    "منتخب البرازيل يفوز ويتأهل",
    "مستشفيات نيويورك تستقبل مزيداً من المصابين بالإنفلونزا",
]
STARTS = ["بدأت محكمة", "رفع بنك اليابان", "فاز منتخب", "أعلنت السلطات"]


@pytest.mark.parametrize(
    ("name", "kind"), [("rss_one_article.xml", "teaser"), ("atom_one_article.xml", "article")]
)
def test_feeds(name: str, kind: str) -> None:
    rows = [row for row in read([CASES / name], sections=()) if isinstance(row, Article)]
    assert [(row.title, row.kind) for row in rows] == [(title, kind) for title in TITLES]
    for row, start in zip(rows, STARTS, strict=True):
        assert row.text.startswith(start)
        assert "<" not in row.text


@pytest.mark.parametrize("name", ["mhtml_not_arabic.mhtml", "md_front_matter.md"])
def test_pages(name: str) -> None:
    (article,) = read([CASES / name], sections=())
    assert isinstance(article, Article)
    assert article.title == TITLES[0]
    assert article.text.startswith(STARTS[0])
    assert article.text.endswith("التهم الموجهة إلى موكليهم.")


def test_lines_of_fasttext() -> None:
    rows = [
        row for row in read([CASES / "fasttext_lines_merged.txt"], sections=()) if isinstance(row, Article)
    ]
    assert [row.title for row in rows] == ["", "", ""]
    starts = (TITLES[1], TITLES[2], STARTS[0])
    assert all(row.text.startswith(start) for row, start in zip(rows, starts, strict=True))


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("docx_labelled.docx", "unknown_format", "a Word document; save it as text"),
        ("warc_title.warc", "truncated", "the length of record 1 of the web archive is wrong"),
        pytest.param(
            "xlsx_labelled.xlsx", "bad_archive", "a workbook that can't be read; save it as CSV: ",
            marks=pytest.mark.integration,
        ),
    ],
)  # fmt: skip
def test_refused_files(name: str, reason: str, detail: str) -> None:
    (refusal,) = read([CASES / name], sections=())
    assert isinstance(refusal, Refusal)
    assert (refusal.position, refusal.reason) == (0, reason)
    assert refusal.detail.startswith(detail)
