"""TF-IDF features of Arabic articles, computed by the compiled kernel."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.features.documents import Documents, iterate_batches, titles_and_texts
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine, TokenizedBatch, build_term_weights
from newsdesk.inference.hashtable import from_points
from newsdesk.inference.kernel import TermWeights
from newsdesk.inference.storage import check_ngram_settings
from newsdesk.inference.text import CHAR_PREFIX, LEAD_PREFIX, STEMMERS, build_stemmer

Integers = np.ndarray[Any, np.dtype[np.int64]]
CHOICES = {
    "ngram_scope": ("text", "sentence"), "stem": (None, *STEMMERS), "norm": (None, "l1", "l2"),
    "dtype": ("float64", "float32"), "sublinear_tf": (True, False),
}  # fmt: skip
POSITIVE = ("min_df", "max_df", "max_features", "word_weight", "char_weight")
ENGINE_PARAMETERS = ("normalization", "ngram_max", "ngram_scope", "stem", "char_ngrams", "title_weight")


class ArabicTfidfVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Convert Arabic articles to a matrix of TF-IDF features of words and of character n-grams.

    The columns are those of scikit-learn's `FeatureUnion` of two `TfidfVectorizer`, one for words and one for
    `char_wb`, after the normalization of this project: the same terms, and the same values up to 1e-12. Words
    come before character n-grams, both from frequent to rare and then by hash, for any batches and threads.
    With a `lead_weight` all columns follow once more, for the terms of title and lead alone.

    Parameters
    ----------
    normalization : Normalization or None, default=None
        Which spellings are equal; None for the defaults.
    ngram_max : int, default=1
        Longest word n-gram; 0 for no words.
    ngram_scope : {"text", "sentence"}, default="text"
        Whether a word n-gram may extend beyond a sentence.
    stem : {"snowball"} or None, default=None
        Stemmer of words.
    char_ngrams : (int, int) or None, default=None
        Shortest and longest character n-gram within a word; None for words only.
    word_weight, char_weight : float, default=1.0
        Factors of the values of words and of character n-grams, applied after the norm.
    min_df, max_df, max_features, sublinear_tf, norm
        As in scikit-learn's `TfidfVectorizer`, separately for words and for character n-grams.
    title_weight : int, default=1
        How often a word of the title counts.
    lead_tokens : int, default=60
        Number of words of the text that form its lead.
    lead_weight : float, default=0.0
        Factor of the values of the terms of title and lead; 0 for no such columns.
    dtype : {"float64", "float32"}, default="float64"
        Type of the matrix; sums are computed in float64.
    n_jobs : int or None, default=None
        Number of threads; None for one.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Term to column; character n-grams begin with "#", and the terms of the lead with "^".
    idf_ : ndarray of shape (n_terms,)
        Smoothed inverse document frequency, log((1 + n) / (1 + df)) + 1.
    n_articles_ : int
        Number of articles that the vectorizer was fitted on.
    n_collisions_ : int
        Number of terms that have the 64-bit hash of another term. They are told apart by a second hash.

    Examples
    --------
    >>> vectorizer = ArabicTfidfVectorizer().fit(["قمة في برلين", "مباراة في مدريد"])
    >>> sorted(vectorizer.get_feature_names_out().tolist())
    ['برلين', 'في', 'قمه', 'مباراه', 'مدريد']
    >>> vectorizer.transform(["وصل إلى برلين"]).sum()
    np.float64(1.0)
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
        lead_tokens: int = 60,
        lead_weight: float = 0.0,
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
        self.lead_tokens = lead_tokens
        self.lead_weight = lead_weight
        self.dtype = dtype
        self.n_jobs = n_jobs

    def fit(self, X: Documents, y: object = None) -> Self:
        """Learn vocabulary and IDF; `y` is ignored.

        Parameters
        ----------
        X : DataFrame or Arrow table with `text` and optional `title`, or sequence or array of str or None

        Raises
        ------
        ValueError
            If a parameter or a text is invalid, or no term remains.
        """
        return self.fit_batches(iterate_batches(X))

    def fit_batches(self, batches: Iterable[Documents]) -> Self:
        """Learn vocabulary and IDF from batches; memory grows with the terms, not with the articles."""
        self._fit(batches, keep=False)
        return self

    def fit_transform(self, X: Documents, y: object = None) -> sp.csr_matrix:
        """Learn vocabulary and IDF, and return the matrix of shape (n_articles, n_features)."""
        tokenized, weights = self._fit(iterate_batches(X), keep=True), self._weights()
        return self._matrix([part for batch in tokenized for part in self._engine.rows(batch, weights)])

    def transform(self, X: Documents) -> sp.csr_matrix:
        """Return the features of articles, which are given as in `fit`.

        Returns
        -------
        sparse matrix of shape (n_articles, n_features)
        """
        check_is_fitted(self, "idf_")
        return self._matrix([part for batch in iterate_batches(X) for part in self._rows(batch)])

    def transform_batches(self, batches: Iterable[Documents]) -> Iterator[sp.csr_matrix]:
        """Yield the matrix of each batch."""
        check_is_fitted(self, "idf_")
        for batch in batches:
            yield self._matrix(self._rows(batch))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray[Any, np.dtype[np.object_]]:
        """Return the terms in the order of the columns, shape (n_features,)."""
        check_is_fitted(self, "idf_")
        words, tokens = (from_points(*points) for points in self._points)
        padded = [f" {token} " for token in tokens]
        ngrams = [" ".join(words[t] for t in example if t >= 0) for example in self._word_examples.tolist()]
        chars = [CHAR_PREFIX + padded[t][i : i + n] for t, i, n in self._char_examples.tolist()]
        terms = [*ngrams, *chars]
        lead = [LEAD_PREFIX + term for term in terms] if self.lead_weight else []
        return np.array([*terms, *lead], dtype=object)

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Map terms to columns."""
        return {term: column for column, term in enumerate(self.get_feature_names_out().tolist())}

    def __sklearn_tags__(self) -> Any:
        """Return the tags of an estimator of texts, by which scikit-learn chooses its checks."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the engine, which `transform` builds anew."""
        transient = ("_engine", "_engine_parameters")
        return {name: value for name, value in super().__getstate__().items() if name not in transient}

    def _build_engine(self) -> Engine:
        _check_parameters(self)
        normalization = self.normalization or Normalization()
        return Engine(
            normalize=build_normalizer(normalization),
            maps=character_maps(normalization),
            ngram_max=self.ngram_max,
            sentences=self.ngram_scope == "sentence",
            char_ngrams=self.char_ngrams,
            title_weight=self.title_weight,
            stem=build_stemmer(self.stem),
            threads=effective_n_jobs(self.n_jobs),
        )

    def _fit(self, batches: Iterable[Documents], *, keep: bool) -> list[TokenizedBatch]:
        """Learn vocabulary and IDF; return the tokenized batches to `keep`."""
        engine, kept = self._build_engine(), []
        for batch in batches:
            tokenized = engine.scan(*titles_and_texts(batch))
            engine.learn(tokenized)
            kept += [tokenized] if keep else []
        self._finish(engine, kept)
        return kept

    def _finish(self, engine: Engine, tokenized: Sequence[TokenizedBatch]) -> None:
        """Select the terms, number their columns and keep what `transform` needs."""
        word_df, word_tf, char_df, char_tf = engine.frequencies()
        if not len(word_df) and not len(char_df):
            raise ValueError("empty vocabulary; the articles hold no word of two letters or more")
        vocabulary, self.n_articles_ = engine.vocabulary, engine.n_articles
        words = self._select_terms(word_df, word_tf, *vocabulary.words.hashes())
        chars = self._select_terms(char_df, char_tf, *vocabulary.chars.hashes())
        if not len(words) and not len(chars):
            raise ValueError("After pruning, no terms remain. Try a lower min_df or a higher max_df.")
        self.n_collisions_ = vocabulary.words.collisions + vocabulary.chars.collisions
        if self.n_collisions_:
            message = f"{self.n_collisions_} terms share the hash of another"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        df = np.concatenate([word_df[words], char_df[chars]])
        self.idf_ = np.log((1 + self.n_articles_) / (1 + df)) + 1.0
        self._points = [
            (strings.points.values.copy(), strings.bounds.values.copy())
            for strings in (engine.cache.word_spellings, engine.cache.spellings)
        ]
        self._word_examples = vocabulary.word_examples[words]
        self._char_examples = vocabulary.char_examples.values[chars]
        engine.freeze(_columns(words, len(word_df)), _columns(chars, len(char_df)), tokenized)
        self._tables = vocabulary.words, vocabulary.chars
        self._engine, self._engine_parameters = engine, self._current_parameters()

    def _select_terms(self, df: Integers, tf: Integers, hashes: Any, checks: Any) -> Integers:
        """Return the terms to keep, in the order of their columns."""
        is_count = [isinstance(limit, int | np.integer) for limit in (self.min_df, self.max_df)]
        least = self.min_df if is_count[0] else self.min_df * self.n_articles_
        most = self.max_df if is_count[1] else self.max_df * self.n_articles_
        if most < least:
            raise ValueError("max_df corresponds to < documents than min_df")
        # A document frequency can be 0: an article that the character map cannot normalize is read twice, and
        # its first reading may have added tokens.
        kept = np.flatnonzero((df >= least) & (df <= most) & (df > 0))
        if self.max_features is not None and len(kept) > self.max_features:
            kept = kept[np.lexsort((checks[kept], hashes[kept], -tf[kept]))[: self.max_features]]
        return kept[_order(df[kept], hashes[kept], checks[kept])]

    def _weights(self) -> TermWeights:
        n_words = len(self._word_examples)
        return build_term_weights(
            self.idf_[:n_words], self.idf_[n_words:], sublinear=self.sublinear_tf, norm=self.norm,
            word_weight=self.word_weight, char_weight=self.char_weight,
            lead_tokens=self.lead_tokens, lead_weight=self.lead_weight,
        )  # fmt: skip

    def _rows(self, batch: Documents) -> list[tuple[Any, Any, Any]]:
        """Return the rows of a batch, as `Engine.rows` does; parameters may have changed since the fit."""
        if not hasattr(self, "_engine") or self._engine_parameters != self._current_parameters():
            self._engine, self._engine_parameters = self._build_engine(), self._current_parameters()
            self._engine.vocabulary.restore(*self._tables)
        self._engine.threads = effective_n_jobs(self.n_jobs)
        with self._engine.lock:
            return self._engine.rows(self._engine.scan(*titles_and_texts(batch)), self._weights())

    def _current_parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ENGINE_PARAMETERS}

    def _matrix(self, parts: list[tuple[Any, Any, Any]]) -> sp.csr_matrix:
        n_columns = len(self.idf_) * (2 if self.lead_weight else 1)
        if not parts:
            return sp.csr_matrix((0, n_columns), dtype=self.dtype)
        threads = effective_n_jobs(self.n_jobs)
        data, indices, lengths = (_concatenate(pieces, threads) for pieces in zip(*parts, strict=True))
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        if bounds[-1] < np.iinfo(np.int32).max:
            bounds = bounds.astype(np.int32)
        data, shape = data.astype(self.dtype, copy=False), (len(lengths), n_columns)
        matrix = sp.csr_matrix((data, indices, bounds), shape)
        matrix.has_sorted_indices = True
        return matrix


