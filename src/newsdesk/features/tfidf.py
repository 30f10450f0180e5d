"""Features of Arabic articles by the compiled kernel: TF-IDF with scikit-learn's contract, and places."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine, TokenizedBatch, build_term_weights
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.hashtable import from_points
from newsdesk.inference.kernel import TermWeights
from newsdesk.inference.storage import check_ngram_settings
from newsdesk.inference.text import CHAR_PREFIX, CHARACTER_CLASSES, STEMMERS, build_stemmer, normalize

Documents = (
    Any  # a pandas or Arrow table with `text` and perhaps `title`; or texts: a list, Series, Arrow array
)
Integers = np.ndarray[Any, np.dtype[np.int64]]
ArrowData = pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray
BATCH = 8192
CHOICES = {
    "ngram_scope": ("text", "sentence"), "stem": (None, *STEMMERS), "norm": (None, "l1", "l2"),
    "dtype": ("float64", "float32"), "sublinear_tf": (True, False),
}  # fmt: skip


class ArabicTfidfVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """TF-IDF of the words of title and text, and of what is within words, normalized as Arabic needs it.

    The columns are those of scikit-learn's `FeatureUnion` of a `TfidfVectorizer` for words and one for
    `char_wb`, each with our normalization before it: the same terms, and the same values to 1e-12. Only
    their order differs: words, then characters, each from common to rare and then by hash, which no size
    of batches and no number of threads changes.

    Parameters
    ----------
    normalization : Normalization or None
        Which spellings count as the same; None takes the defaults.
    ngram_max : int
        Longest run of words; 0 for no words.
    ngram_scope : {"text", "sentence"}
        Whether a run of words may reach from a sentence into the next.
    stem : {"snowball"} or None
        What is done to a word first; called once for each different word.
    char_ngrams : (int, int) or None
        Shortest and longest run of characters within a word; None for words alone. Arabic writes
        article, conjunctions and prepositions onto the word: a run of its middle is free of them.
    word_weight, char_weight : float
        What the values of words and of characters are multiplied by, after the norm.
    min_df, max_df, max_features
        As in scikit-learn's `TfidfVectorizer`, for words and for characters by themselves.
    sublinear_tf : bool
        Take 1 + log(count) in place of the count.
    norm : {"l2", "l1"} or None
        What is made one in each row, of words and of characters by themselves.
    title_weight : int
        How often a word of the title counts.
    dtype : {"float64", "float32"}
        Of the matrix; the sums are made in float64.
    n_jobs : int or None
        Threads; None is one. The result is the same for any number.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Term to column; runs of characters begin with "#".
    idf_ : ndarray of shape (n_features,)
        Smoothed inverse document frequency, log((1 + n) / (1 + df)) + 1.
    n_articles_ : int
        Articles that it was fitted on.
    n_collisions_ : int
        Pairs of terms with one 64-bit hash; they are told apart all the same, and a warning names them.
    """

    def __init__(
        self,
        *,
        normalization: Normalization | None = None,
        ngram_max: int = 1,
        ngram_scope: Literal["text", "sentence"] = "text",
        stem: Literal["snowball"] | None = None,
        char_ngrams: tuple[int, int] | None = None,
        word_weight: float = 1.0,
        char_weight: float = 1.0,
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        max_features: int | None = None,
        sublinear_tf: bool = False,
        norm: Literal["l2", "l1"] | None = "l2",
        title_weight: int = 1,
        dtype: Literal["float64", "float32"] = "float64",
        n_jobs: int | None = None,
    ) -> None:
        self.normalization = normalization
        self.ngram_max = ngram_max
        self.ngram_scope = ngram_scope
        self.stem = stem
        self.char_ngrams = char_ngrams
        self.word_weight = word_weight
        self.char_weight = char_weight
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.sublinear_tf = sublinear_tf
        self.norm = norm
        self.title_weight = title_weight
        self.dtype = dtype
        self.n_jobs = n_jobs

    def fit(self, X: Documents, y: object = None) -> Self:
        """Learn vocabulary and IDF from a frame or Arrow table with `title` and `text`, or from texts."""
        return self.fit_batches(_batches(X))

    def fit_batches(self, batches: Iterable[Documents]) -> Self:
        """Learn from batches, each as `fit` takes them; memory grows with the terms, not the articles."""
        engine = self._build_engine()
        for batch in batches:
            engine.learn(engine.scan(*_columns(batch)))
        self._finish(engine)
        return self

    def fit_transform(self, X: Documents, y: object = None) -> sp.csr_matrix:
        """Learn vocabulary and IDF, return the matrix of shape (n_articles, n_features); reads X once."""
        engine = self._build_engine()
        scanned = []
        for batch in _batches(X):
            scanned.append(engine.scan(*_columns(batch)))
            engine.learn(scanned[-1])
        self._finish(engine, scanned)
        return self._matrix([part for batch in scanned for part in engine.rows(batch, self._weights())])

    def transform(self, X: Documents) -> sp.csr_matrix:
        """Matrix of shape (n_articles, n_features)."""
        check_is_fitted(self, "idf_")
        return self._matrix([part for batch in _batches(X) for part in self._rows(batch)])

    def transform_batches(self, batches: Iterable[Documents]) -> Iterator[sp.csr_matrix]:
        """One matrix a batch, in their order."""
        check_is_fitted(self, "idf_")
        for batch in batches:
            yield self._matrix(self._rows(batch))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray[Any, np.dtype[np.object_]]:
        """Terms in the order of the columns."""
        check_is_fitted(self, "idf_")
        words, tokens = (from_points(*spelled) for spelled in self._spelled)
        padded = [f" {token} " for token in tokens]
        runs = [" ".join(words[t] for t in run if t >= 0) for run in self._word_examples.tolist()]
        chars = [CHAR_PREFIX + padded[t][i : i + n] for t, i, n in self._char_examples.tolist()]
        return np.array([*runs, *chars], dtype=object)

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Term to column."""
        return {term: column for column, term in enumerate(self.get_feature_names_out().tolist())}

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in ("_engine", "_engine_settings"):
            state.pop(name, None)  # what an engine remembers of tokens is found again
        return state

    def _build_engine(self) -> Engine:
        _check_choices(self)
        settings = self.normalization or Normalization()
        return Engine(
            normalize=_fold(settings),
            maps=_maps(settings),
            ngram_max=self.ngram_max,
            sentences=self.ngram_scope == "sentence",
            char_ngrams=self.char_ngrams,
            title_weight=self.title_weight,
            stem=build_stemmer(self.stem),
            threads=_threads(self.n_jobs),
        )

    def _finish(self, engine: Engine, scanned: Sequence[TokenizedBatch] = ()) -> None:
        """Choose the terms, give them their columns and keep what `transform` needs."""
        word_df, word_tf, char_df, char_tf = engine.frequencies()
        if not len(word_df) and not len(char_df):
            raise ValueError("empty vocabulary; the articles hold no word of two letters or more")
        words = self._choose(word_df, word_tf, *engine.vocabulary.words.hashes(), engine.n_articles)
        chars = self._choose(char_df, char_tf, *engine.vocabulary.chars.hashes(), engine.n_articles)
        if not len(words) and not len(chars):
            raise ValueError("After pruning, no terms remain. Try a lower min_df or a higher max_df.")
        self.n_articles_ = engine.n_articles
        self.n_collisions_ = engine.vocabulary.words.collisions + engine.vocabulary.chars.collisions
        if self.n_collisions_:
            warnings.warn(
                f"{self.n_collisions_} terms share the hash of another", RuntimeWarning, stacklevel=3
            )
        df = np.concatenate([word_df[words], char_df[chars]])
        self.idf_ = np.log((1 + self.n_articles_) / (1 + df)) + 1.0
        self._spelled = [
            (spellings.points.values.copy(), spellings.bounds.values.copy())
            for spellings in (engine.cache.word_spellings, engine.cache.spellings)
        ]
        self._word_examples, self._char_examples = (
            engine.vocabulary.word_examples[words],
            engine.vocabulary.char_examples.values[chars],
        )
        engine.freeze(_numbered(words, len(word_df)), _numbered(chars, len(char_df)), scanned)
        self._tables = engine.vocabulary.words, engine.vocabulary.chars
        self._engine, self._engine_settings = engine, self._settings()

    def _choose(self, df: Integers, tf: Integers, hashes: Any, checks: Any, n_articles: int) -> Integers:
        """Terms to keep, in the order of their columns."""
        least = self.min_df if isinstance(self.min_df, int | np.integer) else self.min_df * n_articles
        most = self.max_df if isinstance(self.max_df, int | np.integer) else self.max_df * n_articles
        if most < least:
            raise ValueError("max_df corresponds to < documents than min_df")
        # a term may occur in no article: of one that turned out slow, what stood before was read twice
        kept = np.flatnonzero((df >= least) & (df <= most) & (df > 0))
        if self.max_features is not None and len(kept) > self.max_features:
            kept = kept[np.lexsort((checks[kept], hashes[kept], -tf[kept]))[: self.max_features]]
        return kept[_order(df[kept], hashes[kept], checks[kept])]

    def _weights(self) -> TermWeights:
        n_words = len(self._word_examples)
        return build_term_weights(
            self.idf_[:n_words],
            self.idf_[n_words:],
            sublinear=self.sublinear_tf,
            norm=self.norm,
            word_weight=self.word_weight,
            char_weight=self.char_weight,
        )

    def _rows(self, batch: Documents) -> list[tuple[Any, Any, Any]]:
        if not hasattr(self, "_engine") or self._engine_settings != self._settings():
            engine = self._build_engine()
            engine.vocabulary.restore(*self._tables)
            self._engine, self._engine_settings = engine, self._settings()
        engine = self._engine
        engine.threads = _threads(self.n_jobs)
        with engine.lock:
            return engine.rows(engine.scan(*_columns(batch)), self._weights())

    def _settings(self) -> dict[str, Any]:
        """The parameters that an engine is built with."""
        names = ("normalization", "ngram_max", "ngram_scope", "stem", "char_ngrams", "title_weight")
        return {name: getattr(self, name) for name in names}

    def _matrix(self, parts: list[tuple[Any, Any, Any]]) -> sp.csr_matrix:
        if not parts:
            return sp.csr_matrix((0, len(self.idf_)), dtype=self.dtype)
        data, indices, lengths = (
            _concatenate(pieces, _threads(self.n_jobs)) for pieces in zip(*parts, strict=True)
        )
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        if bounds[-1] < np.iinfo(np.int32).max:
            bounds = bounds.astype(np.int32)
        matrix = sp.csr_matrix(
            (data.astype(self.dtype, copy=False), indices, bounds), (len(lengths), len(self.idf_))
        )
        matrix.has_sorted_indices = True
        return matrix


