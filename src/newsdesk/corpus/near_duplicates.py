"""Near-duplicate groups, and splits of whole groups."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.text import normalize, tokenize

SHINGLE_WORDS = 3
N_PERMUTATIONS = 128
UNDATED = datetime.max.replace(tzinfo=UTC)  # later than any date

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
    pairs = [*_find_pairs(texts, min_jaccard=min_jaccard, seed=seed)]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    n_articles = len(article_ids)
    graph = coo_matrix((np.ones(len(pairs), dtype=bool), (first, second)), shape=(n_articles, n_articles))
    components = connected_components(graph, directed=False)[1].tolist()
    earliest: dict[int, tuple[datetime, str]] = {}
    for component, date, article_id in zip(components, published, article_ids, strict=True):
        candidate = (date or UNDATED, article_id)
        earliest[component] = min(earliest.get(component, candidate), candidate)
    return [earliest[component][1] for component in components]


def _find_pairs(texts: Iterable[str], *, min_jaccard: float, seed: int) -> Iterator[tuple[int, int]]:
    """Yield the row numbers of near-duplicates; an exact copy is paired with its first occurrence only."""
    table = translation(build_table(Normalization()))
    first_of: dict[bytes, int] = {}
    sets: dict[int, Shingles] = {}
    lsh = MinHashLSH(threshold=min_jaccard, num_perm=N_PERMUTATIONS)
    blank = MinHash(num_perm=N_PERMUTATIONS, seed=seed + 1, hashfunc=int)
    for i, text in enumerate(texts):
        tokens = tokenize(normalize(text, table))
        exact = hashlib.sha256(" ".join(tokens).encode("utf-8", "replace")).digest()
        if exact in first_of:
            yield i, first_of[exact]
            continue
        first_of[exact] = i
        sets[i] = shingle(tokens)
        sketch = blank.copy()
        sketch.update_batch(sets[i].tolist())
        yield from ((i, j) for j in lsh.query(sketch) if jaccard(sets[i], sets[j]) >= min_jaccard)
        lsh.insert(i, sketch, check_duplication=False)


def assign_splits(
    group_ids: Sequence[str], *, valid_share: float, test_share: float, seed: int
) -> Iterator[str]:
    """Yield the split of each article, by the hash of its group, so that adding articles moves none."""
    for group_id in group_ids:
        digest = hashlib.sha256(f"{seed}:{group_id}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        held_out = "test" if position < test_share else "valid"
        yield held_out if position < test_share + valid_share else "train"
