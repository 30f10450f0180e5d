"""Text to TF-IDF: ArabicTfidfVectorizer beside scikit-learn's vectorizers, which get the same normalization.

All measure the same texts, in turn; in the same run scikit-learn's terms and values are compared with ours.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from corpus import real
from harness import Contender, Row, build_parser, check, measure, median_ratio, note, write_results
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.inference.text import CHAR_PREFIX, build_stemmer, normalize, tokenize

TABLE = translation(build_table(Normalization()))
PEER = {"system": "TfidfVectorizer", "input": "list"}
ANALYZERS: dict[str, Row] = {
    "words 1": {"ngram_max": 1},
    "words 1-2": {"ngram_max": 2},
    "char_wb 2-5": {"ngram_max": 0, "char_ngrams": (2, 5)},
}
TARGETS = {  # analyzer, task: how many times as fast as TfidfVectorizer, on all cores that are measured
    ("words 1", "fit_transform"): 10,
    ("words 1-2", "fit_transform"): 8,
    ("char_wb 2-5", "transform"): 25,
    ("char_wb 2-5", "fit"): 25,
}


def fold(text: str) -> str:
    """Our normalization, as scikit-learn's preprocessor of words."""
    return normalize(text, TABLE)


def fold_tokens(text: str) -> str:
    """The normalized tokens with spaces between, so that `char_wb` counts within our words."""
    return " ".join(tokenize(normalize(text, TABLE)))


def peer_settings(
    *, ngram_max: int = 0, char_ngrams: tuple[int, int] | None = None, stem: Literal["snowball"] | None = None
) -> Row:
    """What scikit-learn's vectorizers are told so that they count the same."""
    if char_ngrams:
        return {"preprocessor": fold_tokens, "analyzer": "char_wb", "ngram_range": char_ngrams}
    words: Row = {"preprocessor": fold, "token_pattern": r"\w\w+", "ngram_range": (1, ngram_max)}
    if stems := build_stemmer(stem):
        words |= {"token_pattern": None, "tokenizer": lambda text: stems(tokenize(text))}
    return words


def peer_blocks(features: Row) -> list[Row]:
    """The same of words and of characters, for a vectorizer each; stems are of words."""
    blocks: list[Row] = []
    if features["ngram_max"]:
        blocks.append({"ngram_max": features["ngram_max"], "stem": features.get("stem")})
    if features.get("char_ngrams"):
        blocks.append({"char_ngrams": features["char_ngrams"]})
    return [peer_settings(**block) for block in blocks]


def difference(
    ours: ArabicTfidfVectorizer, X: sp.csr_matrix, peer: TfidfVectorizer, Y: sp.csr_matrix
) -> float:
    """Largest difference of a value from scikit-learn's; infinite if the terms differ, or where they are."""
    terms = [term.removeprefix(CHAR_PREFIX) for term in ours.get_feature_names_out().tolist()]
    if terms_differ := len(set(terms) ^ peer.vocabulary_.keys()):
        note(f"{terms_differ} terms differ")
        return float("inf")
    columns = np.array([peer.vocabulary_[term] for term in terms], dtype=Y.indices.dtype)
    largest = 0.0
    for start in range(0, X.shape[0], 1024):
        x, y = X[start : start + 1024], Y[start : start + 1024]
        x = sp.csr_matrix((x.data, columns[x.indices], x.indptr), y.shape)
        x.sort_indices()
        y.sort_indices()
        if not (np.array_equal(x.indptr, y.indptr) and np.array_equal(x.indices, y.indices)):
            return float("inf")
        largest = max(largest, float(np.abs(x.data - y.data).max(initial=0.0)))
    return largest


def contenders(
    name: str, texts: list[str], column: pa.ChunkedArray, threads: list[int]
) -> tuple[list[Contender], Row]:
    """Whoever is measured with an analyzer, and how far our values are from scikit-learn's."""
    settings = ANALYZERS[name]
    peer = TfidfVectorizer(**peer_settings(**settings))
    hashing = HashingVectorizer(**peer_settings(**settings))
    build = partial(ArabicTfidfVectorizer, **settings)
    note(f"{name}: comparing the values")
    fitted = build(n_jobs=threads[-1])
    X, Y = fitted.fit_transform(column), peer.fit_transform(texts)
    compared = {
        "analyzer": name,
        "terms": X.shape[1],
        "values": X.nnz,
        "difference": difference(fitted, X, peer, Y),
    }
    for first in (column[:8], texts[:8]):  # what is compiled, or loaded, is so before it is measured
        prepare(build(n_jobs=1), fitted, "transform", first)()
    found = []
    for task in ("fit_transform", "fit", "transform"):

        def add(call: Callable[[], Callable[[], object]], task: str = task, **named: object) -> None:
            found.append(Contender({"analyzer": name, "task": task, **named}, call))

        if task == "transform":
            add(lambda: partial(peer.transform, texts), **PEER, threads=1)
            add(
                lambda: partial(hashing.transform, texts), system="HashingVectorizer", input="list", threads=1
            )
        else:
            add(partial(prepare_peer, settings, task, texts), **PEER, threads=1)
        for n in threads:
            for kind, X in (("Arrow", column), ("list", texts)):
                add(
                    partial(prepare, build(n_jobs=n), fitted, task, X),
                    system="newsdesk",
                    input=kind,
                    threads=n,
                )
    return found, compared


def prepare_peer(settings: Row, task: str, texts: list[str]) -> Callable[[], object]:
    """A call of an unfitted TfidfVectorizer."""
    return partial(getattr(TfidfVectorizer(**peer_settings(**settings)), task), texts)


def prepare(unfitted: Any, fitted: Any, task: str, X: object) -> Callable[[], object]:
    """A call of our vectorizer; one that transforms remembers no token, as after loading it."""
    if task == "transform":
        return partial(pickle.loads(pickle.dumps(fitted)).set_params(n_jobs=unfitted.n_jobs).transform, X)
    return partial(getattr(unfitted, task), X)


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/featurize.py --articles 1000 --repeats 2")
    parser.add_argument("--articles", type=int, help="only so many, drawn evenly from the corpus")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="ours (%(default)s)")
    options = parser.parse_args()
    corpus = real(options.articles)
    column = corpus.table()["text"]
    texts = column.to_pylist()
    rows: list[Row] = []
    comparisons: list[Row] = []
    for name in ANALYZERS:
        found, compared = contenders(name, texts, column, options.threads)
        comparisons.append(compared)
        rows += measure(found, options.repeats)
        del found
    ours = {"system": "newsdesk", "input": "Arrow", "threads": options.threads[-1]}
    checks = [
        check(f"{name}: largest difference from scikit-learn", compared["difference"], most=1e-12)
        for name, compared in zip(ANALYZERS, comparisons, strict=True)
    ]
    for (name, task), least in TARGETS.items():
        where = {"analyzer": name, "task": task}
        ratio = median_ratio(rows, where | ours, where | PEER)
        checks.append(check(f"{name}, {task}: times as fast as TfidfVectorizer", ratio, least=least))
    content = {"corpus": corpus.describe(), "rows": rows, "comparisons": comparisons, "checks": checks}
    write_results(options.results / "featurize.json", content)


if __name__ == "__main__":
    main()