def place_matrix(
    X: Documents,
    gazetteer: Gazetteer,
    *,
    normalization: Normalization,
    lead_tokens: int,
    n_jobs: int | None = None,
) -> sp.csr_matrix:
    """What `mentions.place_features` gives of each article, shape (n_articles, n_values).

    Parameters
    ----------
    X : frame or Arrow table with `title` and `text`, or texts
    normalization : Normalization
        The one that the gazetteer was read with.
    lead_tokens : int
    n_jobs : int or None
        Threads; None is one. The result is the same for any number.
    """
    engine = Engine(
        normalize=_fold(normalization),
        maps=_maps(normalization),
        ngram_max=0,
        sentences=False,
        char_ngrams=None,
        title_weight=1,
        stem=None,
        gazetteer=gazetteer,
        lead_tokens=lead_tokens,
        threads=_threads(n_jobs),
    )
    engine.vocabulary.set_terms([], [])  # an engine forgets tokens only once its vocabulary is frozen
    values = (engine.place_features(engine.scan(*_columns(batch))) for batch in _batches(X))
    return sp.vstack([sp.csr_matrix(batch) for batch in values], format="csr")


def _concatenate(pieces: Sequence[Any], threads: int) -> Any:
    """`np.concatenate` in threads: of large pieces, the memory that is new takes the time."""
    ends = np.cumsum([len(piece) for piece in pieces])
    whole = np.empty(ends[-1], pieces[0].dtype)

    def place(k: int) -> None:
        whole[ends[k] - len(pieces[k]) : ends[k]] = pieces[k]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(place, range(len(pieces))))
    return whole


