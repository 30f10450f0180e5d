"""Cleaning of a corpus: repair, refuse, label, group and split, with every row counted."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, get_args

import pyarrow as pa

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.base.schema import ARTICLES, MAX_EXCERPT, QUARANTINE, Article, Origin, Reason, Refusal
from newsdesk.base.settings import Clean
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import LabelTable, has_labels, label_article
from newsdesk.corpus.near_duplicates import BATCH, assign_splits, group_articles
from newsdesk.corpus.repair import repair
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.stubs import MAX_STUB_WORDS, is_stub
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
    measure = TextMeasure(settings.max_chars)
    records = iter(progress(records, "reading"))
    while batch := [*islice(records, BATCH)]:
        articles = [_prepare(r, taxonomy, homes or {}) for r in batch if isinstance(r, Article)]
        measured = iter(zip(articles, *measure(articles), strict=True))
        for record in batch:
            files.add(record.file, seen=1, lines=record.lines)
            if isinstance(record, Refusal):
                refused.append(record)
                continue
            article, n_words, arabic = next(measured)
            n_repaired[record.source] += (article.title, article.text) != (record.title, record.text)
            place = article.source, article.file, article.position
            if not is_sampled(article, settings, label_table):
                detail = "outside of the sample of its source (clean.samples)"
                refused.append(Refusal(*place, "not_selected", detail, article.article_id))
            elif fault := find_fault(article, seen, settings, taxonomy, n_words=n_words, arabic=arabic):
                excerpt = (article.title or article.text)[:MAX_EXCERPT]
                refused.append(Refusal(*place, *fault, article.article_id, excerpt))
            else:
                seen.add(article.article_id)
                kept.append(label_article(article, taxonomy, label_table))
    for article in kept:
        files.add(article.file, kept=1)
    for refusal in refused:
        files.add(refusal.file, refused={refusal.reason: 1})
    table = _group_and_split(kept, settings, progress)
    quarantine = pa.Table.from_pylist([_row(r, QUARANTINE) for r in refused], schema=QUARANTINE)
    counts = _count_rows(table, refused, n_repaired, label_table)
    return Cleaned(table, quarantine, counts, files)


class TextMeasure:
    """Count the words of many articles at once, and tell which are in Arabic."""

    def __init__(self, max_chars: int) -> None:
        normalize = build_normalizer(Normalization())
        self._engine = Engine(normalize=normalize, maps=build_maps(normalize))
        self._max_chars = max_chars  # a longer text counts as none

    def __call__(self, articles: Sequence[Article]) -> tuple[list[int], list[bool]]:
        """Return the number of words of each article, and whether it is in Arabic."""
        titles = [a.title for a in articles]
        texts = [a.text if len(a.text) <= self._max_chars else "" for a in articles]
        batch = self._engine.scan(titles, texts)
        arabic = batch.is_arabic(lambda row: f"{titles[row]}\n{texts[row]}")
        return batch.n_tokens().tolist(), arabic.tolist()


def _prepare(record: Article, taxonomy: Taxonomy, homes: Mapping[str, str]) -> Article:
    """Repair an article, and complete its identifier and home; no two sources share an identifier."""
    article = repair(record)
    prefix = f"{record.source}:"
    return replace(
        article,
        article_id=prefix + record.article_id.removeprefix(prefix),
        home=_find_home(record, taxonomy, homes),
    )


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


def find_fault(
    article: Article, seen: set[str], settings: Clean, taxonomy: Taxonomy, *, n_words: int, arabic: bool
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
    if n_words <= MAX_STUB_WORDS and is_stub(article.title, article.text):
        return "stub", "a page in place of an article, such as a paywall, a login form or an error"
    if n_words < settings.min_words:
        return "too_short", f"{n_words} words, at least {settings.min_words} are needed"
    if not arabic:
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
