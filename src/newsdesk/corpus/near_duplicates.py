"""Near-duplicate groups and the splits that follow from them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from datasketch import MinHash, MinHashLSH

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.text import normalize, tokenize

SHINGLE_WORDS = 3
N_PERMUTATIONS = 128
LATEST = datetime.max.replace(tzinfo=UTC)

Shingles = np.ndarray[Any, np.dtype[np.uint32]]


def shingle(tokens: Sequence[str]) -> Shingles:
    """The distinct word triples of a text as sorted 32-bit hashes; one hash of a shorter text."""
    triples: Iterable[str] = (
        " ".join(tokens[i : i + SHINGLE_WORDS]) for i in range(max(1, len(tokens) - SHINGLE_WORDS + 1))
    )
    return np.unique(
        np.fromiter((zlib.crc32(t.encode("utf-8", "replace")) for t in triples), dtype=np.uint32)
    )


def jaccard(a: Shingles, b: Shingles) -> float:
    """Share of common elements of two sets of shingles, in [0, 1]."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common) if common else 0.0


def group_articles(
    article_ids: Sequence[str],
    texts: Iterable[str],
    published: Sequence[datetime | None],
    *,
    min_jaccard: float,
    seed: int,
) -> list[str]:
    """Find near-duplicates and name each group after its earliest article.

    Two texts belong together where their sets of word triples have a Jaccard similarity of at least
    `min_jaccard`: MinHash finds the candidates, the exact sets decide. So the groups do not depend on
    the order of the articles, and adding one that is like no other changes no group. Adding a copy
    renames its group if it is the earliest by date (undated ones come last) and id; adding an article
    that is like two groups joins them. No rule without a memory of earlier runs can avoid either.

    Returns
    -------
    list of str, shape (n_articles,)
        The `group_id` of each article.
    """
    table = translation(build_table(Normalization()))
    first_of: dict[bytes, int] = {}  # exact copies need no comparing
    sets: dict[int, Shingles] = {}
    parent = list(range(len(article_ids)))
    lsh = MinHashLSH(threshold=min_jaccard, num_perm=N_PERMUTATIONS)
    blank = MinHash(num_perm=N_PERMUTATIONS, seed=seed + 1, hashfunc=int)
    for i, text in enumerate(texts):
        tokens = tokenize(normalize(text, table))
        exact = hashlib.sha256(" ".join(tokens).encode("utf-8", "replace")).digest()
        if exact in first_of:
            _union(parent, i, first_of[exact])
            continue
        first_of[exact] = i
        sets[i] = shingle(tokens)
        sketch = blank.copy()
        sketch.update_batch(sets[i].tolist())
        for j in lsh.query(sketch):
            if _find(parent, i) != _find(parent, j) and jaccard(sets[i], sets[j]) >= min_jaccard:
                _union(parent, i, j)
        lsh.insert(i, sketch, check_duplication=False)
    return _name_groups(parent, article_ids, published)


def _name_groups(
    parent: list[int], article_ids: Sequence[str], published: Sequence[datetime | None]
) -> list[str]:
    earliest: dict[int, tuple[datetime, str]] = {}
    for i, article_id in enumerate(article_ids):
        root = _find(parent, i)
        candidate = (published[i] or LATEST, article_id)
        earliest[root] = min(earliest.get(root, candidate), candidate)
    return [earliest[_find(parent, i)][1] for i in range(len(article_ids))]


def _find(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def _union(parent: list[int], i: int, j: int) -> None:
    parent[_find(parent, i)] = _find(parent, j)


def assign_splits(
    group_ids: Sequence[str], *, valid_share: float, test_share: float, seed: int
) -> Iterator[str]:
    """Split by a hash of the group alone: whole groups, and adding articles moves none."""
    for group_id in group_ids:
        digest = hashlib.sha256(f"{seed}:{group_id}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        if position < test_share:
            yield "test"
        elif position < test_share + valid_share:
            yield "valid"
        else:
            yield "train"
