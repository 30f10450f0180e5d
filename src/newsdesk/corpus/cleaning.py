"""Cleaning of a corpus: repair, refuse, label, group and split, with every row counted."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import pyarrow as pa

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.base.schema import ARTICLES, MAX_EXCERPT, QUARANTINE, Article, Origin, Reason, Refusal
from newsdesk.base.settings import Clean
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import LabelTable, has_labels, label_article
from newsdesk.corpus.near_duplicates import assign_splits, group_articles
from newsdesk.corpus.repair import repair
from newsdesk.inference.stubs import MAX_STUB_WORDS, is_stub
from newsdesk.inference.text import is_arabic, tokenize
from newsdesk.readers.account import Account

Progress = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The tables of `clean` (schemas in `newsdesk.base.schema`), and the counts of their rows."""

    articles: pa.Table
    quarantine: pa.Table
    account: dict[str, Any]
    files: Account


def clean(
    records: Iterable[Article | Refusal],
    settings: Clean,
    taxonomy: Taxonomy,
    label_table: LabelTable,
    *,
    homes: Mapping[str, str] | None = None,
    files: Account | None = None,
    progress: Progress = lambda items, name: items,
) -> Cleaned:
    """Keep or refuse each record, so that it is in exactly one of the two tables, and count it in `files`.

    `homes` are the home countries by source. `progress` gets the items and the name of each long loop, and
    passes the items through.
    """
    files = Account() if files is None else files
    kept: list[Article] = []
    refused: list[Refusal] = []
    seen: set[str] = set()
    n_repaired: Counter[str] = Counter()
    for record in progress(records, "reading"):
        files.add(record.file, seen=1, lines=record.lines)
        if isinstance(record, Refusal):
            refused.append(record)
            continue
        repaired = repair(record)
        n_repaired[record.source] += repaired is not record
        # no two sources share an id
        prefix = f"{record.source}:"
        article = replace(
            repaired,
            article_id=prefix + repaired.article_id.removeprefix(prefix),
            home=_find_home(record, taxonomy, homes or {}),
        )
        place = article.source, article.file, article.position
        if not is_sampled(article, settings, label_table):
            detail = "outside of the sample of its source (clean.samples)"
            refused.append(Refusal(*place, "not_selected", detail, article.article_id))
        elif reason_and_detail := find_refusal_reason(article, seen, settings, taxonomy):
            excerpt = (article.title or article.text)[:MAX_EXCERPT]
            refused.append(Refusal(*place, *reason_and_detail, article.article_id, excerpt))
        else:
            seen.add(article.article_id)
            kept.append(label_article(article, taxonomy, label_table))
    for article in kept:
        files.add(article.file, kept=1)
    for refusal in refused:
        files.add(refusal.file, refused={refusal.reason: 1})
    articles = _group_and_split(kept, settings, progress)
    quarantine = pa.Table.from_pylist([_row(r, QUARANTINE) for r in refused], schema=QUARANTINE)
    counts = _count_rows(articles, refused, n_repaired, label_table)
    return Cleaned(articles, quarantine, counts, files)


