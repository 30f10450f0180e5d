"""Functions compiled by numba: from the UTF-8 bytes of articles to counts, TF-IDF rows and scores.

A term is identified by a 64-bit hash; a second hash of 32 bits, its check, tells colliding terms apart. All
functions are in one file, because numba's cache on disk does not notice a change in another file.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np

from .compile_cache import cached

Array = np.ndarray[Any, Any]
Int = Any  # an integer whose width the compiler infers

# an entry of the character map: the normalized code point, and these bits
CODEPOINT = (1 << 21) - 1
WORD, END, SKIP, SLOW, LETTER, ARABIC, FOREIGN = (1 << bit for bit in range(21, 28))
BREAK = -1  # among tokens: the end of a sentence

H0, H1, H2 = np.uint64(0x9AE16A3B2F90404F), np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
G0, G2 = np.uint64(5381), np.uint64(0xFF51AFD7ED558CCD)
U5, U29, U32 = np.uint64(5), np.uint64(29), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
ZERO, ONE = np.int64(0), np.int64(1)  # of the type of variables, so that no function is compiled twice
SPACE = 0x20


def compiled(function: Callable[..., Any], **flags: Any) -> Any:
    """Compile at the first call and cache the result on disk if a folder for it can be written.

    Nothing calls from C, and private functions are called by compiled ones alone: to call one from Python
    ends the process. Entries for such callers would take a quarter of the compilation.
    """
    flags |= {"no_cfunc_wrapper": True, "no_cpython_wrapper": function.__name__.startswith("_")}
    try:
        return cached(function, nogil=True, **flags)
    except RuntimeError:
        _warn_uncached()
        return numba.njit(nogil=True, **flags)(function)


def _leaf(function: Callable[..., Any]) -> Any:
    """Compile without reference counts of arrays, for which threads that share an array would wait."""
    return compiled(function, _nrt=False)


@cache
def _warn_uncached() -> None:
    message = "no folder for compiled code can be written: each process compiles anew; set NUMBA_CACHE_DIR"
    warnings.warn(message, RuntimeWarning, stacklevel=3)


# -- hashing -----------------------------------------------------------------------------------------


@_leaf
def _step(h: Int, c: Int) -> Int:
    h = (h ^ np.uint64(c)) * H1
    return h ^ (h >> U29)


@_leaf
def _check(g: Int, c: Int) -> Int:
    return (g << U5) + g + np.uint64(c)


@_leaf
def _join(h: Int, other: Int) -> Int:
    """Return the hash of a word n-gram from the hashes of its first n - 1 words and of its last word."""
    h = ((h * H1) ^ (other + H0)) * H2  # differs for "a b" and "b a"
    return h ^ (h >> U29)


@_leaf
def _join_check(g: Int, other: Int) -> Int:
    return (((g << U5) + g + other) * G2) >> U32


# A hash table is an array of pairs: the hash, and (check, identifier + 1); zero marks an empty slot.


@_leaf
def _find(slots: Array, h: Int, g: Int) -> Int:
    """Return the identifier of a term, or -1."""
    mask = np.int64(len(slots) // 2 - 1)
    j = np.int64(h) & mask
    while True:
        entry = slots[2 * j + 1]
        if entry == np.uint64(0):
            return np.int64(-1)
        if slots[2 * j] == h and (entry >> U32) == g:
            return np.int64(entry & LOW) - 1
        j = (j + 1) & mask


@_leaf
def _insert(slots: Array, h: Int, g: Int, identifier: Int) -> bool:
    """Add a new term; return whether another term has its hash."""
    mask = np.int64(len(slots) // 2 - 1)
    j = np.int64(h) & mask
    collided = False
    while slots[2 * j + 1] != np.uint64(0):
        collided |= slots[2 * j] == h
        j = (j + 1) & mask
    slots[2 * j] = h
    slots[2 * j + 1] = (g << U32) | np.uint64(identifier + 1)
    return collided


@_leaf
def copy(slots: Array, larger: Array) -> None:
    """Copy all terms into a larger, empty table."""
    for j in range(len(slots) // 2):
        entry = slots[2 * j + 1]
        if entry != np.uint64(0):
            _insert(larger, slots[2 * j], entry >> U32, np.int64(entry & LOW) - 1)


@_leaf
def copy_columns(slots: Array, columns: Array, kept: Array) -> None:
    """Copy the terms whose column is not -1 into an empty table, with columns as identifiers."""
    for j in range(len(slots) // 2):
        entry = slots[2 * j + 1]
        if entry != np.uint64(0):
            column = np.int64(columns[np.int64(entry & LOW) - 1])
            if column >= 0:
                _insert(kept, slots[2 * j], entry >> U32, column)


@compiled
def lookup_all(slots: Array, h: Array, g: Array) -> Array:
    """Return the identifiers of terms, -1 for unknown ones."""
    found = np.empty(len(h), np.int32)
    for k in range(len(h)):
        found[k] = _find(slots, h[k], g[k])
    return found


@compiled
def intern(slots: Array, n: Int, h: Array, g: Array) -> tuple[Array, Array, Int]:
    """Return the identifiers of terms, from `n` on for new ones, the positions of these, and collisions."""
    identifiers, firsts = np.empty(len(h), np.int32), np.empty(len(h), np.int64)
    collisions, known = 0, n
    for k in range(len(h)):
        found = _find(slots, h[k], g[k])
        if found < 0:
            found = n
            collisions += _insert(slots, h[k], g[k], n)
            firsts[n - known] = k
            n += 1
        identifiers[k] = found
    return identifiers, firsts[: n - known], collisions


@compiled
def hash_strings(points: Array, bounds: Array, by_word: bool, mask: Int) -> tuple[Array, Array]:
    """Return hash and check of strings, given as code points; `by_word`, a space separates words."""
    n = len(bounds) - 1
    hashes, checks = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for t in range(n):
        h, g, ngram, ngram_check, n_words = H0, G0, H0, G0, 0
        for i in range(bounds[t], bounds[t + 1] + 1):
            if i < bounds[t + 1] and not (by_word and points[i] == SPACE):
                c = np.int64(points[i])
                h, g = _step(h, c), _check(g, c)
                continue
            h, g = h & mask, g & LOW
            if n_words:
                ngram, ngram_check = _join(ngram, h) & mask, _join_check(ngram_check, g)
            else:
                ngram, ngram_check = h, g
            n_words += 1
            h, g = H0, G0
        hashes[t], checks[t] = ngram, ngram_check
    return hashes, checks


# -- bytes to tokens ---------------------------------------------------------------------------------


class NewTokens(NamedTuple):
    """Memory of a thread for tokens that are not known yet."""

    slots: Array  # a hash table
    hashes: Array
    checks: Array
    points: Array
    bounds: Array


@compiled
def _grown(array: Array, size: Int) -> Array:
    """Return an array, or a larger copy if it has fewer than `size` elements."""
    if size <= len(array):
        return array
    larger = np.empty(max(size, 2 * len(array)), array.dtype)
    for k in range(len(array)):  # compiles faster than a slice
        larger[k] = array[k]
    return larger


@compiled
def _reserve(new: NewTokens, n: Int, n_points: Int) -> NewTokens:
    """Return memory for `n` new tokens of `n_points` code points together."""
    slots, size = new.slots, len(new.slots)
    while size < 4 * (n + 1):
        size *= 2
    if size > len(slots):
        slots = np.zeros(size, np.uint64)
        copy(new.slots, slots)
    hashes, checks, points = _grown(new.hashes, n), _grown(new.checks, n), _grown(new.points, n_points)
    return NewTokens(slots, hashes, checks, points, _grown(new.bounds, n + 1))


@_leaf
def _decode(data: Array, i: Int) -> tuple[Int, Int]:
    """Return the code point that begins at byte `i` of UTF-8, and where the next one begins."""
    b = np.int64(data[i])
    if b < 0x80:
        return b, i + 1
    c = np.int64(data[i + 1]) & 0x3F
    if b < 0xE0:
        return ((b & 0x1F) << 6) | c, i + 2
    c = (c << 6) | (np.int64(data[i + 2]) & 0x3F)
    if b < 0xF0:
        return ((b & 0x0F) << 12) | c, i + 3
    return ((b & 0x07) << 18) | (c << 6) | (np.int64(data[i + 3]) & 0x3F), i + 4


@_leaf
def _scan_article(
    data: Array, i: Int, end: Int, charmap: Array, slots: Array, n_known: Int, breaks: bool, mask: Int,
    tokens: Array, at: Int, new: NewTokens, n_new: Int, letters: Array,
) -> tuple[Int, Int, bool]:  # fmt: skip
    """Write the tokens of an article from `tokens[at]` on; return where they end, and if it is not slow.

    A slow article has a character that the map cannot normalize; then it gets no tokens.
    """
    first, top = at, new.bounds[n_new]
    h, g, length = H0, G0, 0
    n_letters, n_arabic, n_foreign = 0, 0, 0
    while True:
        e: Int = 0
        at_end = i >= end
        if not at_end:
            c, i = _decode(data, i)
            e = np.int64(charmap[c]) if c < len(charmap) else SLOW
            n_letters += (e & LETTER) != 0
            n_arabic += (e & ARABIC) != 0
            n_foreign += (e & FOREIGN) != 0
            if e & WORD:
                c = e & CODEPOINT
                h, g = _step(h, c), _check(g, c)
                new.points[top + length] = c
                length += 1
                continue
            if e & SKIP:
                continue
            if e & SLOW:
                return first, n_new, True
        if length >= 2:
            h, g = h & mask, g & LOW
            token = _find(slots, h, g)
            if token < 0:
                token = _find(new.slots, h, g)
            if token < 0:
                token = n_known + n_new
                _insert(new.slots, h, g, token)
                new.hashes[n_new], new.checks[n_new] = h, g
                top += length
                n_new += 1
                new.bounds[n_new] = top
            tokens[at] = token
            at += 1
        if breaks and e & END and at > first and tokens[at - 1] != BREAK:
            tokens[at] = BREAK
            at += 1
        if at_end:
            break
        h, g, length = H0, G0, 0
    letters[0], letters[1], letters[2] = n_letters, n_arabic, n_foreign
    return at, n_new, False


@compiled
def scan(
    data: Array, starts: Array, ends: Array, charmap: Array, slots: Array, n_known: Int, breaks: bool,
    mask: Int,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Tokenize articles.

    Returns tokens, where those of each article stop, its numbers of letters, Arabic letters and foreign
    letters, whether it is slow, and hashes, checks, points and bounds of new tokens, numbered from `n_known`.
    """
    n, size = len(starts), 0
    for d in range(n):
        size += 2 * ((ends[d] - starts[d] + 1) // 3) + 1  # a token is two letters and a space; as many breaks
    tokens, stops = np.empty(size, np.int32), np.empty(n, np.int64)
    letters, slow = np.zeros((n, 3), np.int64), np.zeros(n, np.bool_)
    new = NewTokens(
        np.zeros(2 * 2048, np.uint64), np.empty(512, np.uint64), np.empty(512, np.uint64),
        np.empty(8192, np.uint32), np.zeros(513, np.int64),
    )  # fmt: skip
    at, n_new = ZERO, ZERO
    for d in range(n):
        length = ends[d] - starts[d]
        new = _reserve(new, n_new + (length + 1) // 3, new.bounds[n_new] + length)
        at, n_new, slow[d] = _scan_article(
            data,
            starts[d],
            ends[d],
            charmap,
            slots,
            n_known,
            breaks,
            mask,
            tokens,
            at,
            new,
            n_new,
            letters[d],
        )
        stops[d] = at
    hashes, checks, points = new.hashes[:n_new], new.checks[:n_new], new.points[: new.bounds[n_new]]
    return tokens[:at], stops, letters, slow, hashes, checks, points, new.bounds[: n_new + 1]


# -- tokens to terms ---------------------------------------------------------------------------------


@compiled
def char_ngrams(
    points: Array, bounds: Array, shortest: Int, longest: Int, mask: Int
) -> tuple[Array, Array, Array, Array]:
    """Return hash, check and position (token, start, length) of n-grams, and where those of a token end."""
    n = len(bounds) - 1
    size = 0
    for t in range(n):
        size += (longest - shortest + 1) * (bounds[t + 1] - bounds[t] + 2)
    hashes, checks = np.empty(size, np.uint64), np.empty(size, np.uint64)
    positions = np.empty((size, 3), np.int32)
    ends = np.zeros(n + 1, np.int64)
    at = 0
    for t in range(n):
        padded = bounds[t + 1] - bounds[t] + 2
        for i in range(padded if padded >= shortest else 1):
            h, g = H0, G0
            for k in range(i, min(i + longest, padded)):
                c = np.int64(points[bounds[t] + k - 1]) if 0 < k < padded - 1 else np.int64(SPACE)
                h, g = _step(h, c), _check(g, c)
                length = k - i + 1
                if length >= shortest or length == padded:  # a token too short for an n-gram is one itself
                    hashes[at], checks[at] = h & mask, g & LOW
                    positions[at, 0], positions[at, 1], positions[at, 2] = t, i, length
                    at += 1
        ends[t + 1] = at
    return hashes[:at], checks[:at], positions[:at], ends


class Spans(NamedTuple):
    """Tokens of titles or of texts, and where those of each article start and stop."""

    tokens: Array
    starts: Array
    stops: Array
    ngrams: Array  # of shape (n_tokens, ngram_max - 1): the terms of two and more words that begin at a token

    @property
    def lengths(self) -> Array:
        """Number of tokens of each article, with the ends of sentences."""
        return self.stops - self.starts


class Articles(NamedTuple):
    """Titles and texts of a batch."""

    titles: Spans
    texts: Spans


@_leaf
def find_ngrams(
    spans: Spans, d: Int, end: Int, word_hash: Array, word_check: Array, slots: Array, n: Int,
    examples: Array, mask: Int, learn: bool,
) -> tuple[Int, Int, Int]:  # fmt: skip
    """Find the n-grams of two and more words of the articles from `d` to `end`; return the next article."""
    # unknown n-grams become terms only with `learn`, and as long as there is room
    tokens, starts, stops, ngrams = spans
    collisions, width = 0, ngrams.shape[1]
    while d < end and (not learn or n + (stops[d] - starts[d]) * width <= len(examples)):
        for p in range(starts[d], stops[d]):
            if tokens[p] == BREAK:
                continue
            h, g = word_hash[tokens[p]], word_check[tokens[p]]
            for q in range(p + 1, min(p + width + 1, stops[d])):
                if tokens[q] == BREAK:
                    break
                h, g = _join(h, word_hash[tokens[q]]) & mask, _join_check(g, word_check[tokens[q]])
                ngram = _find(slots, h, g)
                if ngram < 0 and learn:
                    ngram = n
                    collisions += _insert(slots, h, g, n)
                    for k in range(p, q + 1):
                        examples[n, k - p] = tokens[k]
                    n += 1
                ngrams[p, q - p - 1] = ngram
        d += 1
    return d, n, collisions


# -- terms to counts, rows and scores ----------------------------------------------------------------


class TokenTerms(NamedTuple):
    """The terms of each token t: its word, and its n-grams `char_ids[char_ends[t]:char_ends[t + 1]]`."""

    word_ids: Array
    char_ids: Array
    char_ends: Array


class TermWeights(NamedTuple):
    """How counts become TF-IDF values; `norm` is 0 for none, 1 for l1 and 2 for l2.

    With a `lead_weight`, the terms of title and lead are counted once more, for a second block of columns.
    """

    word_idf: Array
    char_idf: Array
    sublinear: bool
    norm: Int
    word_weight: float
    char_weight: float
    lead_tokens: Int
    lead_weight: float
    logs: Array  # 1 + log(count) of small counts


class TermCounts(NamedTuple):
    """Memory of a thread to count terms."""

    counts: Array  # how often each term occurs in one article; zero between articles
    terms: Array  # of the article
    spare: Array  # for `_sort`, as `digits`
    digits: Array
    df: Array  # document frequencies, empty once the vocabulary is frozen
    tf: Array  # term frequencies, likewise

    @classmethod
    def allocate(cls, n: Int, n_summed: Int = 0) -> TermCounts:
        """Allocate memory for `n` terms, and for the frequencies of `n_summed`."""
        ints = (np.zeros(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(256, np.int64))
        return cls(*ints, np.zeros(n_summed, np.int64), np.zeros(n_summed, np.int64))

    def grown(self, n: Int, summed: bool) -> TermCounts:
        """Return memory for at least `n` terms, with the same frequencies if they are `summed`."""
        if n <= len(self.counts) and summed == bool(len(self.df)):
            return self
        larger = TermCounts.allocate(2 * n, 2 * n if summed else 0)
        larger.df[: len(self.df)] = self.df
        larger.tf[: len(self.tf)] = self.tf
        return larger


class ThreadCounts(NamedTuple):
    """Memory of a thread to count words, character n-grams and tokens."""

    words: TermCounts
    chars: TermCounts
    tokens: TermCounts


@_leaf
def _add(term: Int, weight: Int, own: TermCounts, m: Int) -> Int:
    """Count a term, unless it is -1; return the number of different terms, `m` before."""
    if term < 0:
        return m
    if own.counts[term] == 0:
        own.terms[m] = term
        m += 1
    own.counts[term] += weight
    return m


@_leaf
def _stop_of_lead(spans: Spans, d: Int, lead_tokens: Int) -> Int:
    """Return where the first `lead_tokens` tokens of a text stop."""
    p, n = spans.starts[d], ZERO
    while p < spans.stops[d] and n < lead_tokens:
        n += spans.tokens[p] != BREAK
        p += 1
    return p


@_leaf
def _add_words(spans: Spans, d: Int, stop: Int, weight: Int, word_ids: Array, own: TermCounts, m: Int) -> Int:
    for p in range(spans.starts[d], stop):
        if spans.tokens[p] == BREAK:
            continue
        m = _add(word_ids[spans.tokens[p]], weight, own, m)
        for k in range(min(spans.ngrams.shape[1], stop - p - 1)):
            m = _add(spans.ngrams[p, k], weight, own, m)
    return m


@_leaf
def _add_tokens(spans: Spans, d: Int, stop: Int, weight: Int, own: TermCounts, m: Int) -> Int:
    for p in range(spans.starts[d], stop):
        m = _add(spans.tokens[p], weight, own, m)  # BREAK is -1
    return m


@_leaf
def _count_words(
    articles: Articles, d: Int, stop: Int, title_weight: Int, token_terms: TokenTerms, counts: ThreadCounts
) -> Int:
    """Count the words and word n-grams of the title and the text up to `stop`; return their number."""
    if not len(token_terms.word_ids):
        return 0
    titles, word_ids = articles.titles, token_terms.word_ids
    m = _add_words(titles, d, titles.stops[d], title_weight, word_ids, counts.words, ZERO)
    return _add_words(articles.texts, d, stop, ONE, word_ids, counts.words, m)


@_leaf
def _count_chars(
    articles: Articles, d: Int, stop: Int, title_weight: Int, token_terms: TokenTerms, counts: ThreadCounts
) -> Int:
    """Count the character n-grams of the title and the text up to `stop`; return their number."""
    if not len(token_terms.char_ids):
        return 0
    tokens, own, m = counts.tokens, counts.chars, ZERO
    n = _add_tokens(articles.titles, d, articles.titles.stops[d], title_weight, tokens, ZERO)
    n = _add_tokens(articles.texts, d, stop, ONE, tokens, n)
    for k in range(n):  # the n-grams of each different token are added once
        token = tokens.terms[k]
        count = np.int64(tokens.counts[token])
        tokens.counts[token] = 0
        for i in range(token_terms.char_ends[token], token_terms.char_ends[token + 1]):
            m = _add(token_terms.char_ids[i], count, own, m)
    return m


@_leaf
def _add_frequencies(own: TermCounts, m: Int) -> None:
    """Add an article to the document and term frequencies, and set its counts to zero."""
    for k in range(m):
        term = own.terms[k]
        own.df[term] += 1
        own.tf[term] += own.counts[term]
        own.counts[term] = 0


@_leaf
def count_terms(
    articles: Articles, lo: Int, hi: Int, title_weight: Int, token_terms: TokenTerms, counts: ThreadCounts
) -> None:
    """Add the articles from `lo` to `hi` to the document and term frequencies."""
    for d in range(lo, hi):
        stop = articles.texts.stops[d]
        _add_frequencies(counts.words, _count_words(articles, d, stop, title_weight, token_terms, counts))
        _add_frequencies(counts.chars, _count_chars(articles, d, stop, title_weight, token_terms, counts))


@_leaf
def _sort(keys: Array, m: Int, spare: Array, digits: Array, n_keys: Int) -> None:
    """Sort the first `m` keys, all below `n_keys`, by radix."""
    shift = 0
    while n_keys >> shift > 0:
        for digit in range(256):
            digits[digit] = 0
        for k in range(m):
            digits[(keys[k] >> shift) & 255] += 1
        total = 0
        for digit in range(256):
            digits[digit], total = total, total + digits[digit]
        for k in range(m):
            digit = (keys[k] >> shift) & 255
            spare[digits[digit]] = keys[k]
            digits[digit] += 1
        for k in range(m):
            keys[k] = spare[k]
        shift += 8


@_leaf
def _weigh_terms(
    own: TermCounts, m: Int, idf: Array, weights: TermWeights, weight: float, columns: Array, values: Array,
    at: Int, first_column: Int,
) -> None:  # fmt: skip
    """Write columns and TF-IDF values of an article's terms from place `at` on; set its counts to zero."""
    _sort(own.terms, m, own.spare, own.digits, len(idf))
    total = 0.0
    for k in range(m):
        term = own.terms[k]
        count = own.counts[term]
        own.counts[term] = 0
        value = float(count)
        if weights.sublinear:
            value = weights.logs[count] if count < len(weights.logs) else math.log(value) + 1.0
        value *= idf[term]
        columns[at + k], values[at + k] = first_column + term, value
        total += value if weights.norm == 1 else value * value
    scale = math.sqrt(total) if weights.norm == 2 else total
    for k in range(at, at + m):
        values[k] = (values[k] / scale if weights.norm else values[k]) * weight


@_leaf
def _row(
    articles: Articles, d: Int, title_weight: Int, token_terms: TokenTerms, counts: ThreadCounts,
    weights: TermWeights, columns: Array, values: Array,
) -> Int:  # fmt: skip
    """Write columns and values of one article, in the order of columns; return their number."""
    word_idf, char_idf, texts = weights.word_idf, weights.char_idf, articles.texts
    m, first, stop, block_weight = ZERO, ZERO, np.int64(texts.stops[d]), 1.0
    for block in range(1 + (weights.lead_weight > 0)):
        if block:
            stop, block_weight = _stop_of_lead(texts, d, weights.lead_tokens), weights.lead_weight
        n = _count_words(articles, d, stop, title_weight, token_terms, counts)
        weight = weights.word_weight * block_weight
        _weigh_terms(counts.words, n, word_idf, weights, weight, columns, values, m, first)
        m, first = m + n, first + len(word_idf)
        n = _count_chars(articles, d, stop, title_weight, token_terms, counts)
        weight = weights.char_weight * block_weight
        _weigh_terms(counts.chars, n, char_idf, weights, weight, columns, values, m, first)
        m, first = m + n, first + len(char_idf)
    return m


@compiled
def tfidf_rows(
    articles: Articles, lo: Int, hi: Int, title_weight: Int, token_terms: TokenTerms,
    counts: ThreadCounts, weights: TermWeights, columns: Array, values: Array,
) -> tuple[Int, Array, Array, Array]:  # fmt: skip
    """Return the next article, and values, columns and lengths of as many rows as fit into the buffers."""
    n_columns = (len(weights.word_idf) + len(weights.char_idf)) * (1 + (weights.lead_weight > 0))
    lengths = np.empty(hi - lo, np.int64)
    at, d = 0, lo
    while d < hi and at + n_columns <= len(values):
        m = _row(articles, d, title_weight, token_terms, counts, weights, columns[at:], values[at:])
        lengths[d - lo] = m
        at += m
        d += 1
    return d, values[:at].copy(), columns[:at].copy(), lengths[: d - lo]


@compiled
def linear_scores(
    articles: Articles, lo: Int, hi: Int, title_weight: Int, token_terms: TokenTerms,
    counts: ThreadCounts, weights: TermWeights, places: Array, coef: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Return the sums of value times coefficient, added in the order of columns, and the lengths of rows."""
    n_columns, n_labels = coef.shape
    n_terms = n_columns - places.shape[1]
    columns, values = np.empty(n_columns, np.int32), np.empty(n_columns, np.float64)
    scores = np.zeros((hi - lo, n_labels), np.float64)
    lengths = np.zeros(hi - lo, np.int64)
    for d in range(lo, hi):
        m = _row(articles, d, title_weight, token_terms, counts, weights, columns, values)
        for k in range(places.shape[1]):  # the columns after the terms
            if places[d, k] != 0.0:
                columns[m], values[m] = n_terms + k, places[d, k]
                m += 1
        lengths[d - lo] = m
        _add_products(columns, values, m, coef, scores[d - lo])
    return scores, lengths


@_leaf
def _add_products(columns: Array, values: Array, m: Int, coef: Array, total: Array) -> None:
    """Add value times coefficient to each label's sum, in order; four terms at a time is faster."""
    n_labels = len(total)
    for k in range(0, m - 3, 4):
        v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
        c0, c1, c2, c3 = coef[columns[k]], coef[columns[k + 1]], coef[columns[k + 2]], coef[columns[k + 3]]
        for label in range(n_labels):
            first_three = ((total[label] + v0 * c0[label]) + v1 * c1[label]) + v2 * c2[label]
            total[label] = first_three + v3 * c3[label]
    for k in range(m - m % 4, m):
        row = coef[columns[k]]
        for label in range(n_labels):
            total[label] += values[k] * row[label]


# -- tokens to place features ------------------------------------------------------------------------

# kinds of places that are treated in their own way
MEDIA, AREA, DEMONYM, CITY, COUNTRY = (1 << bit for bit in range(5))
# how a rule uses a neighbouring word
AFTER, BEFORE, NOT_AFTER, NOT_BEFORE = (1 << bit for bit in range(4))
# what a rule requires
NAMED, NEIGHBOUR = 1, 2


class NameTable(NamedTuple):
    """A gazetteer in arrays: spellings to forms, forms to places and rules."""

    slots: Array  # a hash table of the spellings and the beginnings of longer ones
    form: Array  # by spelling, -1 if it is only the beginning of longer ones
    is_prefix: Array  # by spelling, whether it is the beginning of longer ones
    bounds: Array  # by form, where its places begin
    places: Array  # of all forms, likeliest first
    rule: Array  # by form, -1 for none
    requirement: Array  # by rule
    neighbours: Array  # by word of the rules and rule, how the rule uses the word
    region: Array  # by place, -1 for none
    kind: Array  # by place
    group: Array  # by place
    support_key: Array  # by place
    n_support_keys: Int
    n_regions: Int
    n_groups: Int
    shares: Array
    dateline_tokens: Int
    lead_tokens: Int


class TokenNames(NamedTuple):
    """The role of each token in names; -1 for none."""

    hashes: Array  # of the token before stemming
    checks: Array
    spelling: Array  # that the token is, or begins
    rule_word: Array  # its number among the words of the rules
    has_conjunction: Array  # whether it begins with «و»


class MentionBuffers(NamedTuple):
    """Memory for one article: its tokens, the names found among them in order, and counts by region."""

    tokens: Array
    start: Array
    stop: Array
    form: Array
    place: Array
    sure: Array
    support: Array  # by support key, number of sure mentions
    title: Array
    early: Array
    all: Array
    weight: Array
    by_group: Array


@_leaf
def _gather(spans: Spans, d: Int, found: MentionBuffers) -> Int:
    """Copy the tokens of an article without breaks to `found.tokens`; return their number."""
    n = ZERO
    for p in range(spans.starts[d], spans.stops[d]):
        if spans.tokens[p] != BREAK:
            found.tokens[n] = spans.tokens[p]
            n += 1
    return n


@_leaf
def _apply_rule(rule: Int, before: Int, after: Int, requirement: Array, neighbours: Array) -> Int:
    """Return 1 if a name counts, 0 if it needs another mention of its country, -1 if it does not count."""
    if rule < 0:
        return ONE
    met: Int = ZERO  # the neighbours are numbers among the words of the rules, -1 for none
    if before >= 0:
        met |= neighbours[before, rule] & (AFTER | NOT_AFTER)
    if after >= 0:
        met |= neighbours[after, rule] & (BEFORE | NOT_BEFORE)
    if met & (NOT_AFTER | NOT_BEFORE):
        return -ONE
    if met:
        return ONE
    if requirement[rule] & NAMED:
        return ZERO
    return -ONE if requirement[rule] & NEIGHBOUR else ONE


@_leaf
def _kind(form: Int, bounds: Array, places: Array, kinds: Array) -> Int:
    """Return the kind of the likeliest place of a form."""
    return np.int64(kinds[places[bounds[form]]])


@_leaf
def _find_candidates(
    n: Int, token_names: TokenNames, names: NameTable, mask: Int, found: MentionBuffers, first: Int
) -> Int:
    """Write the names among `n` tokens to `found` from number `first` on; return the next number."""
    m, media_stop, i = first, -ONE, ZERO
    while i < n:
        token = found.tokens[i]
        spelling = np.int64(token_names.spelling[token])
        if spelling < 0:
            i += 1
            continue
        form, stop, sure = -ONE, i, ZERO
        before = np.int64(token_names.rule_word[found.tokens[i - 1]]) if i > 0 else -ONE
        h, g, end = token_names.hashes[token], token_names.checks[token], i + 1
        while spelling >= 0:
            own = np.int64(names.form[spelling])
            judged = -ONE
            if own >= 0:
                after = np.int64(token_names.rule_word[found.tokens[end]]) if end < n else -ONE
                rule = np.int64(names.rule[own])
                judged = _apply_rule(rule, before, after, names.requirement, names.neighbours)
            if judged >= 0:
                form, stop, sure = own, end, judged  # the longest so far
            if end == n or not names.is_prefix[spelling]:
                break
            token = found.tokens[end]
            h, g = _join(h, token_names.hashes[token]) & mask, _join_check(g, token_names.checks[token])
            spelling = _find(names.slots, h, g)
            end += 1
        if form < 0:
            i += 1
            continue
        kind = _kind(form, names.bounds, names.places, names.kind)
        ends_dateline = (
            i <= names.dateline_tokens
            and m > first
            and found.stop[m - 1] == i
            and _kind(found.form[m - 1], names.bounds, names.places, names.kind) & (CITY | COUNTRY) != 0
        )
        has_conjunction = token_names.has_conjunction[found.tokens[i]]
        if kind & MEDIA or (kind & AREA and ends_dateline and not has_conjunction):
            media_stop = stop
            if ends_dateline:
                m -= 1
        elif not (kind & DEMONYM and i == media_stop):
            found.start[m], found.stop[m], found.form[m], found.sure[m] = i, stop, form, sure
            m += 1
        i = stop
    return m


@_leaf
def _likeliest(form: Int, bounds: Array, places: Array, keys: Array, support: Array) -> Int:
    """Return the place of a form with the most support; of equal ones the first."""
    best = np.int64(places[bounds[form]])
    for k in range(bounds[form] + 1, bounds[form + 1]):
        place = np.int64(places[k])
        if support[keys[place]] > support[keys[best]]:
            best = place
    return best


@_leaf
def _resolve(m: Int, names: NameTable, found: MentionBuffers) -> None:
    """Decide which place each name means; -1 for none, or if the name does not count."""
    support = found.support
    support[:] = 0
    for k in range(m):
        form = found.form[k]
        if found.sure[k] and names.bounds[form + 1] - names.bounds[form] == 1:
            support[names.support_key[names.places[names.bounds[form]]]] += 1
    for k in range(m):  # all are decided before their own support is added
        found.place[k] = _likeliest(found.form[k], names.bounds, names.places, names.support_key, support)
    for k in range(m):
        form = found.form[k]
        if found.sure[k] and names.bounds[form + 1] - names.bounds[form] > 1:
            support[names.support_key[found.place[k]]] += 1
    for k in range(m):
        place = _likeliest(found.form[k], names.bounds, names.places, names.support_key, support)
        is_mention = names.region[place] >= 0 and (found.sure[k] or support[names.support_key[place]] > 0)
        found.place[k] = place if is_mention else -1


@_leaf
def _fill_features(
    n_title: Int, m: Int, names: NameTable, found: MentionBuffers, logs: Array, values: Array
) -> None:
    """Write the place features of an article, of whose `m` names the first `n_title` are in the title."""
    n_regions = names.n_regions
    opening: Int = -1
    first: Int = -1
    n_early: Int = 0
    total: Int = 0
    for counts in (found.title, found.early, found.all):
        counts[:] = 0
    found.by_group[:] = 0
    in_text = False
    for k in range(m):
        place = found.place[k]
        if place < 0:
            continue
        own = names.region[place]
        if k >= n_title and not in_text:
            in_text = True
            if found.start[k] == 0 and names.kind[place] & CITY:
                opening = own
                continue
        if first < 0:
            first = own
        early = k < n_title or found.start[k] < names.lead_tokens
        found.title[own] += k < n_title
        found.early[own] += early
        found.all[own] += 1
        n_early += early
        found.by_group[own, names.group[place]] += 2 if early else 1
    for region in range(n_regions):
        found.weight[region] = 2 * found.title[region] + found.early[region] + found.all[region]
        total += found.weight[region]
    n_values = 9 + len(names.shares) + names.n_groups
    for region in range(n_regions):
        weight, at = found.weight[region], region * n_values
        if not weight and region != opening:
            continue  # its values are zero
        rank: Int = 0
        for other in range(n_regions):
            more = found.weight[other] > weight
            rank += more or (other < region and found.weight[other] == weight)
        share = weight / max(total, 1)
        values[at] = found.title[region] > 0
        values[at + 1] = logs[found.title[region]]
        values[at + 2] = logs[found.early[region] - found.title[region]]
        values[at + 3] = logs[found.all[region] - found.early[region]]
        values[at + 4] = opening == region
        values[at + 5] = first == region
        values[at + 6] = 1 / (1 + rank) if weight else 0.0
        values[at + 7] = share
        values[at + 8] = found.early[region] / max(n_early, 1)
        at += 9
        for k in range(len(names.shares)):
            values[at] = share > names.shares[k]
            at += 1
        for k in range(names.n_groups):
            values[at] = logs[found.by_group[region, k]]
            at += 1


@compiled
def place_features(
    articles: Articles, lo: Int, hi: Int, token_names: TokenNames, names: NameTable, mask: Int, logs: Array,
    values: Array,
) -> None:  # fmt: skip
    """Write `mentions.place_features` of articles to `values`, of shape (n_articles, n_features)."""
    titles, texts, size = articles.titles, articles.texts, 0
    for d in range(lo, hi):
        size = max(size, titles.stops[d] - titles.starts[d] + texts.stops[d] - texts.starts[d])
    found = MentionBuffers(
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64),
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64),
        np.empty(names.n_support_keys, np.int64), np.empty(names.n_regions, np.int64),
        np.empty(names.n_regions, np.int64), np.empty(names.n_regions, np.int64),
        np.empty(names.n_regions, np.int64), np.empty((names.n_regions, names.n_groups), np.int64),
    )  # fmt: skip
    for d in range(lo, hi):
        n = _gather(titles, d, found)
        n_title = _find_candidates(n, token_names, names, mask, found, ZERO)
        n = _gather(texts, d, found)
        m = _find_candidates(n, token_names, names, mask, found, n_title)
        if m:
            _resolve(m, names, found)
            _fill_features(n_title, m, names, found, logs, values[d])
