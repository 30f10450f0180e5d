"""Time and memory from 1,000 to 1,000,000 made articles, streamed from one Parquet file.

Each size is run in a process of its own. Made articles are sentences of real ones, shuffled within their
outlet: runs of words across sentences go on growing, the words themselves stop at those of the corpus.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from corpus import Corpus, made
from harness import ROOT, Row, add_size_options, build_parser, check, fresh, note, peak_memory, write_results

from newsdesk.base.settings import read_settings

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
FLAT_FROM = 10_000
GIGABYTE = 1e9
ANALYZERS = ("words 1", "default")
WARM_UP = 50


def analyzer_settings(analyzer: str) -> Row:
    """Words as they are, or the words and characters of params.yaml."""
    if analyzer == "words 1":
        return {"ngram_max": 1}
    features = read_settings(ROOT / "params.yaml").features
    return {key: getattr(features, key) for key in ("ngram_max", "stem", "char_ngrams")}


def texts(corpus: Corpus, articles: int) -> Iterator[Any]:
    """The texts, a batch at a time, as Arrow arrays."""
    return (batch.column("text") for batch in corpus.batches(articles, ["text"]))


def strings(corpus: Corpus, articles: int) -> Iterator[str]:
    """The texts one by one, as scikit-learn wants them."""
    return (text for batch in texts(corpus, articles) for text in batch.to_pylist())


def run_newsdesk(corpus: Corpus, articles: int, *, analyzer: str, threads: int) -> Row:
    """Fit, then transform; what is counted of a batch is dropped."""
    from newsdesk.features.tfidf import ArabicTfidfVectorizer

    vectorizer = ArabicTfidfVectorizer(**analyzer_settings(analyzer), n_jobs=threads)
    started = time.perf_counter()
    vectorizer.fit_batches(texts(corpus, articles))
    fitted = time.perf_counter()
    values = sum(matrix.nnz for matrix in vectorizer.transform_batches(texts(corpus, articles)))
    done = time.perf_counter()
    return {
        "fit": fitted - started,
        "transform": done - fitted,
        "terms": len(vectorizer.idf_),
        "values": values,
    }


def run_tfidf(corpus: Corpus, articles: int, *, analyzer: str) -> Row:
    """The same with scikit-learn's vectorizers."""
    vectorizer = _peers(analyzer, "TfidfVectorizer")
    started = time.perf_counter()
    for part in vectorizer:
        part.fit(strings(corpus, articles))
    fitted = time.perf_counter()
    values = _transform(vectorizer, corpus, articles)
    done = time.perf_counter()
    terms = sum(len(part.vocabulary_) for part in vectorizer)
    return {"fit": fitted - started, "transform": done - fitted, "terms": terms, "values": values}


def run_hashing(corpus: Corpus, articles: int, *, analyzer: str) -> Row:
    """Transform alone: nothing is learned, and nothing is weighed."""
    started = time.perf_counter()
    values = _transform(_peers(analyzer, "HashingVectorizer"), corpus, articles)
    return {"transform": time.perf_counter() - started, "values": values}


def _peers(analyzer: str, name: str) -> list[Any]:
    """scikit-learn's vectorizers, one for words and one for characters."""
    from featurize import peer_blocks
    from sklearn.feature_extraction import text

    return [getattr(text, name)(**block) for block in peer_blocks(analyzer_settings(analyzer))]


def _transform(vectorizers: list[Any], corpus: Corpus, articles: int) -> int:
    return sum(
        part.transform(column).nnz
        for batch in texts(corpus, articles)
        for column in [batch.to_pylist()]
        for part in vectorizers
    )


def run_scorer(corpus: Corpus, articles: int, *, model: str, threads: int) -> Row:
    """Labels of both heads."""
    from newsdesk.inference.scorer import Scorer

    scorer = Scorer.load(ROOT / model)
    scorer.compile_from, scorer.threads = 0, threads
    scorer.predict([""], ["نص"])
    started = time.perf_counter()
    labelled = sum(
        not prediction.reason
        for batch in corpus.batches(articles, ["title", "text"])
        for prediction in scorer.predict(batch.column("title"), batch.column("text"))
    )
    return {"predict": time.perf_counter() - started, "labelled": labelled}


