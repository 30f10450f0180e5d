"""`newsdesk predict` from Parquet to a folder of Parquet, beside fastText and scikit-learn doing the same.

Every run is a process of its own, from its start to its end: libraries and model are loaded, the same file
is read, labels are written. The peers are trained on the training split of the largest corpus that is there,
normalized and cut into tokens as ours, and label the raw text. They write labels alone, we probabilities too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from corpus import Corpus, made
from harness import ROOT, Row, add_size_options, build_parser, check, fresh, note, peak_memory, write_results
from predict import CORPORA, ONE_LINE, training_rows, whole
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from newsdesk.base.files import SHIPPED, read_model

SIZES = (10_000, 100_000, 1_000_000)
WARM_UP = 1000
GIGABYTE = 1e9
LABELS = pa.schema([("row", pa.int64()), ("labels", pa.list_(pa.string()))])
Label = Callable[[list[str]], list[list[str]]]


def train_fasttext(rows: list[tuple[list[int], str]], labels: list[str], folder: Path) -> Path:
    """100 dimensions, subwords of 2 to 5 characters, one against the rest."""
    import fasttext

    lines, path = folder / "train.txt", folder / "fasttext.bin"
    named = ((" ".join(f"__label__{labels[k]}" for k in held), text) for held, text in rows)
    lines.write_text("".join(f"{held} {text}\n" for held, text in named), encoding="utf-8")
    model = fasttext.train_supervised(str(lines), loss="ova", dim=100, minn=2, maxn=5, thread=2, verbose=0)
    model.save_model(str(path))
    return path


def train_scikit_learn(rows: list[tuple[list[int], str]], labels: list[str], folder: Path) -> Path:
    """TF-IDF of words and pairs of them, and a linear SVM a label."""
    path = folder / "scikit-learn.joblib"
    y = MultiLabelBinarizer(classes=range(len(labels))).fit_transform([held for held, _ in rows])
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), OneVsRestClassifier(LinearSVC())
    )
    joblib.dump((pipeline.fit([text for _, text in rows], y), labels), path)
    return path


def load_fasttext(path: Path) -> Label:
    """Labels of at least an even chance."""
    import fasttext

    model = fasttext.load_model(str(path))

    def label(texts: list[str]) -> list[list[str]]:
        found, _ = model.predict([text.translate(ONE_LINE) for text in texts], k=-1, threshold=0.5)
        return [[name.removeprefix("__label__") for name in names] for names in found]

    return label


def load_scikit_learn(path: Path) -> Label:
    """Labels on the right side of their planes."""
    pipeline, labels = joblib.load(path)

    def label(texts: list[str]) -> list[list[str]]:
        return [[labels[k] for k in np.flatnonzero(row)] for row in pipeline.predict(texts)]

    return label


LOADERS = {"fastText, subwords 2-5": load_fasttext, "scikit-learn, TF-IDF and LinearSVC": load_scikit_learn}


def run_peer(system: str, path: Path, corpus: Path, output: Path) -> None:
    """Read, label and write, a batch in memory at a time."""
    label = LOADERS[system](path)
    done = 0
    with pq.ParquetWriter(output, LABELS, compression="zstd") as writer:
        for titles, texts in _batches(corpus):
            found = label(list(whole(titles, texts)))
            rows = pa.table([range(done, done + len(found)), found], schema=LABELS)
            writer.write_table(rows)
            done += len(found)


def _batches(corpus: Path) -> Iterator[tuple[list[str], list[str]]]:
    with pq.ParquetFile(corpus, pre_buffer=False) as file:
        for batch in file.iter_batches(8192, columns=["title", "text"], use_threads=False):
            yield batch["title"].to_pylist(), batch["text"].to_pylist()


def run_alone(job: Row) -> None:
    """What a peer's process does; prints its peak memory as JSON."""
    run_peer(job["system"], Path(job["model"]), Path(job["corpus"]), Path(job["output"]))
    sys.stdout.write(json.dumps({"peak_bytes": peak_memory()}) + "\n")


