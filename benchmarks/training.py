"""Labelled articles to fitted classifiers: newsdesk beside a pipeline of scikit-learn, and Annif.

Each run is a process of its own on all cores. newsdesk and scikit-learn count the same stems, weigh them
alike and fit the same logistic regression a label by the same solver, so the scores of both are compared.
Annif trains its Omikuji backend on the same tokens, once for regions and topics. Nobody calibrates here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from alone import call_watched
from featurize import fold_tokens, peer_settings
from harness import ROOT, Row, add_size_options, build_parser, check, fresh, note, write_results
from outlets_annif import build_project, call_annif, write_training
from predict import CORPORA

from newsdesk.base.settings import read_settings
from newsdesk.base.taxonomy import read_taxonomy

SIZES = (1_000, 3_000, 10_000, 30_000)
ANNIF = ROOT / "benchmarks/.annif/bin/annif"
SETTINGS = read_settings(ROOT / "profiles/public/params.yaml")
STEMS = {"ngram_max": 1, "stem": "snowball"}
TERMS = {"min_df": SETTINGS.features.min_df, "max_df": SETTINGS.features.max_df, "sublinear_tf": True}
COMPARED = 500  # articles whose scores are compared
TOLERANCE = 0.01  # of a score: what the choice of the solver allows

Score = Callable[[Sequence[str]], Any]  # scores of shape (n_articles, n_labels)


def read_articles(path: Path, articles: int) -> tuple[list[str], np.ndarray, list[str]]:
    """Texts and labels, drawn evenly from the labelled articles that train the public profile."""
    taxonomy = read_taxonomy(ROOT / "data/taxonomy.yaml")
    labels = [*taxonomy.region_ids, *taxonomy.topic_ids]
    table = pq.read_table(path, columns=["split", "region", "topic", "title", "text"])
    rows = [row for row in table.to_pylist() if row["split"] == "train" and (row["region"] or row["topic"])]
    drawn = [rows[i] for i in np.linspace(0, len(rows) - 1, min(articles, len(rows))).astype(int)]
    y = np.array([np.isin(labels, [*(row["region"] or ()), *(row["topic"] or ())]) for row in drawn])
    return [f"{row['title']}\n{row['text']}" for row in drawn], y, labels


def describe(path: Path, articles: int) -> Row:
    """What the results say of the texts, as of those of other benchmarks."""
    texts, y, _ = read_articles(path, articles)
    encoded = [text.encode() for text in texts]
    return {
        "name": f"labelled articles of the public profile, {y.shape[1]} labels",
        "articles": len(texts),
        "empty": sum(not text.split() for text in texts),
        "bytes": sum(map(len, encoded)),
        "sha256": hashlib.sha256(b"".join(encoded)).hexdigest(),
    }


def train_newsdesk(texts: list[str], y: np.ndarray) -> Score:
    """The two steps of the stages `featurize` and `train`."""
    from newsdesk.features.tfidf import ArabicTfidfVectorizer
    from newsdesk.training.classifiers import build_classifier, fit_linear

    vectorizer = ArabicTfidfVectorizer(**STEMS, **TERMS, n_jobs=-1)
    X = vectorizer.fit_transform(pa.array(texts))
    classifier = build_classifier("logistic_regression", C=SETTINGS.train.C, balanced=False)
    coef, intercept = fit_linear(classifier, X, y, sample_weight=np.ones(len(y)))
    return lambda asked: vectorizer.transform(pa.array(asked)) @ coef.T + intercept


def train_scikit_learn(texts: list[str], y: np.ndarray) -> Score:
    """What its manual shows for several labels."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    from newsdesk.training.classifiers import SOLVER

    classifier = OneVsRestClassifier(LogisticRegression(**SOLVER, C=SETTINGS.train.C), n_jobs=-1)
    pipeline = make_pipeline(TfidfVectorizer(**peer_settings(**STEMS), **TERMS), classifier)
    return pipeline.fit(texts, y).decision_function


