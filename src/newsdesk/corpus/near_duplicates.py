"""Near-duplicate groups, and splits of whole groups."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any, Self

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.cluster.hierarchy import DisjointSet

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.hashtable import GrowingArray
from newsdesk.inference.kernel import Spans
from newsdesk.inference.text import tokenize

SHINGLE_WORDS = 3
N_PERMUTATIONS = 128
BATCH = 1024  # texts that are tokenized at a time
MAX_TOKEN_BYTES = 63  # longer tokens are rare, and their texts are hashed one by one
UNDATED = datetime.max.replace(tzinfo=UTC)  # later than any date

U32, BYTE = np.uint64(32), np.uint32(0xFF)

Array = np.ndarray[Any, Any]
Shingles = np.ndarray[Any, np.dtype[np.uint32]]
Progress = Callable[[Iterable[Any], str], Iterable[Any]]  # passes items through, and counts them by name


def shingle(tokens: Sequence[str]) -> Shingles:
    """Hash the distinct word triples of a text to sorted 32-bit numbers; a shorter text is one triple."""
    starts = range(max(1, len(tokens) - SHINGLE_WORDS + 1))
    triples = (" ".join(tokens[i : i + SHINGLE_WORDS]).encode("utf-8", "replace") for i in starts)
    return np.unique(np.fromiter(map(zlib.crc32, triples), dtype=np.uint32))


def jaccard(a: Shingles, b: Shingles) -> float:
    """Compute the Jaccard similarity of two sets of shingles, in [0, 1]."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common) if common else 0.0


def sketch(shingles: Shingles, permutations: Array) -> Array:
    """Return the MinHash of a set, shape (n_permutations,), as datasketch's scheme `affine32` defines it.

    `MinHash.update_batch` takes three times as long, since it hashes one number after the other.
    """
    mixed = shingles ^ (shingles >> np.uint32(16))  # the finalizer of MurmurHash3
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    factors, terms = permutations
    hashes = mixed[:, None] * factors
    hashes += terms
    return np.asarray(hashes.min(axis=0))


def group_articles(
    article_ids: Sequence[str],
    texts: Iterable[str],
    published: Sequence[datetime | None],
    *,
    min_jaccard: float,
    seed: int,
) -> list[str]:
    """Group near-duplicates, and name each group after its earliest article.

    Two texts are near-duplicates if their sets of word triples have a Jaccard similarity of at least
    `min_jaccard`. MinHash finds the candidates, and the exact sets decide. So the groups do not depend on
    the order of the articles, and adding an article without near-duplicates changes no group. Adding a copy
    renames its group if it is the earliest by date (undated articles are last) and id, and adding a
    near-duplicate of two groups joins them. Without a memory of earlier runs neither can be avoided.

    Parameters
    ----------
    article_ids, texts, published : of shape (n_articles,)
    min_jaccard : float
    seed : int
        Seed of MinHash.

    Returns
    -------
    list of str, shape (n_articles,)
        The `group_id` of each article.

    Examples
    --------
    >>> texts = ["the summit opens in Berlin today", "Berlin: the summit opens in Berlin today", "rain"]
    >>> group_articles(["a", "b", "c"], texts, [None] * 3, min_jaccard=0.5, seed=0)
    ['a', 'a', 'c']
    """
    normalize = build_normalizer(Normalization())
    engine = Engine(normalize=normalize, maps=build_maps(normalize))
    remaining = iter(texts)
    with ShingleSets(engine, normalize, min_jaccard=min_jaccard, seed=seed) as sets:
        while batch := [*islice(remaining, BATCH)]:
            sets.add(batch, engine.scan([""] * len(batch), batch).articles.texts)
        return sets.group(article_ids, published)


