"""Articles a second of the packaged scorer beside scikit-learn's own composition of the same model.

Run after `make`: python benchmarks/scoring.py [--repeats 5]
Both label the starter corpus from raw text, in turn, on one thread; medians and spread are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from newsdesk.scorer import Scorer, analyze, normalize, tokenize

ROOT = Path(__file__).parents[1]


def scikit_learn(folder: Path) -> Callable[[list[str], list[str]], np.ndarray]:
    """The model as a `TfidfVectorizer` with our analyzer and one matrix product."""
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    terms = json.loads((folder / "terms.json").read_text(encoding="utf-8"))
    weights = np.load(folder / "weights.npz")
    settings, fold = info["features"], info["normalization"]
    table = str.maketrans(fold["from"], fold["to"], fold["remove"])

    def terms_of(pair: tuple[str, str]) -> list[str]:
        title, text = (
            analyze(
                tokenize(normalize(part, table)),
                ngram_max=settings["ngram_max"],
                char_ngrams=settings["char_ngrams"],
            )
            for part in pair
        )
        return title * settings["title_weight"] + text

    vectorizer = TfidfVectorizer(analyzer=terms_of, vocabulary=terms, sublinear_tf=settings["sublinear_tf"])
    vectorizer.idf_ = weights["idf"]

    def score(titles: list[str], texts: list[str]) -> np.ndarray:
        X = vectorizer.transform(zip(titles, texts, strict=True))
        linear = X @ weights["coef"].astype(np.float64) + weights["intercept"]
        return 1 / (1 + np.exp(-(weights["slope"] * linear + weights["offset"])))

    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    articles = pq.read_table(ROOT / "data/clean/articles.parquet")
    titles, texts = (articles[name].to_pylist() for name in ("title", "text"))
    scorer, peer = Scorer.load(ROOT / "model"), scikit_learn(ROOT / "model")
    seconds: dict[str, list[float]] = {"newsdesk": [], "scikit-learn": []}
    with threadpool_limits(1):
        for _ in range(repeats):
            for name, label in (("newsdesk", scorer.predict), ("scikit-learn", peer)):
                started = time.perf_counter()
                label(titles, texts)
                seconds[name].append(time.perf_counter() - started)
    for name, measured in seconds.items():
        rates = sorted(len(titles) / s for s in measured)
        print(f"{name:>12}: {statistics.median(rates):,.0f} articles/s ({rates[0]:,.0f} to {rates[-1]:,.0f})")  # noqa: T201
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"{'ratio':>12}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")  # noqa: T201


if __name__ == "__main__":
    main()
