"""Hash the word triples of texts, and sketch sets of them by MinHash."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from newsdesk.inference.engine import Engine
from newsdesk.inference.hashtable import GrowingArray
from newsdesk.inference.kernel import Spans, compiled
from newsdesk.inference.text import tokenize

SHINGLE_WORDS = 3
MAX_TOKEN_BYTES = 63  # longer tokens are rare, and their texts are hashed one by one

U8, U13, U16, U24, BYTE = (np.uint32(n) for n in (8, 13, 16, 24, 0xFF))
U32 = np.uint64(32)
M1, M2, LARGEST = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35), np.uint32(0xFFFFFFFF)

Array = np.ndarray[Any, Any]
Shingles = np.ndarray[Any, np.dtype[np.uint32]]


def shingle(tokens: Sequence[str]) -> Shingles:
    """Hash the distinct word triples of a text to sorted 32-bit numbers; a shorter text is one triple."""
    starts = range(max(1, len(tokens) - SHINGLE_WORDS + 1))
    triples = (" ".join(tokens[i : i + SHINGLE_WORDS]).encode("utf-8", "replace") for i in starts)
    return np.unique(np.fromiter(map(zlib.crc32, triples), dtype=np.uint32))


def jaccard(a: Shingles, b: Shingles) -> float:
    """Compute the Jaccard similarity of two sets of shingles, in [0, 1]."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common) if common else 0.0


@compiled
def sketch_sets(shingles: Array, bounds: Array, factors: Array, terms: Array) -> Array:
    """Return the MinHash of sets, shape (n_sets, n_permutations), by the scheme `affine32` of datasketch.

    Set k is `shingles[bounds[k] : bounds[k + 1]]`. `MinHash.update_batch` hashes one number after the other.
    """
    n_permutations = len(factors)
    sketches = np.full((len(bounds) - 1, n_permutations), LARGEST, np.uint32)
    for row in range(len(bounds) - 1):
        least = sketches[row]
        for i in range(bounds[row], bounds[row + 1]):
            mixed = np.uint32(shingles[i] ^ (shingles[i] >> U16))  # the finalizer of MurmurHash3
            mixed = np.uint32(mixed * M1)
            mixed = np.uint32(mixed ^ (mixed >> U13))
            mixed = np.uint32(mixed * M2)
            mixed = np.uint32(mixed ^ (mixed >> U16))
            for k in range(n_permutations):
                value = np.uint32(mixed * factors[k] + terms[k])
                least[k] = min(least[k], value)
    return sketches


@compiled
def hash_triples(
    tokens: Array, bounds: Array, crc: Array, spaced: Array, n_bytes: Array, shifts: Array
) -> Array:
    """Return `row << 32 | CRC-32` of each word triple; row k is `tokens[bounds[k] : bounds[k + 1]]`."""
    keys = np.empty(len(tokens), np.uint64)
    n = 0
    for row in range(len(bounds) - 1):
        for i in range(bounds[row], bounds[row + 1] - 2):
            value = spaced[tokens[i]]
            for k in range(1, SHINGLE_WORDS):
                token, is_last = tokens[i + k], k == SHINGLE_WORDS - 1
                # what the bytes behind the string so far make of its CRC-32
                shift = shifts[min(n_bytes[token], MAX_TOKEN_BYTES) + (0 if is_last else 1)]
                shifted = shift[0, value & BYTE] ^ shift[1, (value >> U8) & BYTE]
                shifted ^= shift[2, (value >> U16) & BYTE] ^ shift[3, value >> U24]
                value = np.uint32(shifted ^ (crc[token] if is_last else spaced[token]))
            keys[n] = (np.uint64(row) << U32) | np.uint64(value)
            n += 1
    return keys[:n]


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
        shingles = self._shingle_rows(tokens, bounds)
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

    def _shingle_rows(self, tokens: Array, bounds: Array) -> list[Shingles]:
        """Hash the distinct triples of each row."""
        own = (self._crc.values, self._spaced.values, self._n_bytes.values)
        keys = np.sort(hash_triples(tokens, bounds, *own, self._shifts))
        keys = keys[np.diff(keys, prepend=~keys[:1]) != 0]
        row_starts = np.arange(1, len(bounds) - 1, dtype=np.uint64) << U32
        return np.split(keys.astype(np.uint32), np.searchsorted(keys, row_starts))


def _build_shifts(n_max: int) -> Array:
    """Build the table of what n bytes behind a string make of each of the four bytes of its CRC-32."""
    shifts = np.empty((n_max + 1, 4, 256), np.uint32)
    for n in range(n_max + 1):
        zeros = bytes(n)
        alone = zlib.crc32(zeros)
        for k in range(4):
            shifts[n, k] = [zlib.crc32(zeros, byte << 8 * k) ^ alone for byte in range(256)]
    return shifts