class ShingleSets:
    """The different sets of shingles of texts, kept in a temporary file, those of exact copies once.

    Texts are tokenized by `engine`, whose reference is `normalize`; parameters are those of `group_articles`.
    """

    def __init__(
        self, engine: Engine, normalize: Callable[[str], str], *, min_jaccard: float, seed: int
    ) -> None:
        self._shingler = Shingler(engine, normalize)
        self._min_jaccard = min_jaccard
        self._lsh = MinHashLSH(threshold=min_jaccard, num_perm=N_PERMUTATIONS)
        factors = np.random.default_rng(seed).integers(2**63, size=self._lsh.r, dtype=np.uint64)
        self._factors = factors | np.uint64(1)
        self._permutations = MinHash(num_perm=N_PERMUTATIONS, seed=seed + 1).permutations
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._shingles: Shingles = np.empty(0, np.uint32)  # of all sets, one after the other
        self._number_of: dict[bytes, int] = {}
        self._of_text = GrowingArray(np.int64)  # the number of each text's set
        self._bounds = GrowingArray(np.int64)  # of each set in `_shingles`
        self._bounds.extend(np.zeros(1, np.int64))
        # two sets with a band in common may be near-duplicates
        self._bands = GrowingArray(np.uint64, self._lsh.b)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, texts: Sequence[str], tokens: Spans) -> None:
        """Add texts and their tokens."""
        new: list[Shingles] = []
        for digest, shingles in zip(*self._shingler.shingle(texts, tokens), strict=True):
            number = self._number_of.setdefault(digest, len(self._number_of))
            self._of_text.extend(np.array([number]))
            if number == self._bands.n + len(new):
                new.append(shingles)
        if new:
            np.concatenate(new).tofile(self._file)
            self._bounds.extend(self._bounds.values[-1] + np.cumsum([*map(len, new)]))
            sketches = np.array([sketch(shingles, self._permutations) for shingles in new])
            banded = sketches[:, : self._lsh.b * self._lsh.r].reshape(-1, self._lsh.b, self._lsh.r)
            self._bands.extend((banded * self._factors).sum(axis=2))

    def group(
        self,
        article_ids: Sequence[str],
        published: Sequence[datetime | None],
        progress: Progress = lambda items, name: items,
    ) -> list[str]:
        """Group the texts, as `group_articles` does."""
        joined = self._join_near_duplicates(progress)
        components = [joined.get(number, number) for number in self._of_text.values.tolist()]
        earliest: dict[int, tuple[datetime, str]] = {}
        for component, date, article_id in zip(components, published, article_ids, strict=True):
            candidate = (date or UNDATED, article_id)
            earliest[component] = min(earliest.get(component, candidate), candidate)
        return [earliest[component][1] for component in components]

    def _join_near_duplicates(self, progress: Progress) -> dict[int, int]:
        """Map the numbers of sets to that of one of their group; sets that are alone may be left out."""
        self._file.flush()
        if self._bands.n:
            self._shingles = np.memmap(self._file, np.uint32, "r")
        joined, rejected = DisjointSet(), set[tuple[int, int]]()

        def are_near(i: int, j: int) -> bool:
            if (i, j) not in rejected and jaccard(self._set(i), self._set(j)) < self._min_jaccard:
                rejected.add((i, j))
            return (i, j) not in rejected

        for band in progress(self._bands.values.T, "grouping, bands"):
            for bucket in _find_buckets(band):
                apart: list[list[int]] = []  # what is joined so far
                for i in bucket:
                    joined.add(i)
                    own, others = [i], []
                    for group in apart:
                        if joined.connected(i, group[0]) or any(are_near(i, j) for j in group):
                            joined.merge(i, group[0])
                            own += group
                        else:
                            others.append(group)
                    apart = [*others, own]
        return {number: joined[number] for number in joined}

    def _set(self, number: int) -> Shingles:
        return self._shingles[self._bounds.values[number] : self._bounds.values[number + 1]]


def _find_buckets(band: Array) -> Iterator[list[int]]:
    """Yield the numbers of sets that have the same value of a band, if there are several."""
    order = np.argsort(band, kind="stable")
    is_first = np.concatenate([[True], np.diff(band[order]) != 0, [True]])
    starts = np.flatnonzero(is_first)
    for k in np.flatnonzero(np.diff(starts) > 1):
        yield order[starts[k] : starts[k + 1]].tolist()