RUNS: dict[str, Callable[..., Row]] = {
    "newsdesk": run_newsdesk,
    "TfidfVectorizer": run_tfidf,
    "HashingVectorizer": run_hashing,
    "newsdesk predict": run_scorer,
}


def run_alone(job: Row) -> None:
    """What a process of its own does: warm up, run, print the figures as JSON."""
    corpus = Corpus(path=Path(job["path"]), **job["corpus"])
    run = partial(RUNS[job["system"]], **job["settings"])
    run(corpus, WARM_UP)
    figures = run(corpus, job["articles"])
    print(json.dumps({**figures, "peak_bytes": peak_memory()}))  # noqa: T201


def seconds(row: Row) -> float:
    """All that was measured of a run."""
    return sum(row[step] for step in ("fit", "transform", "predict") if step in row)


def measure(corpus: Corpus, options: argparse.Namespace) -> list[Row]:
    """Every system at every size; a peer stops where the next size would take it too long."""
    jobs: list[tuple[str, Row]] = []
    for analyzer in ANALYZERS:
        jobs += [("newsdesk", {"analyzer": analyzer, "threads": n}) for n in options.threads]
        jobs += [(peer, {"analyzer": analyzer}) for peer in ("TfidfVectorizer", "HashingVectorizer")]
    jobs += [("newsdesk predict", {"model": str(options.model), "threads": n}) for n in options.threads]
    rows: list[Row] = []
    last: dict[int, float] = {}  # seconds an article
    for articles in options.sizes:
        for repeat in range(options.repeats):
            for k, (system, settings) in enumerate(jobs):
                if system.endswith("Vectorizer") and last.get(k, 0) * articles > options.patience:
                    continue
                job = {"system": system, "settings": settings, "articles": articles}
                job |= {"path": str(corpus.path), "corpus": corpus.describe()}
                figures = json.loads(fresh(__file__, "--job", json.dumps(job))[0])
                row = {"system": system, **settings, "articles": articles, "repeat": repeat, **figures}
                last[k] = seconds(row) / articles
                shown = ", ".join(str(value) for value in settings.values())
                memory = f"{row['peak_bytes'] / 1e6:,.0f} MB"
                note(f"  {articles:>9,} {system}, {shown}: {seconds(row):.2f} s, {memory}")
                rows.append(row)
    return rows


def judge(rows: list[Row]) -> list[Row]:
    """Whether memory stays below 2 GB and the cost of an article flat."""
    checks = []
    ours = [row for row in rows if row["system"] == "newsdesk"]
    for analyzer, threads in dict.fromkeys((row["analyzer"], row["threads"]) for row in ours):
        own = [row for row in ours if (row["analyzer"], row["threads"]) == (analyzer, threads)]
        name = f"{analyzer}, {threads} thread{'s'[: threads > 1]}"
        largest = max(row["articles"] for row in own)
        peak = max(row["peak_bytes"] for row in own if row["articles"] == largest) / GIGABYTE
        checks.append(check(f"{name}: peak memory at {largest:,} articles, GB", peak, most=2))
        sizes = sorted({row["articles"] for row in own if row["articles"] >= FLAT_FROM})
        costs = [statistics.median(seconds(r) / n for r in own if r["articles"] == n) for n in sizes]
        if len(costs) > 1:
            claim = f"{name}: dearest over cheapest article from {FLAT_FROM:,} on"
            checks.append(check(claim, max(costs) / min(costs), most=1.2))
    return checks


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/scale.py --sizes 1000 3000 --repeats 1")
    add_size_options(parser, SIZES, patience=120)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="ours (%(default)s)")
    parser.add_argument("--model", type=Path, default=Path("model"), help="for predict (%(default)s)")
    options = parser.parse_args()
    if options.job:
        run_alone(options.job)
        return
    corpus = made(max(options.sizes), options.seed)
    rows = measure(corpus, options)
    content = {"corpus": corpus.describe(), "seed": options.seed, "rows": rows, "checks": judge(rows)}
    content["default"] = analyzer_settings("default")
    write_results(options.results / "scale.json", content)


if __name__ == "__main__":
    main()
