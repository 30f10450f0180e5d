"""Labels of columns equal the scorer's; files hold the same rows in whatever batches they come."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model
from newsdesk.base.schema import Article
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import labeling
from newsdesk.batch.arrow_columns import from_articles
from newsdesk.batch.output_schema import LABELED, PROVENANCE, build_schema, check_carry
from newsdesk.corpus.repair import repair
from newsdesk.inference.scorer import Scorer
from newsdesk.readers import read
from tests import ROOT
from tests.inference.articles import DIRTY


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return read_model(SHIPPED)


@pytest.fixture(scope="module")
def articles(taxonomy: Taxonomy) -> list[Article]:
    """Pages with teasers, and articles that get no label."""
    rows = [
        row
        for row in read([ROOT / "data/starter/pages"], sections=taxonomy.sections)
        if isinstance(row, Article)
    ]
    odd = [
        "",
        "قصير",
        "this is no Arabic text at all",
        "كلمة وكلمة أخرى وثالثة ورابعة وخامسة",
        "&quot;قمة&quot; في برلين",
        *DIRTY.values(),
    ]
    return [*rows[:40], *(Article(str(k), "desk", "", text) for k, text in enumerate(odd))]


@pytest.fixture(scope="module")
def labeled(articles: list[Article], scorer: Scorer, taxonomy: Taxonomy) -> pa.RecordBatch:
    return labeling.label_columns(from_articles(articles), scorer, taxonomy)


def test_labels_scores_and_reasons_equal_the_scorers(
    articles: list[Article], labeled: pa.RecordBatch, scorer: Scorer
) -> None:
    repaired = [repair(article) for article in articles]
    predictions = scorer.predict([a.title for a in repaired], [a.text for a in repaired])
    rows = list(labeling.rows_of(labeled))
    assert {row["reason"] for row in rows} >= {None, "too_short", "not_arabic"}
    assert "section" in {row["region_origin"] for row in rows}
    for article, row, prediction in zip(repaired, rows, predictions, strict=True):
        assert (row["article_id"], row["title"]) == (article.article_id, article.title)
        assert row["region_scores"] == prediction.scores["region"]
        assert row["topic_scores"] == prediction.scores["topic"]
        assert row["topics"] == prediction.labels["topic"]
        assert row["main_topic"] == next(iter(row["topics"]), None)
        assert row["main_region"] == next(iter(row["regions"]), None)
        if row["region_origin"] != "section":
            assert row["regions"] == prediction.labels["region"]
            assert row["reason"] == prediction.reason


def test_a_section_that_the_taxonomy_knows_is_the_region(
    articles: list[Article], labeled: pa.RecordBatch, taxonomy: Taxonomy
) -> None:
    for article, row in zip(articles, labeling.rows_of(labeled), strict=True):
        named = article.kind == "teaser" and article.section and taxonomy.region_of_section(article.section)
        assert (row["region_origin"] == "section") == bool(named)
        if named:
            assert (row["regions"], row["reason"]) == ([named], None)


def test_labels_do_not_depend_on_the_batch(
    articles: list[Article], labeled: pa.RecordBatch, scorer: Scorer, taxonomy: Taxonomy
) -> None:
    halves = [
        labeling.label_columns(from_articles(half), scorer, taxonomy) for half in (articles[:7], articles[7:])
    ]
    assert pa.Table.from_batches(halves).equals(pa.Table.from_batches([labeled]))
    assert labeled.schema == LABELED


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_bytes_do_not_depend_on_the_batches(
    labeled: pa.RecordBatch, form: labeling.OutputFormat, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    labeling.write([labeled], whole, form, LABELED)
    n = labeling.write([labeled.slice(0, 7), labeled.slice(7, 0), labeled.slice(7)], cut, form, LABELED)
    assert n == len(labeled)
    assert whole.read_bytes() == cut.read_bytes()


def test_all_formats_hold_the_same_rows(labeled: pa.RecordBatch, tmp_path: Path) -> None:
    rows = list(labeling.rows_of(labeled))
    for form in ("parquet", "jsonl", "csv"):
        labeling.write([labeled], tmp_path / form, form, LABELED)
    assert pq.read_table(tmp_path / "parquet").to_pylist(maps_as_pydicts="strict") == rows
    lines = (tmp_path / "jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as handle:
        for row, cells in zip(rows, csv.DictReader(handle), strict=True):
            assert cells["topics"] == "|".join(row["topics"])
            assert json.loads(cells["region_scores"]) == row["region_scores"]
            assert cells["reason"] == (row["reason"] or "")


def test_a_job_adds_columns_to_those_of_a_file() -> None:
    names = build_schema(provenance=True, carry=["url"]).names
    assert names == [*LABELED.names, *PROVENANCE.names, "url"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["url", " "], "--carry: a name is empty"),
        (["url", "URL"], "--carry: url is named twice"),
        (["Text"], "--carry: the text is not carried"),
        (["Title"], "--carry: title is a column of the output already"),
    ],
)
def test_names_to_carry_are_checked(names: list[str], message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        check_carry(names)
