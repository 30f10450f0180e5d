"""TF-IDF features of Arabic articles, with scikit-learn's estimator contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from newsdesk.scorer import analyze, normalize, tokenize
from newsdesk.text import Normalization, build_table, translation

Documents = pd.DataFrame | Sequence[str]


class ArabicTfidfVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """TF-IDF of the words of title and text, and of what is within words, normalized as Arabic needs it.

    Parameters
    ----------
    normalization : Normalization or None
        Which spellings count as the same; None takes the defaults.
    ngram_max : int
        Longest word n-gram.
    char_ngrams : (int, int) or None
        Shortest and longest run of characters within a word; None for words alone. Arabic writes
        article, conjunctions and prepositions onto the word: a run of its middle is free of them.
    min_df, max_df, max_features
        As in scikit-learn's `CountVectorizer`.
    sublinear_tf : bool
        Take 1 + log(count) in place of the count.
    title_weight : int
        How often a word of the title counts.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Term to column.
    idf_ : ndarray of shape (n_features,)
        Smoothed inverse document frequency, log((1 + n) / (1 + df)) + 1.
    """

    def __init__(
        self,
        *,
        normalization: Normalization | None = None,
        ngram_max: int = 1,
        char_ngrams: tuple[int, int] | None = None,
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        max_features: int | None = None,
        sublinear_tf: bool = False,
        title_weight: int = 1,
    ) -> None:
        self.normalization = normalization
        self.ngram_max = ngram_max
        self.char_ngrams = char_ngrams
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.sublinear_tf = sublinear_tf
        self.title_weight = title_weight

    def fit(self, X: Documents, y: object = None) -> Self:
        """Learn vocabulary and IDF from a frame with `title` and `text`, or from texts."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Documents, y: object = None) -> sp.csr_matrix:
        """Learn vocabulary and IDF, return the matrix of shape (n_articles, n_features)."""
        counter = CountVectorizer(
            analyzer=list, min_df=self.min_df, max_df=self.max_df, max_features=self.max_features
        )
        counts = counter.fit_transform(self._terms(X))
        self.vocabulary_ = {str(term): int(column) for term, column in counter.vocabulary_.items()}
        self._weigher = TfidfTransformer(sublinear_tf=self.sublinear_tf).fit(counts)
        self.idf_ = self._weigher.idf_
        return sp.csr_matrix(self._weigher.transform(counts))

    def transform(self, X: Documents) -> sp.csr_matrix:
        """Matrix of shape (n_articles, n_features), rows of unit length or zero."""
        check_is_fitted(self, "vocabulary_")
        counter = CountVectorizer(analyzer=list, vocabulary=self.vocabulary_)
        return sp.csr_matrix(self._weigher.transform(counter.transform(self._terms(X))))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray[Any, np.dtype[np.object_]]:
        """Terms in the order of the columns."""
        check_is_fitted(self, "vocabulary_")
        return np.array(sorted(self.vocabulary_, key=self.vocabulary_.__getitem__), dtype=object)

    def _terms(self, X: Documents) -> Iterator[list[str]]:
        table = translation(build_table(self.normalization or Normalization()))
        for title, text in _pairs(X):
            title_terms, text_terms = (
                analyze(
                    tokenize(normalize(part, table)), ngram_max=self.ngram_max, char_ngrams=self.char_ngrams
                )
                for part in (title, text)
            )
            yield title_terms * self.title_weight + text_terms


def _pairs(X: Documents) -> Iterable[tuple[str, str]]:
    if isinstance(X, str):
        raise ValueError("expected a frame or a sequence of texts, found one string; put it into a list")
    if isinstance(X, pd.DataFrame):
        if "text" not in X.columns:
            raise ValueError(f"expected a frame with a column 'text', found {list(X.columns)}")
        titles = X["title"].fillna("") if "title" in X.columns else [""] * len(X)
        return zip(titles, X["text"].fillna(""), strict=True)
    return (("", text) for text in X)
