"""Raw files to cleaned and grouped articles: JSON lines and Parquet, beside datasketch and rensa.

Articles are made; each run is a process of its own on one core. The peers do less: they read one column, cut
words at spaces and group by MinHash alone (128 permutations, word triples, a threshold of 0.5), as their
manuals show it. How good the groups are is measured on real articles, against those of every pair compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from corpus import SCHEMA, Corpus, made, real
from harness import ROOT, Row, add_size_options, build_parser, check, fresh, note, peak_memory, write_results

SIZES = (10_000, 100_000, 1_000_000)
MIN_JACCARD = 0.5
GIGABYTE = 1e9

Array = np.ndarray[Any, np.dtype[np.int64]]


def write(corpus: Corpus, articles: int, path: Path) -> None:
    """Write the first so many articles in the format of the file's suffix; all of a corpus are there."""
    if articles == corpus.articles and path.suffix == corpus.path.suffix:
        path.symlink_to(corpus.path)
        return
    batches = corpus.batches(articles, SCHEMA.names)
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]))
    else:
        with path.open("w", encoding="utf-8") as lines:
            for batch in batches:
                lines.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in batch.to_pylist())


def run_newsdesk(path: Path) -> Row:
    """Read, check, group and split."""
    from newsdesk import readers
    from newsdesk.base.settings import Clean
    from newsdesk.base.taxonomy import read_taxonomy
    from newsdesk.corpus.cleaning import clean

    taxonomy = read_taxonomy(ROOT / "data/taxonomy.yaml")
    cleaned = clean(
        readers.read([path], sections=taxonomy.sections), Clean(min_jaccard=MIN_JACCARD), taxonomy, {}
    )
    return {"articles": cleaned.account["read"], "groups": cleaned.account["groups"]}


def triples(words: Sequence[str]) -> list[str]:
    """The runs of three words; a shorter text is one."""
    return [" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))]


def components(pairs: Sequence[tuple[int, int]], n: int) -> Array:
    """The number of each of `n` texts' group, given which belong together."""
    i, j = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return sp.csgraph.connected_components(sp.coo_matrix((np.ones(len(i)), (i, j)), (n, n)))[1]


def group_datasketch(texts: Iterable[str], n: int) -> Array:
    """Two in a bucket are near-duplicates."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=MIN_JACCARD, num_perm=128)
    pairs = []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([triple.encode() for triple in triples(text.split())])
        pairs += [(i, other) for other in index.query(sketch)]
        index.insert(i, sketch)
    return components(pairs, n)


def group_rensa(texts: Iterable[str], n: int) -> Array:
    """A text joins those kept before it that its sketch is similar to."""
    from rensa import RMinHash, RMinHashDeduplicator

    index = RMinHashDeduplicator(threshold=MIN_JACCARD, num_perm=128, use_lsh=True)
    pairs = []
    for i, text in enumerate(texts):
        sketch = RMinHash(num_perm=128, seed=42)
        sketch.update(triples(text.split()))
        if not index.add(str(i), sketch):
            pairs += [(i, int(other)) for other in index.get_duplicates(sketch)]
    return components(pairs, n)


def group_newsdesk(texts: Iterable[str], n: int) -> Array:
    """The groups of `clean`."""
    from newsdesk.corpus.near_duplicates import group_articles

    ids = [str(i) for i in range(n)]
    names = group_articles(ids, texts, [None] * n, min_jaccard=MIN_JACCARD, seed=0)
    return np.unique(names, return_inverse=True)[1]


def group_exactly(texts: Iterable[str]) -> Array:
    """The groups that our definition asks for, every pair with a triple in common compared."""
    from featurize import fold_tokens
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        analyzer=lambda text: triples(fold_tokens(text).split()), binary=True, dtype=np.int32
    )
    X = counter.fit_transform(texts)
    sizes, transposed = np.diff(X.indptr), X.T.tocsr()
    pairs = []
    for start in range(0, X.shape[0], 500):
        common = (X[start : start + 500] @ transposed).tocoo()
        i, j = common.row + start, common.col
        near = common.data >= MIN_JACCARD * (sizes[i] + sizes[j] - common.data)
        pairs += [*zip(i[near].tolist(), j[near].tolist(), strict=True)]
    return components(pairs, X.shape[0])


def run_grouper(group: Callable[[Iterable[str], int], Array], path: Path) -> Row:
    """Group the texts of a file."""
    groups = group(_texts(path), pq.read_metadata(path).num_rows)
    return {"articles": len(groups), "groups": len(np.unique(groups))}


def _texts(path: Path) -> Iterator[str]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["text"]):
            yield from batch["text"].to_pylist()


PEERS = {"datasketch": group_datasketch, "rensa": group_rensa}
OURS = "newsdesk, groups alone"
GROUPERS = {OURS: group_newsdesk, **PEERS}


def count_pairs(*groups: Array) -> int:
    """Pairs of texts that are together in each of the groupings."""
    sizes = np.unique(np.stack(groups), axis=1, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def compare_groups(corpus: Corpus) -> list[Row]:
    """Pairs that each system joins in a corpus, and how many of them and of the exact ones are right."""
    texts = [text for text in corpus.table()["text"].to_pylist() if text.split()]
    note(f"grouping {len(texts):,} articles of {corpus.name}")
    exact = group_exactly(texts)
    rows: list[Row] = [{"system": "every pair compared", "texts": len(texts), "pairs": count_pairs(exact)}]
    for system, group in GROUPERS.items():
        own = group(texts, len(texts))
        common, pairs = count_pairs(own, exact), count_pairs(own)
        figures = {"pairs": pairs, "precision": common / pairs, "recall": common / rows[0]["pairs"]}
        note(f"  {system}: {figures}")
        rows.append({"system": system, **figures})
    return rows


def run_alone(job: Row) -> None:
    """What a process of its own does: warm up, run, print the figures as JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = partial(run_grouper, GROUPERS[job["system"]]) if job["system"] in GROUPERS else run_newsdesk
    run(Path(job["few"]))
    started, cpu_started = time.perf_counter(), time.process_time()
    figures = run(Path(job["path"]))
    spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}
    print(json.dumps({**figures, **spent, "peak_bytes": peak_memory()}))  # noqa: T201


