"""The corpus of the headline comparison: outlets and a test-only corpus."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.evaluation.labelled_corpus import LabelledCorpus, choose_outlets
from newsdesk.evaluation.outlet_corpus import read_outlet_corpus
from newsdesk.evaluation.splits import leave_outlet_out
from tests.evaluation.made import SETTINGS, write_articles

FAR = SETTINGS.model_copy(update={"outlets": {**SETTINGS.outlets, "far": ("far",)}})


def read(folder: Path, taxonomy: Taxonomy, *, gold: str | None) -> LabelledCorpus:
    """Read the articles and a test-only corpus of two, one of them a copy of an article of outlet north."""
    articles = write_articles(folder / "articles.parquet")
    copied = pq.read_table(articles).to_pylist()[0]
    texts = {"k1": copied["text"], "k2": "خبر آخر لا يحمل أي تصنيف في الجدول"}
    lines = [
        json.dumps({"id": name, "outlet": "far", "title": copied["title"], "text": text})
        for name, text in texts.items()
    ]
    (folder / "far.jsonl").write_text("\n".join(lines), encoding="utf-8")
    table = folder / "gold.tsv"
    if gold is not None:
        table.write_text(f"outlet\tkey\tregions\ttopics\n{gold}", encoding="utf-8")
    return read_outlet_corpus(
        FAR,
        taxonomy,
        articles=articles,
        test_only=folder / "far.jsonl",
        gold=table if table.exists() else None,
    )


def test_a_test_only_corpus_is_its_labelled_articles_and_trains_nothing(
    tmp_path: Path, taxonomy: Taxonomy
) -> None:
    corpus = read(tmp_path, taxonomy, gold="far\tk1\teurope\tpolitics\n")
    split = leave_outlet_out(corpus.columns, "far")
    assert corpus.columns.article_ids[split.test].tolist() == ["far:k1"]
    assert split.train.sum() == 39, "all forty articles but the near-duplicate"
    assert not leave_outlet_out(corpus.columns, "west").train[-1]


@pytest.mark.parametrize(
    ("gold", "message"), [("", r"far\.jsonl: no article has a label in"), (None, "give --gold too")]
)
def test_a_test_only_corpus_needs_labels(
    tmp_path: Path, taxonomy: Taxonomy, gold: str | None, message: str
) -> None:
    with pytest.raises(NewsdeskError, match=message):
        read(tmp_path, taxonomy, gold=gold)


def test_outlets_are_those_of_the_settings_with_articles(tmp_path: Path, taxonomy: Taxonomy) -> None:
    articles = write_articles(tmp_path / "articles.parquet")
    columns = read_outlet_corpus(FAR, taxonomy, articles=articles, test_only=None, gold=None).columns
    assert choose_outlets(columns, FAR) == ["north", "south", "west"]
    assert choose_outlets(columns, FAR, ["far"]) == ["far"]
    with pytest.raises(
        NewsdeskError, match=r"'mars' is not in the settings .*; found north, south, west, far"
    ):
        choose_outlets(columns, FAR, ["mars"])
    with pytest.raises(NewsdeskError, match="list outlets and their sources"):
        choose_outlets(columns, Settings())
