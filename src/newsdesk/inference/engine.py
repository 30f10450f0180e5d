"""Run the compiled path: batches of articles to tokens, and tokens to counts, rows, features or scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from . import kernel
from .charmap import encode
from .gazetteer import Gazetteer
from .kernel import BREAK, Array, Articles, Spans, TermCounts, TermWeights, ThreadCounts
from .locks import create_lock
from .text import MAX_FOREIGN_LETTERS, MIN_ARABIC_LETTERS, is_arabic
from .vocabulary import GazetteerIndex, Stem, TokenCache, Vocabulary, build_gazetteer_index

NORMS = {None: 0, "l1": 1, "l2": 2}
MAX_TOKENS = 1_000_000  # remembered at a time, a few hundred bytes each
MIN_THREAD_WORK = 4096  # bytes or tokens from which another thread pays


def build_term_weights(
    word_idf: Array, char_idf: Array, *, sublinear: bool, norm: str | None, word_weight: float,
    char_weight: float, lead_tokens: int, lead_weight: float,
) -> TermWeights:  # fmt: skip
    """Build the weights that the kernel multiplies counts by."""
    logs = np.array([0.0, *(math.log(count) + 1.0 for count in range(1, 256))])
    return TermWeights(
        np.ascontiguousarray(word_idf), np.ascontiguousarray(char_idf), bool(sublinear), NORMS[norm],
        float(word_weight), float(char_weight), int(lead_tokens), float(lead_weight), logs,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenizedBatch:
    """A batch of articles as tokens."""

    articles: Articles
    letters: Array  # of shape (n_articles, 3): letters, Arabic and foreign ones; undefined for slow articles
    slow: Array  # of shape (n_articles,): whether the reference implementation normalized the article

    def __len__(self) -> int:
        return len(self.slow)

    def n_tokens(self) -> Array:
        """Return the number of tokens of title and text, shape (n_articles,)."""
        total = np.zeros(len(self), np.int64)
        for spans in self.articles:
            before = np.concatenate([[0], np.cumsum(spans.tokens != BREAK)])
            total += before[spans.stops] - before[spans.starts]
        return total

    def is_arabic(self, read: Callable[[int], str]) -> Array:
        """Return which articles are in Arabic, shape (n_articles,).

        `read` returns title and text of an article; it is called for those that counts of letters leave open.
        """
        n_letters, n_arabic, n_foreign = self.letters.T
        arabic = (n_letters > 0) & (n_arabic >= MIN_ARABIC_LETTERS * n_letters)
        unsure = self.slow | (arabic & (n_foreign > MAX_FOREIGN_LETTERS * n_letters))
        for row in np.flatnonzero(unsure).tolist():
            arabic[row] = is_arabic(read(row))
        return np.asarray(arabic)


class Engine:
    """Tokenize articles, learn terms, and compute TF-IDF rows, place features and scores, in threads.

    Terms are learned until `freeze`, or looked up in a vocabulary that is frozen already. Threads that share
    an engine hold its `lock`. Call `storage.check_ngram_settings` first: the kernel does not check them.
    """

    def __init__(
        self,
        *,
        normalize: Callable[[str], str],  # the reference, for articles that the map cannot normalize
        maps: tuple[Array, Array],  # as `charmap.build_maps` returns them
        ngram_max: int = 0,  # longest word n-gram; 0 for no words
        sentences: bool = False,  # whether a word n-gram ends where a sentence ends
        char_ngrams: Sequence[int] | None = None,  # shortest and longest
        title_weight: int = 1,  # how often a word of the title counts
        stem: Stem | None = None,
        gazetteer: Gazetteer | None = None,
        lead_tokens: int = 0,  # number of tokens that form the lead of a text
        marked: frozenset[str] = frozenset(),  # tokens that `has_marked` looks for
        threads: int = 1,
        hash_bits: int = 64,  # fewer in tests, to make collisions likely
    ) -> None:
        self._normalize = normalize
        self._charmap, self._identity = maps
        self._sentences, self._ngram_max = sentences, ngram_max
        self._mask = np.uint64((1 << hash_bits) - 1)
        self._title_weight = title_weight
        self._gazetteer: GazetteerIndex | None = None
        if gazetteer:
            self._gazetteer = build_gazetteer_index(gazetteer, lead_tokens=lead_tokens, mask=self._mask)
        self._logs = np.zeros(1)
        self._counts: list[ThreadCounts] = []
        self.threads = threads
        self.lock = create_lock()
        self.n_articles = 0  # learned
        self.vocabulary = Vocabulary(ngram_max=ngram_max, mask=self._mask)
        self.cache = TokenCache(
            self.vocabulary, self._gazetteer, stem=stem, ngram_max=ngram_max, char_ngrams=char_ngrams,
            mask=self._mask, marked=marked,
        )  # fmt: skip

    # from text to tokens

    def scan(self, titles: Any, texts: Any) -> TokenizedBatch:
        """Tokenize a batch; `charmap.encode` says what `titles` and `texts` may be."""
        if self.vocabulary.frozen and self.cache.table.n > MAX_TOKENS:
            self.cache.clear()
        encoded_titles, encoded_texts = encode(titles), encode(texts)  # raises before anything is changed
        if len(encoded_titles[1]) != len(encoded_texts[1]):
            raise ValueError(f"{len(encoded_titles[1])} titles for {len(encoded_texts[1])} texts")
        try:
            return self._scan(encoded_titles, encoded_texts)
        except BaseException:
            if self.vocabulary.frozen:
                self.cache.clear()  # an interrupt may have left it incomplete
            raise

    def _scan(self, titles: tuple[Array, Array, Array], texts: tuple[Array, Array, Array]) -> TokenizedBatch:
        title_spans, title_letters, title_slow = self._tokenize(*titles)
        text_spans, letters, slow = self._tokenize(*texts)
        self.cache.describe()
        articles = Articles(title_spans, text_spans)
        if self.vocabulary.frozen and self._ngram_max > 1:
            for spans in articles:
                parts = _split(spans.lengths, self.threads)
                self._map(lambda lo, hi, spans=spans: self._find_ngrams(spans, lo, hi), parts)
        return TokenizedBatch(articles, title_letters + letters, title_slow | slow)

    def _tokenize(self, data: Array, starts: Array, ends: Array) -> tuple[Spans, Array, Array]:
        """Return the tokens of titles or of texts, their letters, and which of them are slow."""
        tokens, first, last, letters, slow = self._tokenize_by(self._charmap, data, starts, ends)
        if slow.any():
            raw = (data[starts[d] : ends[d]].tobytes() for d in np.flatnonzero(slow))
            encoded = encode([self._normalize(text.decode("utf-8", "surrogatepass")) for text in raw])
            more, more_first, more_last, _, _ = self._tokenize_by(self._identity, *encoded)
            first[slow], last[slow] = len(tokens) + more_first, len(tokens) + more_last
            tokens = np.concatenate([tokens, more])
        width = max(0, self._ngram_max - 1)
        ngrams = np.full((len(tokens) if width else 0, width), -1, np.int32)
        return Spans(tokens, first, last, ngrams), letters, slow

    def _tokenize_by(
        self, charmap: Array, data: Array, starts: Array, ends: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        """Return tokens, where each article begins and ends, its letters, and whether it is slow."""
        n_known, slots = self.cache.table.n, self.cache.table.slots
        parts = self._map(
            lambda lo, hi: kernel.scan(
                data, starts[lo:hi], ends[lo:hi], charmap, slots, n_known, self._sentences, self._mask
            ),
            _split(np.asarray(ends - starts), self.threads),
        )
        tokens = [self.cache.add(part[0], n_known, *part[4:]) for part in parts]
        shifts = np.cumsum([0, *map(len, tokens[:-1])])
        last = np.concatenate([part[1] + shift for part, shift in zip(parts, shifts, strict=True)])
        first = np.concatenate([np.zeros(1, np.int64), last])[:-1]
        letters, slow = (np.concatenate([part[k] for part in parts]) for k in (2, 3))
        return np.concatenate(tokens), first, last, letters, slow

    def _find_ngrams(self, spans: Spans, lo: int, hi: int, *, learn: bool = False) -> tuple[int, int, int]:
        words, cache = self.vocabulary.words, self.cache
        return kernel.find_ngrams(  # type: ignore[no-any-return]
            spans, lo, hi, cache.word_hash.values, cache.word_check.values, words.slots, words.n,
            self.vocabulary.word_examples, self._mask, learn,
        )  # fmt: skip

    # learning

    def learn(self, batch: TokenizedBatch) -> None:
        """Add the word n-grams of a batch to the vocabulary, and its terms to the frequencies."""
        for spans in batch.articles if self._ngram_max > 1 else ():
            self._learn_ngrams(spans)
        self._count(batch, kernel.count_terms)
        self.n_articles += len(batch)

    def _learn_ngrams(self, spans: Spans) -> None:
        words, lengths, width, d = self.vocabulary.words, spans.lengths, self._ngram_max - 1, 0
        while d < len(lengths):  # most n-grams occur once, so about half of a batch's are new
            self.vocabulary.reserve_words(width * max(int(lengths[d:].sum()) // 2, int(lengths[d])))
            d, words.n, collisions = self._find_ngrams(spans, d, len(lengths), learn=True)
            words.collisions += collisions

    def frequencies(self) -> tuple[Array, Array, Array, Array]:
        """Return document and term frequencies of words, then of character n-grams, shape (n_terms,) each."""
        word_df, word_tf = np.zeros((2, self.vocabulary.words.n), np.int64)
        char_df, char_tf = np.zeros((2, self.vocabulary.chars.n), np.int64)
        for words, chars, _ in self._counts:
            word_df += words.df[: len(word_df)]
            word_tf += words.tf[: len(word_tf)]
            char_df += chars.df[: len(char_df)]
            char_tf += chars.tf[: len(char_tf)]
        return word_df, word_tf, char_df, char_tf

    def freeze(
        self, word_columns: Array, char_columns: Array, batches: Sequence[TokenizedBatch] = ()
    ) -> None:
        """Give each term its column, -1 to drop it, end the learning, and update learned batches."""
        self.vocabulary.freeze(word_columns, char_columns)
        word_columns, char_columns = (np.append(c, np.int32(-1)) for c in (word_columns, char_columns))
        self.cache.renumber(word_columns, char_columns)
        for batch in batches:
            for spans in batch.articles:
                spans.ngrams[:] = word_columns[spans.ngrams]
        self._counts = []

    # from tokens to numbers

    def rows(self, batch: TokenizedBatch, weights: TermWeights) -> list[tuple[Array, Array, Array]]:
        """Return parts of a CSR matrix, one below the other: values, columns, and lengths of the rows."""
        size = max(1 << 18, 2 * (self.vocabulary.words.n + self.vocabulary.chars.n))

        def rows(articles: Articles, lo: int, hi: int, *args: Any) -> list[tuple[Array, Array, Array]]:
            parts, columns, values = [], np.empty(size, np.int32), np.empty(size)
            while lo < hi:
                lo, *part = kernel.tfidf_rows(articles, lo, hi, *args, weights, columns, values)
                parts.append(tuple(part))
            return parts

        return [part for parts in self._count(batch, rows) for part in parts]

    def has_marked(self, batch: TokenizedBatch) -> Array:
        """Return which articles have a marked token, shape (n_articles,)."""
        total = np.zeros(len(batch), np.int64)
        for spans in batch.articles:
            is_marked = np.append(self.cache.marked.values, False)[spans.tokens] & (spans.tokens != BREAK)
            before = np.concatenate([[0], np.cumsum(is_marked)])
            total += before[spans.stops] - before[spans.starts]
        return total > 0

    def place_features(self, batch: TokenizedBatch) -> Array:
        """Compute `mentions.place_features` of each article, shape (n_articles, n_features)."""
        if self._gazetteer is None:
            return np.empty((len(batch), 0))
        articles, table, names = batch.articles, self._gazetteer.table, self.cache.names
        values = np.zeros((len(batch), self._gazetteer.n_features))
        lengths = articles.titles.lengths + articles.texts.lengths
        if 2 * lengths.max(initial=0) >= len(self._logs):
            # by `math`, as in the reference implementation
            self._logs = np.array([math.log1p(n) for n in range(4 * lengths.max() + 1)])
        self._map(
            lambda lo, hi: kernel.place_features(
                articles, lo, hi, names, table, self._mask, self._logs, values
            ),
            _split(articles.texts.lengths, self.threads),
        )
        return values

    def scores(
        self, batch: TokenizedBatch, weights: TermWeights, places: Array, coef: Array
    ) -> tuple[Array, Array]:
        """Compute linear scores without intercept, and how many features of each article are not 0."""
        parts = self._count(batch, lambda *args: kernel.linear_scores(*args, weights, places, coef))
        scores, n_values = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        return scores, n_values

    def _count(self, batch: TokenizedBatch, function: Callable[..., Any]) -> list[Any]:
        """Call a function of the kernel that counts terms, for a part of the batch in each thread."""
        token_terms = self.cache.terms
        parts = _split(batch.articles.texts.lengths, self.threads)
        while len(self._counts) < len(parts):
            self._counts.append(ThreadCounts(*(TermCounts.allocate(0) for _ in ThreadCounts._fields)))
        sizes = self.vocabulary.words.n, self.vocabulary.chars.n, self.cache.table.n
        summed = not self.vocabulary.frozen, not self.vocabulary.frozen, False
        self._counts = [
            ThreadCounts(*(own.grown(n, sums) for own, n, sums in zip(counts, sizes, summed, strict=True)))
            for counts in self._counts
        ]
        return self._map(
            lambda lo, hi, counts: function(batch.articles, lo, hi, self._title_weight, token_terms, counts),
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
