"""Run the compiled path: batches of articles to tokens, and tokens to counts, rows, features or scores.

NumPy and the kernel are needed, and pyarrow if the articles are Arrow columns.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from . import kernel
from .charmap import encode
from .gazetteer import Gazetteer
from .kernel import BREAK, Array, CountSettings, Spans, TermCounts, TermWeights, ThreadCounts
from .vocabulary import GazetteerIndex, Stem, TokenCache, Vocabulary, build_gazetteer_index

NORMS = {None: 0, "l1": 1, "l2": 2}
MAX_TOKENS = 1_000_000  # remembered at a time, a few hundred bytes each
MIN_THREAD_WORK = 4096  # bytes or tokens from which another thread pays


def build_term_weights(
    word_idf: Array,
    char_idf: Array,
    *,
    sublinear: bool,
    norm: str | None,
    word_weight: float,
    char_weight: float,
) -> TermWeights:
    """Build the weights that the kernel multiplies counts by."""
    logs = np.array([0.0, *(math.log(count) + 1.0 for count in range(1, 256))])
    return TermWeights(
        np.ascontiguousarray(word_idf), np.ascontiguousarray(char_idf), bool(sublinear), NORMS[norm],
        float(word_weight), float(char_weight), logs,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenizedBatch:
    """A batch of articles as tokens.

    Attributes
    ----------
    spans : Spans
    letters : int64 ndarray of shape (n_articles, 3)
        Number of letters, Arabic letters and letters foreign to Arabic; undefined for slow articles.
    slow : bool ndarray of shape (n_articles,)
        Whether the reference implementation normalized the article.
    """

    spans: Spans
    letters: Array
    slow: Array

    def __len__(self) -> int:
        return len(self.slow)

    def n_tokens(self) -> Array:
        """Return the number of tokens of title and text, shape (n_articles,)."""
        s = self.spans
        total = np.zeros(len(self), np.int64)
        for tokens, starts, stops in ((s.title, s.title_starts, s.title_stops), (s.text, s.starts, s.stops)):
            before = np.concatenate([[0], np.cumsum(tokens != BREAK)])
            total += before[stops] - before[starts]
        return total


class Engine:
    """Tokenize articles, learn terms, and compute TF-IDF rows, place features and scores, in threads.

    Terms are learned until `freeze`, or looked up in a vocabulary that is frozen already. Tokens are
    remembered, which changes no result, until there are too many.

    Parameters
    ----------
    normalize : callable of str to str
        The reference implementation, for articles with characters that the map cannot normalize.
    maps : (ndarray, ndarray)
        As `charmap.build_maps` returns them.
    ngram_max : int
        Longest word n-gram; 0 for no words. The kernel does not check this, `char_ngrams` and `title_weight`:
        call `storage.check_ngram_settings` first.
    sentences : bool
        Whether a word n-gram ends where a sentence ends.
    char_ngrams : (int, int) or None
        Shortest and longest character n-gram.
    title_weight : int
        How often a word of the title counts.
    stem : callable of list of str to list of str, or None
    gazetteer : Gazetteer, optional
        The names to look for.
    lead_tokens : int
        Number of tokens that form the lead of a text.
    threads : int
    hash_bits : int
        Less than 64 in tests, to make collisions likely.

    Attributes
    ----------
    vocabulary : Vocabulary
    cache : TokenCache
    n_articles : int
        Number of articles learned.
    threads : int
    lock : Lock
        To be held by threads that share an engine.
    """

    def __init__(
        self,
        *,
        normalize: Callable[[str], str],
        maps: tuple[Array, Array],
        ngram_max: int,
        sentences: bool,
        char_ngrams: Sequence[int] | None,
        title_weight: int,
        stem: Stem | None,
        gazetteer: Gazetteer | None = None,
        lead_tokens: int = 0,
        threads: int = 1,
        hash_bits: int = 64,
    ) -> None:
        self._normalize = normalize
        self._charmap, self._identity = maps
        self._sentences, self._char_ngrams, self._stem = sentences, char_ngrams, stem
        self._mask = np.uint64((1 << hash_bits) - 1)
        self._ngram_max = ngram_max
        self._settings = CountSettings(title_weight, ngram_max > 0)
        self._gazetteer: GazetteerIndex | None = None
        if gazetteer:
            self._gazetteer = build_gazetteer_index(gazetteer, lead_tokens=lead_tokens, mask=self._mask)
        self._logs = np.zeros(1)
        self._counts: list[ThreadCounts] = []
        self.threads = threads
        self.lock = threading.Lock()
        self.n_articles = 0
        self.vocabulary = Vocabulary(ngram_max=ngram_max, mask=self._mask)
        self.forget()

    def forget(self) -> None:
        """Forget all tokens."""
        self.cache = TokenCache(
            self.vocabulary, self._gazetteer, stem=self._stem, ngram_max=self._ngram_max,
            char_ngrams=self._char_ngrams, mask=self._mask,
        )  # fmt: skip

    # from text to tokens

    def scan(self, titles: Any, texts: Any) -> TokenizedBatch:
        """Tokenize a batch; `charmap.encode` says what `titles` and `texts` may be."""
        if self.vocabulary.frozen and self.cache.table.n > MAX_TOKENS:
            self.forget()
        encoded_titles, encoded_texts = encode(titles), encode(texts)  # raises before anything is changed
        if len(encoded_titles[1]) != len(encoded_texts[1]):
            raise ValueError(f"{len(encoded_titles[1])} titles for {len(encoded_texts[1])} texts")
        try:
            return self._scan(encoded_titles, encoded_texts)
        except BaseException:
            if self.vocabulary.frozen:
                self.forget()  # an interrupt may have left the cache incomplete
            raise

    def _scan(self, titles: tuple[Array, Array, Array], texts: tuple[Array, Array, Array]) -> TokenizedBatch:
        title, title_starts, title_stops, title_letters, title_slow = self._tokenize(*titles)
        text, starts, stops, letters, slow = self._tokenize(*texts)
        self.cache.describe()
        title_ngrams, ngrams = self._empty_ngrams(title), self._empty_ngrams(text)
        spans = Spans(title, title_starts, title_stops, title_ngrams, text, starts, stops, ngrams)
        if self.vocabulary.frozen and self._ngram_max > 1:
            self._find_ngrams(*spans[:4])
            self._find_ngrams(*spans[4:])
        return TokenizedBatch(spans, title_letters + letters, title_slow | slow)

    def _tokenize(self, data: Array, starts: Array, ends: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Return tokens, where each article begins and ends, its letters, and whether it is slow."""
        tokens, first, last, letters, slow = self._tokenize_by(self._charmap, data, starts, ends)
        if slow.any():
            raw = (
                data[starts[d] : ends[d]].tobytes().decode("utf-8", "surrogatepass")
                for d in np.flatnonzero(slow)
            )
            encoded = encode([self._normalize(text) for text in raw])
            more, more_first, more_last, _, _ = self._tokenize_by(self._identity, *encoded)
            first[slow], last[slow] = len(tokens) + more_first, len(tokens) + more_last
            tokens = np.concatenate([tokens, more])
        return tokens, first, last, letters, slow

    def _tokenize_by(
        self, charmap: Array, data: Array, starts: Array, ends: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        n_known, slots = self.cache.table.n, self.cache.table.slots
        parts = self._map(
            lambda lo, hi: kernel.scan(
                data, starts[lo:hi], ends[lo:hi], charmap, slots, n_known, self._sentences, self._mask
            ),
            _split(np.asarray(ends - starts), self.threads),
        )
        tokens = [self.cache.add(part[0], n_known, *part[4:]) for part in parts]
        shifts = np.cumsum([0, *map(len, tokens)])
        last = np.concatenate([part[1] + shift for part, shift in zip(parts, shifts, strict=False)])
        first = np.concatenate(
            [[shift, *(part[1][:-1] + shift)] for part, shift in zip(parts, shifts, strict=False)]
        )
        return (
            np.concatenate(tokens),
            first.astype(np.int64)[: len(last)],
            last,
            np.concatenate([part[2] for part in parts]),
            np.concatenate([part[3] for part in parts]),
        )

    def _empty_ngrams(self, tokens: Array) -> Array:
        width = max(0, self._ngram_max - 1)
        return np.full((len(tokens) if width else 0, width), -1, np.int32)

    def _find_ngrams(self, tokens: Array, starts: Array, stops: Array, ngrams: Array) -> None:
        words = self.cache.word_hash.values, self.cache.word_check.values, self.vocabulary.words.slots
        examples = self.vocabulary.word_examples
        self._map(
            lambda lo, hi: kernel.find_ngrams(
                tokens, starts, stops, lo, hi, *words, 0, examples, self._mask, ngrams, False
            ),
            _split(stops - starts, self.threads),
        )

    # learning

    def learn(self, batch: TokenizedBatch) -> None:
        """Add the word n-grams of a batch to the vocabulary, and its terms to the frequencies."""
        for part in (batch.spans[:4], batch.spans[4:]) if self._ngram_max > 1 else ():
            self._learn_ngrams(*part)
        self._count(batch, kernel.count_terms)
        self.n_articles += len(batch)

    def _learn_ngrams(self, tokens: Array, starts: Array, stops: Array, ngrams: Array) -> None:
        words, lengths, width, d = self.vocabulary.words, stops - starts, self._ngram_max - 1, 0
        while d < len(starts):  # most n-grams occur once, so about half of a batch's are new
            self.vocabulary.reserve_words(width * max(int(lengths[d:].sum()) // 2, int(lengths[d])))
            d, words.n, collisions = kernel.find_ngrams(
                tokens, starts, stops, d, len(starts), self.cache.word_hash.values,
                self.cache.word_check.values, words.slots, words.n, self.vocabulary.word_examples, self._mask,
                ngrams, True,
            )  # fmt: skip
            words.collisions += collisions

    def frequencies(self) -> tuple[Array, Array, Array, Array]:
        """Return document and term frequencies of words, then of character n-grams, shape (n_terms,) each."""

        def total(name: str, kind: str, n: int) -> Array:
            parts = (getattr(getattr(counts, kind), name)[:n] for counts in self._counts)
            return sum(parts, np.zeros(n, np.int64))

        n_words, n_chars = self.vocabulary.words.n, self.vocabulary.chars.n
        return (
            total("df", "words", n_words), total("tf", "words", n_words),
            total("df", "chars", n_chars), total("tf", "chars", n_chars),
        )  # fmt: skip

    def freeze(
        self, word_columns: Array, char_columns: Array, batches: Sequence[TokenizedBatch] = ()
    ) -> None:
        """Give each term its column, -1 to drop it, and end the learning.

        `batches` are batches that were learned, updated so that `rows` accepts them.
        """
        self.vocabulary.freeze(word_columns, char_columns)
        word_columns, char_columns = (np.append(c, np.int32(-1)) for c in (word_columns, char_columns))
        self.cache.renumber(word_columns, char_columns)
        for batch in batches:
            for ngrams in (batch.spans.title_ngrams, batch.spans.ngrams):
                ngrams[:] = word_columns[ngrams]
        self._counts = []

    # from tokens to numbers

    def rows(self, batch: TokenizedBatch, weights: TermWeights) -> list[tuple[Array, Array, Array]]:
        """Return parts of a CSR matrix, one below the other: values, columns, and lengths of the rows."""
        size = max(1 << 18, 2 * (self.vocabulary.words.n + self.vocabulary.chars.n))

        def rows(spans: Spans, lo: int, hi: int, *args: Any) -> list[tuple[Array, Array, Array]]:
            parts, columns, values = [], np.empty(size, np.int32), np.empty(size)
            while lo < hi:
                lo, *part = kernel.tfidf_rows(spans, lo, hi, *args, weights, columns, values)
                parts.append(tuple(part))
            return parts

        return [part for parts in self._count(batch, rows) for part in parts]

    def place_features(self, batch: TokenizedBatch) -> Array:
        """Compute `mentions.place_features` of each article, shape (n_articles, n_features)."""
        if self._gazetteer is None:
            return np.empty((len(batch), 0))
        spans, table, names = batch.spans, self._gazetteer.table, self.cache.names
        values = np.zeros((len(batch), self._gazetteer.n_features))
        lengths = spans.title_stops - spans.title_starts + spans.stops - spans.starts
        if 2 * lengths.max(initial=0) >= len(self._logs):
            # by `math`, as in the reference implementation
            self._logs = np.array([math.log1p(n) for n in range(4 * lengths.max() + 1)])
        self._map(
            lambda lo, hi: kernel.place_features(spans, lo, hi, names, table, self._mask, self._logs, values),
            _split(spans.stops - spans.starts, self.threads),
        )
        return values

    def scores(
        self, batch: TokenizedBatch, weights: TermWeights, places: Array, coef: Array
    ) -> tuple[Array, Array]:
        """Compute linear scores without intercept.

        Parameters
        ----------
        places : ndarray of shape (n_articles, n_place_features)
        coef : ndarray of shape (n_terms + n_place_features, n_labels)

        Returns
        -------
        scores : ndarray of shape (n_articles, n_labels)
        n_values : ndarray of shape (n_articles,)
            Number of features of each article that are not zero.
        """
        parts = self._count(batch, lambda *args: kernel.linear_scores(*args, weights, places, coef))
        scores, n_values = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return scores, n_values

    def _count(self, batch: TokenizedBatch, function: Callable[..., Any]) -> list[Any]:
        """Call a function of the kernel that counts terms, for a part of the batch in each thread."""
        spans, token_terms = batch.spans, self.cache.terms
        parts = _split(spans.stops - spans.starts, self.threads)
        while len(self._counts) < len(parts):
            self._counts.append(ThreadCounts(*(TermCounts.allocate(0) for _ in ThreadCounts._fields)))
        sizes = self.vocabulary.words.n, self.vocabulary.chars.n, self.cache.table.n
        summed = not self.vocabulary.frozen, not self.vocabulary.frozen, False
        self._counts = [
            ThreadCounts(*(own.grown(n, sums) for own, n, sums in zip(counts, sizes, summed, strict=True)))
            for counts in self._counts
        ]
        return self._map(
            lambda lo, hi, counts: function(spans, lo, hi, self._settings, token_terms, counts),
            [(*part, counts) for part, counts in zip(parts, self._counts, strict=False)],
        )

    def _map(self, function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
        if len(calls) == 1:
            return [function(*calls[0])]
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: function(*call), calls))


def _split(sizes: Array, parts: int) -> list[tuple[int, int]]:
    """Return ranges of articles of about equal size, one for each thread."""
    total = np.cumsum(sizes)
    if parts == 1 or not len(total) or total[-1] < MIN_THREAD_WORK * parts:
        return [(0, len(sizes))]
    cuts = np.searchsorted(total, np.linspace(0, total[-1], parts + 1)[1:-1]).tolist()
    return list(pairwise(np.unique([0, *cuts, len(sizes)]).tolist()))  # a long article may fill a part