TRAINERS = {"newsdesk": train_newsdesk, "scikit-learn": train_scikit_learn}


def run_alone(job: Row) -> None:
    """What a process of its own does; the texts are read before the clock starts, Annif's from its file."""
    texts, y, labels = read_articles(Path(job["corpus"]), job["articles"])
    scores: list[np.ndarray] = []
    if job["system"] == "Annif":
        folder = Path(job["folder"])
        build_project(ANNIF, folder, labels)
        write_training(folder, [fold_tokens(text) for text in texts], y, labels)
        call: Callable[[], object] = partial(call_annif, ANNIF, folder, "train", "peer", "train.tsv")
    else:
        train = TRAINERS[job["system"]]
        train(texts[:50], y[:50])  # what is compiled, or loaded, is so before it is measured

        def call() -> None:
            scores.append(train(texts, y))

    started = time.perf_counter()
    peak = call_watched(call)
    figures = {"articles": len(texts), "seconds": time.perf_counter() - started, "peak_bytes": peak}
    if scores:
        np.save(Path(job["folder"], f"{job['system']}.npy"), scores[0](texts[:COMPARED]))
    print(json.dumps(figures))  # noqa: T201


def measure(options: argparse.Namespace) -> list[Row]:
    """Every system at every size in turn; a peer stops where the next size would take it too long."""
    systems = [*TRAINERS, *(["Annif"] if ANNIF.exists() else [])]
    rows: list[Row] = []
    last: dict[str, float] = {}  # seconds an article
    for articles in options.sizes:
        for repeat in range(options.repeats):
            with tempfile.TemporaryDirectory() as folder:
                for system in systems:
                    if system != "newsdesk" and last.get(system, 0) * articles > options.patience:
                        continue
                    job = {
                        "system": system,
                        "corpus": str(options.train),
                        "articles": articles,
                        "folder": folder,
                    }
                    figures: Row = json.loads(fresh(__file__, "--job", json.dumps(job))[0])
                    last[system] = figures["seconds"] / articles
                    note(f"  {figures['articles']:>7,} {system}: {figures['seconds']:.1f} s")
                    rows.append({"system": system, "repeat": repeat, **figures})
                found = [np.load(path) for path in sorted(Path(folder).glob("*.npy"))]
                if len(found) == len(TRAINERS):
                    (peer,) = (r for r in rows[-len(systems) :] if r["system"] == "scikit-learn")
                    peer["difference"] = float(np.abs(found[0] - found[1]).max())
    return rows


def judge(rows: list[Row]) -> list[Row]:
    """Whether the classifiers are the same, and how much sooner they are there."""
    largest = max(row["articles"] for row in rows)
    claim = "largest difference of a score from scikit-learn"
    checks = [check(claim, max(row["difference"] for row in rows if "difference" in row), most=TOLERANCE)]
    for peer in dict.fromkeys(row["system"] for row in rows if row["system"] != "newsdesk"):
        compared = max(row["articles"] for row in rows if row["system"] == peer)
        own, other = (
            statistics.median(r["seconds"] for r in rows if r["system"] == name and r["articles"] == compared)
            for name in ("newsdesk", peer)
        )
        checks.append(check(f"{compared:,} articles: times as fast as {peer}", other / own, least=1))
    peak = max(row["peak_bytes"] for row in rows if row["system"] == "newsdesk") / 1e9
    return [*checks, check(f"peak memory up to {largest:,} articles, GB", peak, most=4)]


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/training.py --sizes 1000 --repeats 1")
    add_size_options(parser, SIZES, patience=300)
    trained = next((ROOT / path for path in CORPORA if (ROOT / path).exists()), None)
    parser.add_argument("--train", type=Path, default=trained, help="clean articles (%(default)s)")
    options = parser.parse_args()
    if options.job:
        run_alone(options.job)
        return
    rows = measure(options)
    content = {"corpus": describe(options.train, max(options.sizes)), "rows": rows, "checks": judge(rows)}
    write_results(options.results / "training.json", content)


if __name__ == "__main__":
    main()
