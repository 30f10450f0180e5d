"""Raw files to cleaned and grouped articles: JSON lines and Parquet of made articles, beside datasketch.

Each run is a process of its own on one core. The peer does less: it reads one column, cuts words at spaces
and groups by MinHash alone (128 permutations, word triples, a threshold of 0.5), as its manual shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from corpus import SCHEMA, Corpus, made
from harness import ROOT, Row, add_size_options, build_parser, check, fresh, note, peak_memory, write_results

SIZES = (10_000, 100_000, 1_000_000)
MIN_JACCARD = 0.5
GIGABYTE = 1e9


def write(corpus: Corpus, articles: int, path: Path) -> None:
    """Write the first so many articles in the format of the file's suffix."""
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


def run_datasketch(path: Path) -> Row:
    """Group the texts by MinHash; two in a bucket are near-duplicates."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=MIN_JACCARD, num_perm=128)
    n = joined = 0
    for text in _texts(path):
        words = text.split()
        sketch = MinHash(num_perm=128)
        sketch.update_batch([" ".join(words[i : i + 3]).encode() for i in range(max(1, len(words) - 2))])
        joined += bool(index.query(sketch))
        index.insert(n, sketch)
        n += 1
    return {"articles": n, "groups": n - joined}


def _texts(path: Path) -> Iterator[str]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["text"]):
            yield from batch["text"].to_pylist()


RUNS = {"newsdesk": run_newsdesk, "datasketch": run_datasketch}


def run_alone(job: Row) -> None:
    """What a process of its own does: warm up, run, print the figures as JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = RUNS[job["system"]]
    run(Path(job["few"]))
    started, cpu_started = time.perf_counter(), time.process_time()
    figures = run(Path(job["path"]))
    spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}
    print(json.dumps({**figures, **spent, "peak_bytes": peak_memory()}))  # noqa: T201


def measure(corpus: Corpus, options: argparse.Namespace, folder: Path) -> list[Row]:
    """Every system at every size; the peer stops where the next size would take it too long."""
    rows: list[Row] = []
    last: dict[str, float] = {}  # seconds an article
    jobs = [("newsdesk", "parquet"), ("newsdesk", "jsonl"), ("datasketch", "parquet")]
    for articles in options.sizes:
        for form in ("parquet", "jsonl"):
            write(corpus, articles, folder / f"{articles}.{form}")
            write(corpus, 100, folder / f"few.{form}")
        for repeat in range(options.repeats):
            for system, form in jobs:
                if system == "datasketch" and last.get(system, 0) * articles > options.patience:
                    continue
                job = {"system": system, "path": f"{folder}/{articles}.{form}", "few": f"{folder}/few.{form}"}
                figures: Row = json.loads(fresh(__file__, "--job", json.dumps(job))[0])
                last[system] = figures["seconds"] / articles
                rate, memory = articles / figures["cpu_seconds"], figures["peak_bytes"] / 1e6
                note(f"  {articles:>9,} {system}, {form}: {rate:,.0f} articles a second, {memory:,.0f} MB")
                rows.append({"system": system, "format": form, "size": articles, "repeat": repeat, **figures})
    return rows


def judge(rows: list[Row]) -> list[Row]:
    """Whether an article costs little, reads alike from both formats, and memory stays small."""
    largest = max(row["size"] for row in rows)

    def rate(size: int, **named: Any) -> float:
        own = [r for r in rows if r["size"] == size and all(r[key] == value for key, value in named.items())]
        return statistics.median(size / row["cpu_seconds"] for row in own)

    parquet, lines = (rate(largest, system="newsdesk", format=form) for form in ("parquet", "jsonl"))
    compared = max(row["size"] for row in rows if row["system"] == "datasketch")
    peer = rate(compared, system="datasketch")
    ours = rate(compared, system="newsdesk", format="parquet")
    peak = max(row["peak_bytes"] for row in rows if row["size"] == largest) / GIGABYTE
    return [
        check(f"Parquet, {largest:,} articles: articles a second and core", parquet, least=2500),
        check(f"JSON lines, {largest:,} articles: articles a second and core", lines, least=2500),
        check("JSON lines: rate as a share of Parquet's", lines / parquet, least=0.8),
        check(f"peak memory at {largest:,} articles, GB", peak, most=4),
        check(f"{compared:,} articles: times as fast as datasketch", ours / peer, least=1),
    ]


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/clean.py --sizes 1000 --repeats 1")
    add_size_options(parser, SIZES, patience=300)
    options = parser.parse_args()
    if options.job:
        run_alone(options.job)
        return
    corpus = made(max(options.sizes), options.seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(corpus, options, Path(folder))
    content = {"corpus": corpus.describe(), "seed": options.seed, "rows": rows, "checks": judge(rows)}
    write_results(options.results / "clean.json", content)


if __name__ == "__main__":
    main()
