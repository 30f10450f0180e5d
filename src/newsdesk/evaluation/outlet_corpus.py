"""The corpus of the headline comparison: cleaned articles, and a corpus that is tested only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from newsdesk import readers
from newsdesk.base.console import progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table
from newsdesk.base.schema import ARTICLES, Article
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.cleaning import clean
from newsdesk.corpus.label_tables import read_label_table
from newsdesk.corpus.near_duplicates import group_articles
from newsdesk.evaluation.labelled_corpus import LabelledCorpus, build_labelled_corpus


def read_outlet_corpus(
    settings: Settings, taxonomy: Taxonomy, *, articles: Path, test_only: Path | None, gold: Path | None,
    homes: Mapping[str, str] | None = None,
) -> LabelledCorpus:  # fmt: skip
    """Read the cleaned articles, and behind them those of a test-only corpus, which needs gold labels.

    `homes` are the home countries of the sources of the test-only corpus.
    """
    table = read_table(articles, ARTICLES)
    n_trainable = table.num_rows
    if test_only:
        added = read_test_only(test_only, gold, settings, taxonomy, homes)
        table = pa.concat_tables([table, join_groups(added, table, settings)])
    return build_labelled_corpus(table, taxonomy, settings, n_trainable=n_trainable)


def read_test_only(
    path: Path, gold: Path | None, settings: Settings, taxonomy: Taxonomy, homes: Mapping[str, str] | None
) -> pa.Table:
    """Read and clean the articles of a corpus that the gold table labels."""
    if gold is None:
        raise NewsdeskError("--test-only needs the labels of its articles; give --gold too")
    table = read_label_table(gold, taxonomy)
    records = (
        record
        for record in readers.read([path], sections=taxonomy.sections, corpora=settings.corpora)
        if isinstance(record, Article) and (record.source, record.key) in table
    )
    articles = clean(records, settings.clean, taxonomy, table, homes=homes).articles
    if not articles.num_rows:
        raise NewsdeskError(f"{path}: no article has a label in {gold}")
    return articles


def join_groups(added: pa.Table, articles: pa.Table, settings: Settings) -> pa.Table:
    """Give each added article the group of a labelled near-duplicate, so that this one does not train."""
    with_label = articles["region"].is_valid().to_numpy() | articles["topic"].is_valid().to_numpy()
    labelled = articles.filter(pa.array(with_label))
    both = pa.concat_tables([added, labelled]).select(["article_id", "text", "published"]).to_pydict()
    found = group_articles(
        both["article_id"],
        progress(both["text"], "grouping"),
        both["published"],
        min_jaccard=settings.clean.min_jaccard,
        seed=settings.clean.seed,
    )
    group_of = dict(zip(found[added.num_rows :], labelled["group_id"].to_pylist(), strict=True))
    names = pa.array([group_of.get(name, name) for name in found[: added.num_rows]], pa.string())
    return added.set_column(ARTICLES.get_field_index("group_id"), ARTICLES.field("group_id"), names)
