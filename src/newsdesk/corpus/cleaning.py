"""Cleaning of a corpus: repair, refuse, label, group and split, with every row counted."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.base.schema import ARTICLES, MAX_EXCERPT, QUARANTINE, Article, Origin, Reason, Refusal
from newsdesk.base.settings import Clean
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import LabelTable, has_labels, label_article
from newsdesk.corpus.near_duplicates import BATCH, Progress, ShingleSets, assign_splits
from newsdesk.corpus.repair import repair
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.stubs import MAX_STUB_WORDS, is_stub, stub_tokens
from newsdesk.readers.account import Account

KEPT = pa.schema([field for field in ARTICLES if field.name not in ("group_id", "split")])


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
    refused: list[Refusal] = []
    seen: set[str] = set()
    n_repaired: Counter[str] = Counter()
    measure = TextMeasure(settings)
    records = iter(progress(records, "reading"))
    with tempfile.NamedTemporaryFile(suffix=".arrows") as file, measure.shingle_sets as sets:
        with pa.ipc.new_stream(file, KEPT) as stream:
            while batch := [*islice(records, BATCH)]:
                articles = [_prepare(r, taxonomy, homes or {}) for r in batch if isinstance(r, Article)]
                measured = iter(enumerate(zip(articles, measure(articles), strict=True)))
                kept: dict[int, Article] = {}  # by row among those measured
                for record in batch:
                    files.add(record.file, seen=1, lines=record.lines)
                    if isinstance(record, Refusal):
                        refused.append(record)
                        continue
                    row, (article, measures) = next(measured)
                    n_repaired[record.source] += (article.title, article.text) != (record.title, record.text)
                    if refusal := _refuse(article, measures, seen, settings, taxonomy, label_table):
                        refused.append(refusal)
                    else:
                        seen.add(article.article_id)
                        files.add(article.file, kept=1)
                        kept[row] = label_article(article, taxonomy, label_table)
                if kept:
                    measure.add_shingles(kept)
                stream.write_batch(pa.record_batch(_columns([*kept.values()], KEPT), schema=KEPT))
        file.flush()
        table = pa.ipc.open_stream(pa.memory_map(file.name)).read_all()  # on disk, also once deleted
        group_ids = sets.group(table["article_id"].to_pylist(), table["published"].to_pylist(), progress)
    for refusal in refused:
        files.add(refusal.file, refused={refusal.reason: 1})
    table = _add_splits(table, group_ids, settings)
    quarantine = pa.table(_columns(refused, QUARANTINE), schema=QUARANTINE)
    counts = _count_rows(table, refused, n_repaired, label_table)
    return Cleaned(table, quarantine, counts, files)


def _columns(records: Sequence[Article | Refusal], schema: pa.Schema) -> dict[str, list[Any]]:
    return {name: [getattr(record, name) for record in records] for name in schema.names}


class Measures(NamedTuple):
    """What decides whether an article is kept."""

    n_words: int
    has_stub_word: bool  # whether it has a word of which each stub holds one
    is_arabic: bool


class TextMeasure:
    """Measure many articles at once, and hash the word triples of those that are kept."""

    def __init__(self, settings: Clean) -> None:
        normalize = build_normalizer(Normalization())
        self._engine = Engine(normalize=normalize, maps=build_maps(normalize), marked=stub_tokens(normalize))
        self._max_chars = settings.max_chars  # a longer text counts as none
        self.shingle_sets = ShingleSets(
            self._engine, normalize, min_jaccard=settings.min_jaccard, seed=settings.seed
        )

    def __call__(self, articles: Sequence[Article]) -> Iterator[Measures]:
        """Return the measures of each article."""
        titles = [a.title for a in articles]
        texts = [a.text if len(a.text) <= self._max_chars else "" for a in articles]
        batch = self._engine.scan(titles, texts)
        self._tokens = batch.articles.texts
        arabic = batch.is_arabic(lambda row: f"{titles[row]}\n{texts[row]}")
        columns = batch.n_tokens(), self._engine.has_marked(batch), arabic
        return map(Measures, *(column.tolist() for column in columns))

    def add_shingles(self, kept: Mapping[int, Article]) -> None:
        """Add the texts of some articles that were measured last, by row, to `shingle_sets`."""
        rows = np.array([*kept], np.int64)
        tokens = self._tokens
        chosen = tokens._replace(starts=tokens.starts[rows], stops=tokens.stops[rows])
        self.shingle_sets.add([article.text for article in kept.values()], chosen)


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


def _refuse(
    article: Article, measures: Measures, seen: set[str], settings: Clean, taxonomy: Taxonomy,
    label_table: LabelTable,
) -> Refusal | None:  # fmt: skip
    """Return the refusal of an article, None if it is kept."""
    place = article.source, article.file, article.position
    if not is_sampled(article, settings, label_table):
        detail = "outside of the sample of its source (clean.samples)"
        return Refusal(*place, "not_selected", detail, article.article_id)
    if fault := find_fault(article, measures, seen, settings, taxonomy):
        excerpt = (article.title or article.text)[:MAX_EXCERPT]
        return Refusal(*place, *fault, article.article_id, excerpt)
    return None


def find_fault(
    article: Article, measures: Measures, seen: set[str], settings: Clean, taxonomy: Taxonomy
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
    may_be_stub = measures.has_stub_word and measures.n_words <= MAX_STUB_WORDS
    if may_be_stub and is_stub(article.title, article.text):
        return "stub", "a page in place of an article, such as a paywall, a login form or an error"
    if measures.n_words < settings.min_words:
        return "too_short", f"{measures.n_words} words, at least {settings.min_words} are needed"
    if not measures.is_arabic:
        return "other_language", "the text is not in Arabic"
    return None


def _add_splits(kept: pa.Table, group_ids: Sequence[str], settings: Clean) -> pa.Table:
    """Add the columns of groups and splits."""
    splits = assign_splits(
        group_ids, valid_share=settings.valid_share, test_share=settings.test_share, seed=settings.seed
    )
    used = [
        "evaluation" if source in settings.evaluation_outlets else split
        for source, split in zip(kept["source"].to_pylist(), splits, strict=True)
    ]
    return pa.table(
        [*kept.columns, pa.array(group_ids, pa.string()), pa.array(used, pa.string())], schema=ARTICLES
    )


def _count_rows(
    articles: pa.Table, refused: list[Refusal], n_repaired: Counter[str], label_table: LabelTable
) -> dict[str, Any]:
    """Count rows by source (read = kept + refused by reason), and the splits and labels of those kept."""
    counted = ["kind", "group_id", "split", "region_origin", "topic_origin"]
    kept: defaultdict[str, dict[str, Counter[str]]] = defaultdict(
        lambda: {name: Counter() for name in counted}
    )
    found: set[tuple[str, str]] = set()
    for batch in articles.to_batches():
        columns = (batch[name].to_pylist() for name in ("source", "key", *counted))
        for source, key, *values in zip(*columns, strict=True):
            for name, value in zip(counted, values, strict=True):
                kept[source][name][value] += 1
            if (source, key) in label_table:
                found.add((source, key))
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for refusal in refused:
        reasons[refusal.source].append(refusal.reason)
    sources = {
        source: {
            "read": kept[source]["kind"].total() + len(reasons[source]),
            "kept": kept[source]["kind"].total(),
            "refused": _count(reasons[source]),
            "repaired": n_repaired[source],
            "teasers": kept[source]["kind"]["teaser"],
            "groups": len(kept[source]["group_id"]),
            "splits": _count(kept[source]["split"]),
            "region_origins": _count(kept[source]["region_origin"]),
            "topic_origins": _count(kept[source]["topic_origin"]),
        }
        for source in sorted({*kept, *reasons})
    }
    n_found: Counter[str] = Counter(label_table[key].origin for key in found)
    n_labels = _count(annotation.origin for annotation in label_table.values())
    group_sizes: Counter[str] = Counter()
    for counts in kept.values():
        group_sizes.update(counts["group_id"])
    return {
        "read": articles.num_rows + len(refused),
        "kept": articles.num_rows,
        "refused": _count(refusal.reason for refusal in refused),
        "groups": len(group_sizes),
        "articles_in_groups_of_several": sum(n for n in group_sizes.values() if n > 1),
        **{
            origin: {"labels": n, "found": n_found[origin], "not_found": n - n_found[origin]}
            for origin, n in n_labels.items()
        },
        "sources": sources,
    }


def _count(names: Iterable[str | None] | Mapping[str | None, int]) -> dict[str, int]:
    """Count each name, in alphabetical order; None is left out."""
    return dict(sorted((name, n) for name, n in Counter(names).items() if name))
