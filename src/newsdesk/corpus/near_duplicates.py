"""Near-duplicate groups, and splits of whole groups."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any, Self

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.cluster.hierarchy import DisjointSet

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.corpus.shingles import Array, Shingler, Shingles, jaccard, sketch_sets
from newsdesk.inference.charmap import build_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.hashtable import GrowingArray
from newsdesk.inference.kernel import Spans

N_PERMUTATIONS = 128
BATCH = 1024  # texts that are tokenized at a time
UNDATED = datetime.max.replace(tzinfo=UTC)  # later than any date

Progress = Callable[[Iterable[Any], str], Iterable[Any]]  # passes items through, and counts them by name


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
            shingles, bounds = np.concatenate(new), np.cumsum([0, *map(len, new)])
            shingles.tofile(self._file)
            self._bounds.extend(self._bounds.values[-1] + bounds[1:])
            sketches = sketch_sets(shingles, bounds, *self._permutations)
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


def assign_splits(
    group_ids: Sequence[str], *, valid_share: float, test_share: float, seed: int
) -> Iterator[str]:
    """Yield the split of each article, by the hash of its group, so that adding articles moves none."""
    for group_id in group_ids:
        digest = hashlib.sha256(f"{seed}:{group_id}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        held_out = "test" if position < test_share else "valid"
        yield held_out if position < test_share + valid_share else "train"
