"""The compiled functions: from the UTF-8 bytes of articles to counts, TF-IDF rows and scores.

Bytes are decoded, normalized by a map, cut into tokens and hashed in one pass that makes no Python object.
A token is looked at once: what its stem and its character runs are is remembered for all its later
occurrences. A term is known by 64 bits of hash; 32 more, of another hash, tell terms apart that share them.

All stand in one file, since a compiled function that is kept on disk does not notice that one of another file
has changed. Needs NumPy and numba and nothing of this project: it is copied into every model. The scorer's
plain path gives the same numbers and is what this one is tested against.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np

Array = np.ndarray[Any, Any]
Int = Any  # an integer of the width that the compiler infers

# what the character map says of a code point: its folded form, and these bits
CODEPOINT = (1 << 21) - 1
WORD, END, SKIP, SLOW, LETTER, ARABIC, FOREIGN = (1 << bit for bit in range(21, 28))
BREAK = -1  # stands in a span where a sentence ends

H0, H1, H2 = np.uint64(0x9AE16A3B2F90404F), np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
G0, G2 = np.uint64(5381), np.uint64(0xFF51AFD7ED558CCD)
U5, U29, U32 = np.uint64(5), np.uint64(29), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
ZERO, ONE = np.int64(0), np.int64(1)  # of one type with variables, so that nothing is compiled twice
SPACE = 0x20


def _compiled(function: Callable[..., Any], **flags: Any) -> Any:
    """Compile at the first call and keep the result on disk, where there is a folder to keep it."""
    try:
        return numba.njit(nogil=True, cache=True, **flags)(function)
    except RuntimeError:
        _say_uncached()
        return numba.njit(nogil=True, **flags)(function)


def _leaf(function: Callable[..., Any]) -> Any:
    """Compile without reference counts of arrays: threads that share a table would wait for its counter."""
    return _compiled(function, _nrt=False)


@cache
def _say_uncached() -> None:
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
    """Hash of a run of words from the hash of all but the last and that of the last."""
    h = ((h * H1) ^ (other + H0)) * H2  # of "a b" and of "b a" far apart
    return h ^ (h >> U29)


@_leaf
def _join_check(g: Int, other: Int) -> Int:
    return (((g << U5) + g + other) * G2) >> U32


# A table is an array of pairs: the hash, and (check, identifier + 1); zero marks an empty place.


@_leaf
def _find(slots: Array, h: Int, g: Int) -> Int:
    """Identifier of a term, or -1."""
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
    """Add a term that is not there; true if another one has its hash."""
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
    """Put all terms into a larger, empty table."""
    for j in range(len(slots) // 2):
        entry = slots[2 * j + 1]
        if entry != np.uint64(0):
            _insert(larger, slots[2 * j], entry >> U32, np.int64(entry & LOW) - 1)


@_leaf
def copy_columns(slots: Array, columns: Array, kept: Array) -> None:
    """Put the terms whose column is not -1 into an empty table, known by their columns."""
    for j in range(len(slots) // 2):
        entry = slots[2 * j + 1]
        if entry != np.uint64(0):
            column = np.int64(columns[np.int64(entry & LOW) - 1])
            if column >= 0:
                _insert(kept, slots[2 * j], entry >> U32, column)


@_compiled
def lookup_all(slots: Array, h: Array, g: Array) -> Array:
    """Identifiers of terms, -1 for those that are not there."""
    found = np.empty(len(h), np.int32)
    for k in range(len(h)):
        found[k] = _find(slots, h[k], g[k])
    return found


@_compiled
def intern(slots: Array, n: Int, h: Array, g: Array) -> tuple[Array, Array, Int]:
    """Identifiers of terms, of which those not seen before get the next ones; where these stood first."""
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


@_compiled
def hash_words(points: Array, bounds: Array, mask: Int) -> tuple[Array, Array]:
    """Hash and check of each piece of an array of code points; a space divides the words of a run."""
    n = len(bounds) - 1
    hashes, checks = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for t in range(n):
        h, g, run, run_check, words = H0, G0, H0, G0, 0
        for i in range(bounds[t], bounds[t + 1] + 1):
            if i < bounds[t + 1] and points[i] != SPACE:
                h, g = _step(h, points[i]), _check(g, points[i])
                continue
            h, g = h & mask, g & LOW
            if words:
                run, run_check = _join(run, h) & mask, _join_check(run_check, g)
            else:
                run, run_check = h, g
            words += 1
            h, g = H0, G0
        hashes[t], checks[t] = run, run_check
    return hashes, checks


@_compiled
def hash_runs(points: Array, bounds: Array, mask: Int) -> tuple[Array, Array]:
    """Hash and check of runs of characters, in which a space is a character as any other."""
    n = len(bounds) - 1
    hashes, checks = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for t in range(n):
        h, g = H0, G0
        for i in range(bounds[t], bounds[t + 1]):
            h, g = _step(h, points[i]), _check(g, points[i])
        hashes[t], checks[t] = h & mask, g & LOW
    return hashes, checks


# -- bytes to tokens ---------------------------------------------------------------------------------


@_compiled
def _grown(array: Array) -> Array:
    larger = np.empty(2 * len(array), array.dtype)
    for k in range(len(array)):
        larger[k] = array[k]
    return larger


@_compiled
def scan(
    data: Array,
    starts: Array,
    ends: Array,
    charmap: Array,
    slots: Array,
    n_known: Int,
    breaks: bool,
    mask: Int,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array]:
    """Tokens of articles: identifiers of known ones, and from `n_known` on those of new ones.

    Returns the tokens of all, where each article's end, letters (all, Arabic, foreign to Arabic) of each,
    which ones hold a character that the map can't fold by itself, and of the new tokens hash, check,
    code points and bounds.
    """
    n = len(starts)
    size = 0
    for d in range(n):
        size += 2 * ((ends[d] - starts[d] + 1) // 3) + 1  # two letters and a space; as many breaks
    tokens = np.empty(size, np.int32)
    stops = np.empty(n, np.int64)
    letters = np.zeros((n, 3), np.int64)
    slow = np.zeros(n, np.bool_)
    own = np.zeros(2 * 2048, np.uint64)
    hashes, checks = np.empty(512, np.uint64), np.empty(512, np.uint64)
    points, bounds = np.empty(8192, np.uint32), np.zeros(513, np.int64)
    n_new, top, at = 0, 0, 0
    n_map = len(charmap)
    for d in range(n):
        first, i, end = at, starts[d], ends[d]
        h, g, length = H0, G0, 0
        n_letters, n_arabic, n_foreign = 0, 0, 0
        while True:
            e: Int = 0
            at_end = i >= end
            if not at_end:
                b: Int = np.int64(data[i])
                if b < 0x80:
                    c = b
                    i += 1
                elif b < 0xE0:
                    c = ((b & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F)
                    i += 2
                elif b < 0xF0:
                    c = (
                        ((b & 0x0F) << 12)
                        | ((np.int64(data[i + 1]) & 0x3F) << 6)
                        | (np.int64(data[i + 2]) & 0x3F)
                    )
                    i += 3
                else:
                    c = ((b & 0x07) << 18) | ((np.int64(data[i + 1]) & 0x3F) << 12)
                    c |= ((np.int64(data[i + 2]) & 0x3F) << 6) | (np.int64(data[i + 3]) & 0x3F)
                    i += 4
                e = np.int64(charmap[c]) if c < n_map else SLOW
                n_letters += (e & LETTER) != 0
                n_arabic += (e & ARABIC) != 0
                n_foreign += (e & FOREIGN) != 0
                if e & WORD:
                    c = e & CODEPOINT
                    h, g = _step(h, c), _check(g, c)
                    if top + length == len(points):
                        points = _grown(points)
                    points[top + length] = c
                    length += 1
                    continue
                if e & SKIP:
                    continue
                if e & SLOW:
                    slow[d] = True
                    at = first
                    break
            if length >= 2:
                h, g = h & mask, g & LOW
                token = _find(slots, h, g)
                if token < 0:
                    token = _find(own, h, g)
                    if token < 0:
                        token = n_known + n_new
                        if 4 * (n_new + 1) > len(own):
                            larger = np.zeros(2 * len(own), np.uint64)
                            copy(own, larger)
                            own = larger
                        if n_new == len(hashes):
                            hashes, checks, bounds = _grown(hashes), _grown(checks), _grown(bounds)
                        _insert(own, h, g, token)
                        hashes[n_new], checks[n_new] = h, g
                        top += length
                        n_new += 1
                        bounds[n_new] = top
                tokens[at] = token
                at += 1
            if breaks and e & END and at > first and tokens[at - 1] != BREAK:
                tokens[at] = BREAK
                at += 1
            if at_end:
                break
            h, g, length = H0, G0, 0
        stops[d] = at
        letters[d, 0], letters[d, 1], letters[d, 2] = n_letters, n_arabic, n_foreign
    return (
        tokens[:at],
        stops,
        letters,
        slow,
        hashes[:n_new],
        checks[:n_new],
        points[:top],
        bounds[: n_new + 1],
    )


# -- tokens to terms ---------------------------------------------------------------------------------


@_compiled
def char_runs(
    points: Array, bounds: Array, shortest: Int, longest: Int, mask: Int
) -> tuple[Array, Array, Array, Array]:
    """Hash, check, (token, start, length) and bounds by token of the runs within tokens, edges as spaces."""
    n = len(bounds) - 1
    size = 0
    for t in range(n):
        size += (longest - shortest + 1) * (bounds[t + 1] - bounds[t] + 2)
    hashes, checks = np.empty(size, np.uint64), np.empty(size, np.uint64)
    places = np.empty((size, 3), np.int32)
    ends = np.zeros(n + 1, np.int64)
    at = 0
    for t in range(n):
        padded = bounds[t + 1] - bounds[t] + 2
        for i in range(padded if padded >= shortest else 1):
            h, g = H0, G0
            for k in range(i, min(i + longest, padded)):
                c = points[bounds[t] + k - 1] if 0 < k < padded - 1 else np.uint32(SPACE)
                h, g = _step(h, c), _check(g, c)
                length = k - i + 1
                if length >= shortest or length == padded:  # a word shorter than any run is one itself
                    hashes[at], checks[at] = h & mask, g & LOW
                    places[at, 0], places[at, 1], places[at, 2] = t, i, length
                    at += 1
        ends[t + 1] = at
    return hashes[:at], checks[:at], places[:at], ends


@_leaf
def find_runs(
    tokens: Array, starts: Array, stops: Array, d: Int, end: Int, word_hash: Array, word_check: Array,
    slots: Array, n: Int, examples: Array, mask: Int, runs: Array, learn: bool,
) -> tuple[Int, Int, Int]:  # fmt: skip
    """Find the runs of two and more words of the articles from `d` to `end`.

    `runs[p, k]` becomes the term of the run of k + 2 words that begins at token p, -1 for a new one; or, to
    `learn`, new ones become terms while there is room, and `examples` keeps the tokens of one occurrence
    of each. Returns the next article, the number of terms and of collisions.
    """
    collisions, more = 0, runs.shape[1]
    while d < end and (not learn or n + (stops[d] - starts[d]) * more <= len(examples)):
        for p in range(starts[d], stops[d]):
            if tokens[p] == BREAK:
                continue
            h, g = word_hash[tokens[p]], word_check[tokens[p]]
            for q in range(p + 1, min(p + more + 1, stops[d])):
                if tokens[q] == BREAK:
                    break
                h, g = _join(h, word_hash[tokens[q]]) & mask, _join_check(g, word_check[tokens[q]])
                run = _find(slots, h, g)
                if run < 0 and learn:
                    run = n
                    collisions += _insert(slots, h, g, n)
                    for k in range(p, q + 1):
                        examples[n, k - p] = tokens[k]
                    n += 1
                runs[p, q - p - 1] = run
        d += 1
    return d, n, collisions


# -- terms to counts, rows and scores ----------------------------------------------------------------


class Spans(NamedTuple):
    """Tokens of titles and texts, where each article's begin and end, and the terms of runs of words.

    Runs are of shape (n_tokens, ngram_max - 1): those of two and more words that begin at a token.
    """

    title: Array
    title_starts: Array
    title_stops: Array
    title_runs: Array
    text: Array
    starts: Array
    stops: Array
    runs: Array


class Lexicon(NamedTuple):
    """What each token is: the term of its word, and the terms of its character runs."""

    word_id: Array
    char_ids: Array
    char_ends: Array


class Rules(NamedTuple):
    """What is counted, and how often a word of the title."""

    title_weight: Int
    has_words: bool


class Weights(NamedTuple):
    """How counts become values."""

    word_idf: Array
    char_idf: Array
    sublinear: bool
    norm: Int
    word_weight: float
    char_weight: float
    logs: Array  # 1 + log(count) of small counts, which are nearly all


class Work(NamedTuple):
    """A thread's memory, shape (n_terms,) each: counts of one article, the terms that it holds, and sums."""

    counts: Array
    touched: Array
    spare: Array
    tally: Array
    df: Array
    tf: Array

    @classmethod
    def of(cls, n: Int, n_summed: Int = 0) -> Work:
        """Memory for so many terms, and for sums over articles where terms are learned."""
        ints = (np.zeros(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(256, np.int64))
        return cls(*ints, np.zeros(n_summed, np.int64), np.zeros(n_summed, np.int64))

    def grown(self, n: Int, summed: bool) -> Work:
        """The same sums, if wanted, with room for more terms."""
        if n <= len(self.counts) and summed == bool(len(self.df)):
            return self
        larger = Work.of(2 * n, 2 * n if summed else 0)
        larger.df[: len(self.df)] = self.df
        larger.tf[: len(self.tf)] = self.tf
        return larger


class Works(NamedTuple):
    """A thread's memory for words, characters and tokens."""

    words: Work
    chars: Work
    tokens: Work


@_leaf
def _add(term: Int, weight: Int, work: Work, m: Int) -> Int:
    if term < 0:
        return m
    if work.counts[term] == 0:
        work.touched[m] = term
        m += 1
    work.counts[term] += weight
    return m


@_leaf
def _add_words(
    tokens: Array, start: Int, stop: Int, weight: Int, word_id: Array, runs: Array, work: Work, m: Int
) -> Int:
    for p in range(start, stop):
        if tokens[p] == BREAK:
            continue
        m = _add(word_id[tokens[p]], weight, work, m)
        for k in range(runs.shape[1]):
            m = _add(runs[p, k], weight, work, m)
    return m


@_leaf
def _add_tokens(tokens: Array, start: Int, stop: Int, weight: Int, work: Work, m: Int) -> Int:
    for p in range(start, stop):
        m = _add(tokens[p], weight, work, m)  # a break is -1
    return m


@_leaf
def _words_of(spans: Spans, d: Int, rules: Rules, lexicon: Lexicon, works: Works) -> Int:
    """Count the words of an article; the number of different ones."""
    if not rules.has_words:
        return 0
    word_id, start, stop = lexicon.word_id, spans.title_starts[d], spans.title_stops[d]
    weight, work = rules.title_weight, works.words
    m = _add_words(spans.title, start, stop, weight, word_id, spans.title_runs, work, ZERO)
    return _add_words(spans.text, spans.starts[d], spans.stops[d], ONE, word_id, spans.runs, work, m)


@_leaf
def _chars_of(spans: Spans, d: Int, rules: Rules, lexicon: Lexicon, works: Works) -> Int:
    """Count the character runs of an article, each token's once for all its occurrences."""
    if not len(lexicon.char_ids):
        return 0
    tokens, work = works.tokens, works.chars
    n = _add_tokens(
        spans.title, spans.title_starts[d], spans.title_stops[d], rules.title_weight, tokens, ZERO
    )
    n = _add_tokens(spans.text, spans.starts[d], spans.stops[d], ONE, tokens, n)
    m = ZERO
    for k in range(n):
        token = tokens.touched[k]
        count = tokens.counts[token]
        tokens.counts[token] = 0
        for i in range(lexicon.char_ends[token], lexicon.char_ends[token + 1]):
            m = _add(lexicon.char_ids[i], count, work, m)
    return m


@_leaf
def _sum(work: Work, m: Int) -> None:
    """Add an article to the document and term frequencies; its counts are zero afterwards."""
    for k in range(m):
        term = work.touched[k]
        work.df[term] += 1
        work.tf[term] += work.counts[term]
        work.counts[term] = 0


@_leaf
def count(spans: Spans, lo: Int, hi: Int, rules: Rules, lexicon: Lexicon, works: Works) -> None:
    """Add articles to the document and term frequencies."""
    for d in range(lo, hi):
        _sum(works.words, _words_of(spans, d, rules, lexicon, works))
        _sum(works.chars, _chars_of(spans, d, rules, lexicon, works))


@_leaf
def _sort(keys: Array, m: Int, spare: Array, tally: Array, n_keys: Int) -> None:
    """Radix sort of the first `m` keys, all below `n_keys`."""
    shift = 0
    while n_keys >> shift > 0:
        for digit in range(256):
            tally[digit] = 0
        for k in range(m):
            tally[(keys[k] >> shift) & 255] += 1
        total = 0
        for digit in range(256):
            tally[digit], total = total, total + tally[digit]
        for k in range(m):
            digit = (keys[k] >> shift) & 255
            spare[tally[digit]] = keys[k]
            tally[digit] += 1
        for k in range(m):
            keys[k] = spare[k]
        shift += 8


@_leaf
def _weigh(work: Work, m: Int, idf: Array, weights: Weights, weight: float, values: Array, at: Int) -> None:
    """TF-IDF of an article's terms, from place `at` on in the order of columns; its counts become zero."""
    _sort(work.touched, m, work.spare, work.tally, len(idf))
    total = 0.0
    for k in range(m):
        term = work.touched[k]
        count = work.counts[term]
        work.counts[term] = 0
        value = float(count)
        if weights.sublinear:
            value = weights.logs[count] if count < len(weights.logs) else math.log(value) + 1.0
        value *= idf[term]
        values[at + k] = value
        total += value if weights.norm == 1 else value * value
    scale = math.sqrt(total) if weights.norm == 2 else total
    for k in range(at, at + m):
        values[k] = (values[k] / scale if weights.norm else values[k]) * weight


@_leaf
def _row(
    spans: Spans, d: Int, rules: Rules, lexicon: Lexicon, works: Works, weights: Weights,
    columns: Array, values: Array,
) -> Int:  # fmt: skip
    """Columns and values of one article, words before characters, each in ascending order; their number."""
    m = _words_of(spans, d, rules, lexicon, works)
    _weigh(works.words, m, weights.word_idf, weights, weights.word_weight, values, ZERO)
    for k in range(m):
        columns[k] = works.words.touched[k]
    n = _chars_of(spans, d, rules, lexicon, works)
    _weigh(works.chars, n, weights.char_idf, weights, weights.char_weight, values, m)
    for k in range(n):
        columns[m + k] = works.chars.touched[k] + len(weights.word_idf)
    return m + n


@_compiled
def rows(
    spans: Spans, lo: Int, hi: Int, rules: Rules, lexicon: Lexicon, works: Works,
    weights: Weights, columns: Array, values: Array,
) -> tuple[Int, Array, Array, Array]:  # fmt: skip
    """The articles from `lo` on as rows of a CSR matrix, as many as the buffers surely hold.

    Returns the next article, and values, columns and lengths of the rows.
    """
    n_columns = len(weights.word_idf) + len(weights.char_idf)
    lengths = np.empty(hi - lo, np.int64)
    at, d = 0, lo
    while d < hi and at + n_columns <= len(values):
        m = _row(spans, d, rules, lexicon, works, weights, columns[at:], values[at:])
        lengths[d - lo] = m
        at += m
        d += 1
    return d, values[:at].copy(), columns[:at].copy(), lengths[: d - lo]


@_compiled
def scores(
    spans: Spans, lo: Int, hi: Int, rules: Rules, lexicon: Lexicon, works: Works,
    weights: Weights, places: Array, coef: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Sums of value times coefficient in the order of the columns, and how many values each row has.

    The columns of `places`, shape (n_articles, n_values), stand behind the terms; zeros are left out.
    """
    n_columns, n_labels = coef.shape
    n_terms = n_columns - places.shape[1]
    columns, values = np.empty(n_columns, np.int32), np.empty(n_columns, np.float64)
    scores = np.zeros((hi - lo, n_labels), np.float64)
    lengths = np.zeros(hi - lo, np.int64)
    for d in range(lo, hi):
        m = _row(spans, d, rules, lexicon, works, weights, columns, values)
        for k in range(places.shape[1]):
            if places[d, k] != 0.0:
                columns[m], values[m] = n_terms + k, places[d, k]
                m += 1
        lengths[d - lo] = m
        _add_products(columns, values, m, coef, scores[d - lo])
    return scores, lengths


@_leaf
def _add_products(columns: Array, values: Array, m: Int, coef: Array, total: Array) -> None:
    """Four terms at a time, to load and store each label's sum once; the order of the sum stays."""
    n_labels = len(total)
    for k in range(0, m - 3, 4):
        v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
        c0, c1, c2, c3 = coef[columns[k]], coef[columns[k + 1]], coef[columns[k + 2]], coef[columns[k + 3]]
        for label in range(n_labels):
            total[label] = (((total[label] + v0 * c0[label]) + v1 * c1[label]) + v2 * c2[label]) + v3 * c3[
                label
            ]
    for k in range(m - m % 4, m):
        row = coef[columns[k]]
        for label in range(n_labels):
            total[label] += values[k] * row[label]


# -- tokens to places --------------------------------------------------------------------------------

# the kinds of places that the finder of mentions treats in their own way
MEDIA, AREA, DEMONYM, CITY, COUNTRY = (1 << bit for bit in range(5))
# what a rule says of a neighbouring word, and what it asks for
AFTER, BEFORE, NOT_AFTER, NOT_BEFORE = (1 << bit for bit in range(4))
NAMED, BESIDE = 1, 2


class Names(NamedTuple):
    """A gazetteer: spellings to forms, forms to places and a rule, and what the places are.

    The table holds the spellings and what longer ones begin with. The places of a form are
    `places[bounds[form]:bounds[form + 1]]`, likeliest first. `beside` is of shape (n_words, n_rules): what
    each word of the rules is to each rule.
    """

    slots: Array
    form: Array  # by spelling, -1 for a mere beginning
    longer: Array  # whether a longer spelling begins with it
    bounds: Array
    places: Array
    rule: Array  # by form, -1 for none
    asks: Array  # by rule
    beside: Array
    region: Array  # by place, -1 for none
    kind: Array
    group: Array
    lends: Array  # what a mention of the place lends support to
    n_lends: Int
    n_regions: Int
    n_groups: Int
    shares: Array
    dateline_tokens: Int
    lead_tokens: Int


class Cues(NamedTuple):
    """What each token is to names: its unstemmed hash and check, and the spelling that it is or begins.

    `word` is its number among the words of the rules; `joined` tells whether it begins with «و». -1 is none.
    """

    hashes: Array
    checks: Array
    spelling: Array
    word: Array
    joined: Array


class Found(NamedTuple):
    """Memory for an article: its tokens and the names among them, in their order, and what is counted."""

    tokens: Array
    start: Array
    stop: Array
    form: Array
    place: Array
    sure: Array
    named: Array  # how often what names lend support to is named beyond doubt
    title: Array  # mentions by region
    early: Array
    all: Array
    weight: Array
    of_kind: Array


@_leaf
def _gather(tokens: Array, start: Int, stop: Int, found: Found) -> Int:
    """Lay the tokens of a part side by side, without breaks; their number."""
    n = ZERO
    for p in range(start, stop):
        if tokens[p] != BREAK:
            found.tokens[n] = tokens[p]
            n += 1
    return n


@_leaf
def _judge(rule: Int, before: Int, after: Int, asks: Array, beside: Array) -> Int:
    """1 where a name surely counts, 0 where it does if its country is named otherwise, else -1.

    `before` and `after` are the numbers of its neighbours among the words of the rules, -1 for none.
    """
    if rule < 0:
        return ONE
    met: Int = ZERO
    if before >= 0:
        met |= beside[before, rule] & (AFTER | NOT_AFTER)
    if after >= 0:
        met |= beside[after, rule] & (BEFORE | NOT_BEFORE)
    if met & (NOT_AFTER | NOT_BEFORE):
        return -ONE
    if met:
        return ONE
    if asks[rule] & NAMED:
        return ZERO
    return -ONE if asks[rule] & BESIDE else ONE


@_leaf
def _kind(form: Int, bounds: Array, places: Array, kinds: Array) -> Int:
    return np.int64(kinds[places[bounds[form]]])


@_leaf
def _find_names(n: Int, cues: Cues, names: Names, mask: Int, found: Found, first: Int) -> Int:
    """Put the names of a part into `found` from place `first` on; where they end."""
    m, media_stop, i = first, -ONE, ZERO
    while i < n:
        token = found.tokens[i]
        spelling = np.int64(cues.spelling[token])
        if spelling < 0:
            i += 1
            continue
        form, stop, sure = -ONE, i, ZERO
        before = np.int64(cues.word[found.tokens[i - 1]]) if i > 0 else -ONE
        h, g, end = cues.hashes[token], cues.checks[token], i + 1
        while spelling >= 0:
            own = np.int64(names.form[spelling])
            judged = -ONE
            if own >= 0:
                after = np.int64(cues.word[found.tokens[end]]) if end < n else -ONE
                judged = _judge(np.int64(names.rule[own]), before, after, names.asks, names.beside)
            if judged >= 0:
                form, stop, sure = own, end, judged  # the longest that counts
            if end == n or not names.longer[spelling]:
                break
            token = found.tokens[end]
            h, g = _join(h, cues.hashes[token]) & mask, _join_check(g, cues.checks[token])
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
        if kind & MEDIA or (kind & AREA and ends_dateline and not cues.joined[found.tokens[i]]):
            media_stop = stop
            if ends_dateline:
                m -= 1
        elif not (kind & DEMONYM and i == media_stop):
            found.start[m], found.stop[m], found.form[m], found.sure[m] = i, stop, form, sure
            m += 1
        i = stop
    return m


@_leaf
def _likeliest(form: Int, bounds: Array, places: Array, lends: Array, named: Array) -> Int:
    """The place that most names of the article support; of equal ones the first."""
    best = np.int64(places[bounds[form]])
    for k in range(bounds[form] + 1, bounds[form + 1]):
        place = np.int64(places[k])
        if named[lends[place]] > named[lends[best]]:
            best = place
    return best


@_leaf
def _settle(m: Int, names: Names, found: Found) -> None:
    """Decide what each name means; its place becomes -1 where it means none or does not count."""
    named = found.named
    named[:] = 0
    for k in range(m):
        form = found.form[k]
        if found.sure[k] and names.bounds[form + 1] - names.bounds[form] == 1:
            named[names.lends[names.places[names.bounds[form]]]] += 1
    for k in range(m):  # what the clear names decide is counted when all are decided
        found.place[k] = _likeliest(found.form[k], names.bounds, names.places, names.lends, named)
    for k in range(m):
        form = found.form[k]
        if found.sure[k] and names.bounds[form + 1] - names.bounds[form] > 1:
            named[names.lends[found.place[k]]] += 1
    for k in range(m):
        place = _likeliest(found.form[k], names.bounds, names.places, names.lends, named)
        counts = names.region[place] >= 0 and (found.sure[k] or named[names.lends[place]] > 0)
        found.place[k] = place if counts else -1


@_leaf
def _weigh_places(n_title: Int, m: Int, names: Names, found: Found, logs: Array, values: Array) -> None:
    """The values of an article, region by region, from its settled names."""
    n_regions = names.n_regions
    opening: Int = -1
    first: Int = -1
    n_early: Int = 0
    total: Int = 0
    for counts in (found.title, found.early, found.all):
        counts[:] = 0
    found.of_kind[:] = 0
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
        found.of_kind[own, names.group[place]] += 2 if early else 1
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
            values[at] = logs[found.of_kind[region, k]]
            at += 1


@_compiled
def place_values(
    spans: Spans, lo: Int, hi: Int, cues: Cues, names: Names, mask: Int, logs: Array, values: Array
) -> None:
    """Fill the rows of articles, shape (n_articles, n_values), with what `mentions.place_features` gives.

    `logs` holds log(1 + n) for all n up to twice the number of tokens.
    """
    size = 0
    for d in range(lo, hi):
        size = max(size, spans.title_stops[d] - spans.title_starts[d] + spans.stops[d] - spans.starts[d])
    found = Found(
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64),
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64),
        np.empty(names.n_lends, np.int64), np.empty(names.n_regions, np.int64),
        np.empty(names.n_regions, np.int64), np.empty(names.n_regions, np.int64),
        np.empty(names.n_regions, np.int64), np.empty((names.n_regions, names.n_groups), np.int64),
    )  # fmt: skip
    for d in range(lo, hi):
        n = _gather(spans.title, spans.title_starts[d], spans.title_stops[d], found)
        n_title = _find_names(n, cues, names, mask, found, ZERO)
        n = _gather(spans.text, spans.starts[d], spans.stops[d], found)
        m = _find_names(n, cues, names, mask, found, n_title)
        if m:
            _settle(m, names, found)
            _weigh_places(n_title, m, names, found, logs, values[d])
