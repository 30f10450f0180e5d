"""The real corpora, where they are available."""

from collections import Counter
from pathlib import Path

import pytest

from newsdesk.base.schema import Article
from newsdesk.readers import read

from .conftest import SECTIONS

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    ("file", "articles"),
    [
        ("raw/almayadeen/articles_2023_01.json", {"almayadeen": 600}),
        ("corpora/egypt2013.jsonl.gz", {"shorouknews": 9667, "masrawy": 5796, "elfagr": 3890}),
        ("corpora/asnd", {"asnd": 7243}),
        ("pages", {"pages": 7}),
    ],
)
def test_every_row_is_an_article(shared: Path, file: str, articles: dict[str, int]) -> None:
    rows = list(read([shared / file], sections=SECTIONS))
    assert all(isinstance(row, Article) for row in rows)
    assert Counter(row.source for row in rows).items() >= articles.items()


def test_a_zip_of_saudinewsnet(shared: Path) -> None:
    rows = list(read([shared / "raw/saudinewsnet/2015-07-23.zip"], sections=()))
    assert len(rows) > 1000
    for row in rows:
        assert isinstance(row, Article)
        assert row.article_id == f"{row.source}:{row.url}"
        assert row.published is not None