class Shingler:
    """Hash the word triples of many texts, as `shingle` does those of one."""

    def __init__(self, engine: Engine, normalize: Callable[[str], str]) -> None:
        self._engine, self._normalize = engine, normalize
        # of each token: its CRC-32, that with a space behind it, and its number of bytes
        self._crc, self._spaced, self._n_bytes = (GrowingArray(d) for d in (np.uint32, np.uint32, np.int64))
        self._shifts = _build_shifts(MAX_TOKEN_BYTES + 1)

    def shingle(self, texts: Sequence[str], spans: Spans) -> tuple[list[bytes], list[Shingles]]:
        """Return a digest of the tokens of each text, and its shingles."""
        self._hash_new_tokens()
        bounds = np.concatenate([[0], np.cumsum(spans.lengths)])
        rows = np.repeat(np.arange(len(texts)), spans.lengths)
        tokens = spans.tokens[np.arange(bounds[-1]) + (spans.starts - bounds[:-1])[rows]]
        hashes = np.split(self._engine.cache.word_hash.values[tokens], bounds[1:-1])
        shingles = self._shingle_rows(rows, tokens, len(texts))
        longest = np.zeros(len(texts), np.int64)
        np.maximum.at(longest, rows, self._n_bytes.values[tokens])
        for row in np.flatnonzero((spans.lengths < SHINGLE_WORDS) | (longest > MAX_TOKEN_BYTES)).tolist():
            shingles[row] = shingle(tokenize(self._normalize(texts[row])))
        return [hashlib.sha256(each.tobytes()).digest() for each in hashes], shingles

    def _hash_new_tokens(self) -> None:
        """Hash the tokens that the engine has seen since the last call."""
        encoded = [token.encode() for token in self._engine.cache.spellings.strings(self._crc.n)]
        self._crc.extend(np.array([*map(zlib.crc32, encoded)], np.uint32))
        self._spaced.extend(np.array([zlib.crc32(each + b" ") for each in encoded], np.uint32))
        self._n_bytes.extend(np.array([*map(len, encoded)], np.int64))

    def _shingle_rows(self, rows: Array, tokens: Array, n_rows: int) -> list[Shingles]:
        """Hash the triples within each row."""
        is_whole = rows[:-2] == rows[2:]
        first, second, third = (tokens[i : len(tokens) - 2 + i][is_whole] for i in range(SHINGLE_WORDS))
        crc = self._append(self._spaced.values[first], self._spaced, second, n_spaces=1)
        crc = self._append(crc, self._crc, third)
        keys = np.sort(rows[:-2][is_whole].astype(np.uint64) << U32 | crc)
        keys = keys[np.diff(keys, prepend=~keys[:1]) != 0]
        row_starts = np.arange(1, n_rows, dtype=np.uint64) << U32
        return np.split(keys.astype(np.uint32), np.searchsorted(keys, row_starts))

    def _append(self, crc: Array, own: GrowingArray, tokens: Array, n_spaces: int = 0) -> Array:
        """Return the CRC-32 of strings that are followed by tokens, from those of both."""
        n_bytes = np.minimum(self._n_bytes.values[tokens], MAX_TOKEN_BYTES) + n_spaces
        parts = (self._shifts[n_bytes, k, crc >> np.uint32(8 * k) & BYTE] for k in range(4))
        return np.asarray(np.bitwise_xor.reduce([*parts, own.values[tokens]]))


def _build_shifts(n_max: int) -> Array:
    """Build the table of what n bytes behind a string make of each of the four bytes of its CRC-32."""
    shifts = np.empty((n_max + 1, 4, 256), np.uint32)
    for n in range(n_max + 1):
        zeros = bytes(n)
        alone = zlib.crc32(zeros)
        for k in range(4):
            shifts[n, k] = [zlib.crc32(zeros, byte << 8 * k) ^ alone for byte in range(256)]
    return shifts


def assign_splits(
    group_ids: Sequence[str], *, valid_share: float, test_share: float, seed: int
) -> Iterator[str]:
    """Yield the split of each article, by the hash of its group, so that adding articles moves none."""
    for group_id in group_ids:
        digest = hashlib.sha256(f"{seed}:{group_id}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        held_out = "test" if position < test_share else "valid"
        yield held_out if position < test_share + valid_share else "train"