@cache
def character_maps(normalization: Normalization) -> tuple[Any, Any]:
    """Return the character maps of a normalization."""
    return build_maps(build_normalizer(normalization))


def _check_parameters(vectorizer: ArabicTfidfVectorizer) -> None:
    """Raise a ValueError if a parameter is invalid."""
    for name, choices in CHOICES.items():
        if (value := getattr(vectorizer, name)) not in choices:
            expected = ", ".join(map(repr, choices))
            raise ValueError(f"{name}: expected one of {expected}, found {value!r}")
    for name in POSITIVE:
        value = getattr(vectorizer, name)
        is_unlimited = name == "max_features" and value is None
        if not is_unlimited and not (isinstance(value, int | float | np.number) and value > 0):
            raise ValueError(f"{name}: expected a number above 0, found {value!r}")
    for name, kind in (("lead_tokens", int | np.integer), ("lead_weight", int | float | np.number)):
        value = getattr(vectorizer, name)
        if not (isinstance(value, kind) and value >= 0):
            raise ValueError(f"{name}: expected a number from 0, found {value!r}")
    check_ngram_settings(vectorizer.ngram_max, vectorizer.char_ngrams, vectorizer.title_weight)


def _concatenate(arrays: Sequence[Any], threads: int) -> Any:
    """Concatenate arrays in threads, since allocating the memory takes most of the time."""
    ends = np.cumsum([len(array) for array in arrays])
    joined = np.empty(ends[-1], arrays[0].dtype)

    def copy(k: int) -> None:
        joined[ends[k] - len(arrays[k]) : ends[k]] = arrays[k]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, range(len(arrays))))
    return joined


def _order(df: Integers, hashes: Any, checks: Any) -> Integers:
    """Sort terms by document frequency, so that those of an article are close in memory, then by hash."""
    rarity = 31 - np.log2(df).astype(np.uint64)  # powers of two, so that rarity and hash fit into one key
    keys = (rarity << np.uint64(59)) | (hashes >> np.uint64(5))
    order = np.argsort(keys, kind="stable")
    if (keys[order[1:]] == keys[order[:-1]]).any():
        order = np.lexsort((checks, hashes, rarity))
    return order


def _columns(terms: Integers, n: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return the column of each of `n` terms, -1 for those that are dropped."""
    columns = np.full(n, -1, np.int32)
    columns[terms] = np.arange(len(terms))
    return columns