def _order(df: Integers, hashes: Any, checks: Any) -> Integers:
    """Common terms first, so that those of an article lie close together in memory; then by hash."""
    rarity = 31 - np.log2(df).astype(np.uint64)  # in powers of two, to leave one key to sort by
    keys = (rarity << np.uint64(59)) | (hashes >> np.uint64(5))
    order = np.argsort(keys, kind="stable")
    if (keys[order[1:]] == keys[order[:-1]]).any():
        order = np.lexsort((checks, hashes, rarity))
    return order


def _fold(settings: Normalization) -> Callable[[str], str]:
    table = translation(build_table(settings))
    return lambda text: normalize(text, table)


@cache
def _maps(settings: Normalization) -> tuple[Any, Any]:
    return build_maps(_fold(settings), CHARACTER_CLASSES)


def _check_choices(vectorizer: ArabicTfidfVectorizer) -> None:
    """Refuse what is none of a parameter's choices, before any work is done."""
    for name, choices in CHOICES.items():
        value = getattr(vectorizer, name)
        if value not in choices:
            shown = ", ".join(map(repr, choices))
            raise ValueError(f"{name}: expected one of {shown}, found {value!r}")
    for name in ("min_df", "max_df", "max_features", "word_weight", "char_weight"):
        value = getattr(vectorizer, name)
        missing = value is None and name == "max_features"
        if not missing and not (isinstance(value, int | float | np.number) and value > 0):
            raise ValueError(f"{name}: expected a number above 0, found {value!r}")
    check_ngram_settings(vectorizer.ngram_max, vectorizer.char_ngrams, vectorizer.title_weight)


