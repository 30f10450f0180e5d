"""Label tables: those of the project are valid, and errors name the line."""

from collections import Counter
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Article, content_id
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.corpus.label_tables import Annotation, label_article, read_label_table

ROOT = Path(__file__).parents[2]
TAXONOMY = read_taxonomy(ROOT / "data/taxonomy.yaml")
HEADER = "outlet\tkey\tregions\ttopics\tconfidence\tbatch"


def test_no_silver_article_is_gold_or_of_the_evaluation_outlet() -> None:
    silver = read_label_table(ROOT / "data/labels/silver.tsv", TAXONOMY, "silver")
    assert {annotation.origin for annotation in silver.values()} == {"silver"}
    assert not silver.keys() & read_label_table(ROOT / "data/labels/gold.tsv", TAXONOMY).keys()
    assert "aawsat" not in {outlet for outlet, _ in silver}


def test_the_gold_table() -> None:
    gold = read_label_table(ROOT / "data/labels/gold.tsv", TAXONOMY)
    outlets = Counter(outlet for outlet, _ in gold)
    assert outlets["skynews"] == 991
    assert outlets["hespress"] == outlets["jawharafm"] == outlets["alkhaleej"] == 150
    assert outlets["okaz"] == 33, "saudi2015/okaz is the source okaz"
    assert "aawsat" not in outlets
    assert gold["alarabiya", "AL-culture-115-20180302"].region == (), "none: labelled, and none applies"
    assert gold["alarabiya", "AL-culture-133-20180306"].region == ("middle_east", "us")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("outlet\tkey\n", "no column regions, topics"),
        (f"{HEADER}\nx\t1\teurope\tspace\th\t1", "gold.tsv:2: 'space' is not in the taxonomy"),
        (f"{HEADER}\nx\t1\teurope\t\th\t1", "gold.tsv:2: an empty label; write 'none' if none applies"),
        (f"{HEADER}\nx\t1\tnone\tsport\th\t1\nx\t1\tus\tsport\th\t1", "gold.tsv:3: x 1 is labelled twice"),
    ],
)
def test_wrong_tables(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "gold.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NewsdeskError, match=message):
        read_label_table(path, TAXONOMY)


def test_missing_and_undecodable(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match="No such file"):
        read_label_table(tmp_path / "none.tsv", TAXONOMY)
    (tmp_path / "bad.tsv").write_bytes(HEADER.encode() + b"\n\xff\xfe")
    with pytest.raises(NewsdeskError, match="not readable"):
        read_label_table(tmp_path / "bad.tsv", TAXONOMY)


def test_an_article_without_a_key_is_known_by_its_content() -> None:
    """`predict` and a review queue use that hash as id; `clean` prefixes it with the source."""
    known_by = content_id("title", "text")
    table = {("paper", known_by): Annotation(("us",), (), "review")}
    article = Article(f"paper:{known_by}", "paper", "title", "text")
    labelled = label_article(article, TAXONOMY, table)
    assert (labelled.region, labelled.topic, labelled.topic_origin) == (("us",), (), "review")
    other = label_article(Article("paper:x", "paper", "title", "text", key="y"), TAXONOMY, table)
    assert other.region is None