def measure(corpus: Corpus, options: argparse.Namespace, folder: Path) -> list[Row]:
    """Every system at every size; a peer stops where the next size would take it too long."""
    rows: list[Row] = []
    last: dict[str, float] = {}  # seconds an article
    jobs = [("newsdesk", "parquet"), ("newsdesk", "jsonl"), *((system, "parquet") for system in GROUPERS)]
    for articles in options.sizes:
        for form in ("parquet", "jsonl"):
            write(corpus, articles, folder / f"{articles}.{form}")
        for repeat in range(options.repeats):
            for system, form in jobs:
                if system in GROUPERS and last.get(system, 0) * articles > options.patience:
                    continue
                row = run_fresh(system, folder / f"{articles}.{form}", corpus, repeat=repeat)
                last[system] = row["seconds"] / articles
                rows.append(row)
    return rows


def run_fresh(system: str, path: Path, corpus: Corpus, *, repeat: int = 0) -> Row:
    """What a process of its own says, which cleans or groups a few articles before it is measured."""
    few = path.with_stem("few")
    if not few.exists():
        write(corpus, 100, few)
    job = {"system": system, "path": str(path), "few": str(few)}
    figures: Row = json.loads(fresh(__file__, "--job", json.dumps(job))[0])
    rate, memory = figures["articles"] / figures["cpu_seconds"], figures["peak_bytes"] / 1e6
    note(
        f"  {figures['articles']:>10,} {path.name}, {system}: {rate:,.0f} articles a second, {memory:,.0f} MB"
    )
    return {"system": system, "format": path.suffix[1:], "repeat": repeat, **figures}


def add_once(path: Path, articles: int, seed: int) -> None:
    """Clean so many articles once, from Parquet, and add what was measured to the results."""
    corpus = made(articles, seed)
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, f"{articles}.parquet")
        write(corpus, articles, large)
        row = run_fresh("newsdesk", large, corpus)
    content = json.loads(path.read_text(encoding="utf-8"))
    write_results(
        path,
        {**content, "corpora": [*content["corpora"], corpus.describe()], "rows": [*content["rows"], row]},
    )


def judge(rows: list[Row], groups: list[Row], largest: int) -> list[Row]:
    """Whether an article costs little, formats read alike, memory stays small and groups are right."""

    def rate(size: int, **named: Any) -> float:
        own = [r for r in rows if r["articles"] == size and r.items() >= named.items()]
        return statistics.median(size / row["cpu_seconds"] for row in own)

    parquet, lines = (rate(largest, system="newsdesk", format=form) for form in ("parquet", "jsonl"))
    own_peaks = (r["peak_bytes"] for r in rows if (r["system"], r["articles"]) == ("newsdesk", largest))
    checks = [
        check(f"Parquet, {largest:,} articles: articles a second and core", parquet, least=2500),
        check(f"JSON lines, {largest:,} articles: articles a second and core", lines, least=2500),
        check("JSON lines: rate as a share of Parquet's", lines / parquet, least=0.8),
        check(f"peak memory at {largest:,} articles, GB", max(own_peaks) / GIGABYTE, most=4),
    ]
    compared = max(row["articles"] for row in rows if row["system"] == "datasketch")
    ours = rate(compared, system="newsdesk", format="parquet")
    claim = f"{compared:,} articles: times as fast as datasketch"
    checks.append(check(claim, ours / rate(compared, system="datasketch"), least=1))
    (own,) = (row for row in groups if row["system"] == OURS)
    checks.append(check("groups: share of joined pairs that are near", own["precision"], least=1))
    return checks


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/clean.py --sizes 1000 --repeats 1")
    add_size_options(parser, SIZES, patience=300)
    parser.add_argument(
        "--once", type=int, metavar="ARTICLES", help="clean so many, and add that to the results"
    )
    options = parser.parse_args()
    if options.job:
        run_alone(options.job)
        return
    results = options.results / "clean.json"
    if options.once:
        add_once(results, options.once, options.seed)
        return
    corpus = made(max(options.sizes), options.seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(corpus, options, Path(folder))
    compared = real()
    groups = compare_groups(compared)
    content = {
        "corpora": [corpus.describe(), compared.describe()],
        "seed": options.seed,
        "rows": rows,
        "groups": groups,
        "checks": judge(rows, groups, max(options.sizes)),
    }
    write_results(results, content)


if __name__ == "__main__":
    main()