def run_job(job: Row, corpus: Path, output: Path) -> tuple[str, float]:
    """Peak memory as JSON, and seconds, of a process of its own."""
    if "model" in job:
        given = {**job, "corpus": str(corpus), "output": str(output)}
        return fresh(__file__, "--job", json.dumps(given))
    workers = ["--workers", job["workers"]] if job["workers"] else []
    command = ["predict", corpus, "--output", f"{output}/", "--threads", job["threads"], *workers]
    return fresh(Path(__file__).with_name("alone.py"), *command)


def measure(corpora: list[Corpus], peers: dict[str, Path], options: argparse.Namespace) -> list[Row]:
    """Every system at every size in turn; a peer stops where the next size would take it too long."""
    jobs: list[Row] = [{"system": "newsdesk", "threads": n, "workers": None} for n in options.threads]
    jobs += [{"system": f"newsdesk, {n} workers", "threads": 1, "workers": n} for n in options.workers]
    jobs += [{"system": system, "threads": 1, "model": str(path)} for system, path in peers.items()]
    rows: list[Row] = []
    cost: dict[int, float] = {}  # seconds an article
    for corpus in corpora:
        for repeat in range(options.repeats):
            for k, job in enumerate(jobs):
                if job["system"] in peers and cost.get(k, 0) * corpus.articles > options.patience:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    figures, seconds = run_job(job, corpus.path, Path(folder, "out"))
                row = {"system": job["system"], "threads": job["threads"], "articles": corpus.articles}
                row |= {"repeat": repeat, "seconds": seconds, **json.loads(figures)}
                cost[k] = seconds / corpus.articles
                rate, memory = corpus.articles / seconds, row["peak_bytes"] / 1e6
                named = f"{row['system']}, {row['threads']} thread(s)"
                note(f"  {corpus.articles:>9,} {named}: {seconds:.2f} s, {rate:,.0f}/s, {memory:,.0f} MB")
                rows.append(row)
    return rows


def judge(rows: list[Row]) -> list[Row]:
    """Whether memory stays below 1.5 GB, and cost flat."""
    ours = [row for row in rows if row["system"].startswith("newsdesk")]
    largest = max(row["articles"] for row in ours)
    peak = max(row["peak_bytes"] for row in ours) / GIGABYTE
    checks = [check(f"peak memory up to {largest:,} articles, GB", peak, most=1.5)]
    for system, threads in sorted({(row["system"], row["threads"]) for row in ours}):
        own = [row for row in ours if (row["system"], row["threads"]) == (system, threads)]
        sizes = sorted({row["articles"] for row in own})
        costs = [statistics.median(r["seconds"] / n for r in own if r["articles"] == n) for n in sizes]
        if len(costs) > 1:
            claim = f"{system}, {threads} thread(s): an article of the largest size over one of the smallest"
            checks.append(check(claim, costs[-1] / costs[0], most=1.2))
    return checks


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/batch.py --sizes 10000 --repeats 1")
    add_size_options(parser, SIZES, patience=900)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="ours (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="*", default=[2], help="ours (%(default)s)")
    trained = next((ROOT / path for path in CORPORA if (ROOT / path).exists()), None)
    parser.add_argument(
        "--train", type=Path, default=trained, help="clean articles for the peers (%(default)s)"
    )
    options = parser.parse_args()
    if options.job:
        run_alone(options.job)
        return
    corpora = [made(articles, options.seed) for articles in sorted(options.sizes)]
    labels = [label for head in read_model(SHIPPED).heads for label in head.labels]
    with tempfile.TemporaryDirectory() as folder:
        note("training the peers")
        rows = training_rows(options.train, labels)
        peers = {
            "fastText, subwords 2-5": train_fasttext(rows, labels, Path(folder)),
            "scikit-learn, TF-IDF and LinearSVC": train_scikit_learn(rows, labels, Path(folder)),
        }
        warm = {"threads": 1, "workers": None}
        run_job(warm, made(WARM_UP, options.seed).path, Path(folder, "warm"))  # compiles
        measured: list[Any] = measure(corpora, peers, options)
    content: Row = {"corpora": [corpus.describe() for corpus in corpora], "seed": options.seed}
    write_results(options.results / "batch.json", {**content, "rows": measured, "checks": judge(measured)})


if __name__ == "__main__":
    main()