def is_sampled(article: Article, settings: Clean, label_table: LabelTable) -> bool:
    """Return whether an article belongs to the sample of its source, or is labelled."""
    share = settings.samples.get(article.source, 1.0)
    if share == 1 or has_labels(article, label_table):
        return True
    digest = hashlib.sha256(f"sample:{settings.seed}:{article.article_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _find_home(article: Article, taxonomy: Taxonomy, homes: Mapping[str, str]) -> str | None:
    """Return the home of an article: its own if it is a country of the taxonomy, or that of its source."""
    own = article.home or ""
    return own.strip().upper() if taxonomy.is_country(own) else homes.get(article.source)


def find_refusal_reason(
    article: Article, seen: set[str], settings: Clean, taxonomy: Taxonomy
) -> tuple[Reason, str] | None:
    """Find the reason and detail for which an article is refused, None if it is kept; `seen` are ids kept."""
    for task, labels, origin in (
        ("region", article.region, article.region_origin),
        ("topic", article.topic, article.topic_origin),
    ):
        known = taxonomy.labels_of(task)
        if unknown := [label for label in labels or () if label not in known]:
            return "bad_record", f"{task} {unknown[0]!r} is not in the taxonomy"
        if labels is not None and origin not in get_args(Origin):
            return "bad_record", f"{task}_origin {origin!r} is not one of {', '.join(get_args(Origin))}"
    if not article.text:
        return "empty_text", "no text" + (" behind the title" if article.title else " and no title")
    if len(article.text) > settings.max_chars:
        return "field_too_large", f"{len(article.text):,} characters, at most {settings.max_chars:,} are read"
    if article.article_id in seen:
        return "duplicate_id", f"an earlier row has the id {article.article_id}"
    whole = f"{article.title}\n{article.text}"
    n_words = len(tokenize(normalize(whole, Normalization())))
    if n_words <= MAX_STUB_WORDS and is_stub(article.title, article.text):
        return "stub", "a page in place of an article, such as a paywall, a login form or an error"
    if n_words < settings.min_words:
        return "too_short", f"{n_words} words, at least {settings.min_words} are needed"
    if not is_arabic(whole):
        return "other_language", "the text is not in Arabic"
    return None


def _group_and_split(kept: list[Article], settings: Clean, progress: Progress) -> pa.Table:
    group_ids = group_articles(
        [a.article_id for a in kept],
        progress((a.text for a in kept), "grouping"),
        [a.published for a in kept],
        min_jaccard=settings.min_jaccard,
        seed=settings.seed,
    )
    splits = assign_splits(
        group_ids, valid_share=settings.valid_share, test_share=settings.test_share, seed=settings.seed
    )
    rows = []
    for article, group_id, split in zip(kept, group_ids, splits, strict=True):
        used = "evaluation" if article.source in settings.evaluation_outlets else split
        rows.append(_row(article, ARTICLES) | {"group_id": group_id, "split": used})
    return pa.Table.from_pylist(rows, schema=ARTICLES)


def _row(record: Article | Refusal, schema: pa.Schema) -> dict[str, Any]:
    return {name: getattr(record, name, None) for name in schema.names}


def _count_rows(
    articles: pa.Table, refused: list[Refusal], n_repaired: Counter[str], label_table: LabelTable
) -> dict[str, Any]:
    """Count rows by source (read = kept + refused by reason), and the splits and labels of those kept."""
    names = ["source", "key", "kind", "group_id", "split", "region_origin", "topic_origin"]
    rows = articles.select(names).to_pylist()
    kept: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        kept[row["source"]].append(row)
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for refusal in refused:
        reasons[refusal.source].append(refusal.reason)
    sources = {
        source: {
            "read": len(kept[source]) + len(reasons[source]),
            "kept": len(kept[source]),
            "refused": _count(reasons[source]),
            "repaired": n_repaired[source],
            "teasers": sum(row["kind"] == "teaser" for row in kept[source]),
            "groups": len({row["group_id"] for row in kept[source]}),
            "splits": _count(row["split"] for row in kept[source]),
            "region_origins": _count(row["region_origin"] for row in kept[source]),
            "topic_origins": _count(row["topic_origin"] for row in kept[source]),
        }
        for source in sorted(kept.keys() | reasons.keys())
    }
    found = {(row["source"], row["key"]) for row in rows} & label_table.keys()
    n_found: Counter[str] = Counter(label_table[key].origin for key in found)
    n_labels = _count(annotation.origin for annotation in label_table.values())
    group_sizes = Counter(row["group_id"] for row in rows)
    return {
        "read": len(rows) + len(refused),
        "kept": len(rows),
        "refused": _count(refusal.reason for refusal in refused),
        "groups": len(group_sizes),
        "articles_in_groups_of_several": sum(n for n in group_sizes.values() if n > 1),
        **{
            origin: {"labels": n, "found": n_found[origin], "not_found": n - n_found[origin]}
            for origin, n in n_labels.items()
        },
        "sources": sources,
    }


def _count(names: Iterable[str | None]) -> dict[str, int]:
    """Count each name, in alphabetical order; None is left out."""
    return dict(sorted(Counter(name for name in names if name).items()))