def _threads(n_jobs: int | None) -> int:
    return int(effective_n_jobs(n_jobs))


def _numbered(terms: Integers, n: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The column of each of `n` terms, -1 for those that are not kept."""
    columns = np.full(n, -1, np.int32)
    columns[terms] = np.arange(len(terms))
    return columns


def _batches(X: Documents) -> Iterator[Documents]:
    """Slices of a corpus; of an empty one, itself."""
    if isinstance(X, str):
        raise ValueError("expected a frame or a sequence of texts, found one string; put it into a list")
    if not isinstance(X, list | tuple | np.ndarray | pd.DataFrame | pd.Series | ArrowData):
        X = list(X)
    for start in range(0, max(1, len(X)), BATCH):
        if isinstance(X, ArrowData):
            yield X.slice(start, BATCH)
        else:
            yield (
                X.iloc[start : start + BATCH]
                if isinstance(X, pd.DataFrame | pd.Series)
                else X[start : start + BATCH]
            )


def _columns(X: Documents) -> tuple[Any, Any]:
    """Titles and texts of a batch, as `engine.encode` takes them."""
    if isinstance(X, pa.Table | pa.RecordBatch):
        names = X.schema.names
    elif isinstance(X, pd.DataFrame):
        names = list(X.columns)
    else:
        texts = _texts(X)
        return [""] * len(texts), texts
    if names.count("text") != 1 or names.count("title") > 1:
        raise ValueError(f"expected a frame with a column 'text' and perhaps one 'title', found {names}")
    texts = _texts(X["text"])
    return _texts(X["title"]) if "title" in names else [""] * len(texts), texts


def _texts(values: Any) -> Any:
    if isinstance(values, pd.Series):
        values = values.to_list()
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    texts = ["" if value is None or value is pd.NA or _is_nan(value) else value for value in values]
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"expected texts, found {type(text).__name__} in row {row}")
    return texts


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value
