"""Hash tables, arrays and lists of strings that grow, in the layout that the kernel reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from . import kernel
from .kernel import LOW, Array


def _empty_slots(n: int) -> Array:
    """Allocate an empty table for `n` terms, at most two thirds full."""
    return np.zeros(2 << max(10, (3 * n // 2).bit_length()), np.uint64)


@dataclass(slots=True)
class HashTable:
    """Map terms, known by hash and check, to identifiers."""

    slots: Array = field(default_factory=lambda: _empty_slots(0))  # as the kernel reads them
    n: int = 0
    collisions: int = 0  # number of terms that have the hash of another term

    def reserve(self, extra: int) -> None:
        """Make room for `extra` more terms."""
        larger = _empty_slots(self.n + extra)
        if len(larger) > len(self.slots):
            kernel.copy(self.slots, larger)
            self.slots = larger

    def intern(self, hashes: Array, checks: Array) -> tuple[Array, Array]:
        """Return the identifiers of terms, adding new ones, and the position of each new term in `hashes`."""
        self.reserve(len(hashes))
        identifiers, firsts, collisions = kernel.intern(self.slots, self.n, hashes, checks)
        self.n += len(firsts)
        self.collisions += collisions
        return identifiers, firsts

    def find(self, hashes: Array, checks: Array) -> Array:
        """Return the identifiers of terms, -1 for unknown ones."""
        return np.asarray(kernel.lookup_all(self.slots, hashes, checks))

    def hashes(self) -> tuple[Array, Array]:
        """Return hash and check of each term, by identifier, shape (n,) each."""
        hashes, checks = np.empty(self.n, np.uint64), np.empty(self.n, np.uint64)
        is_taken = self.slots[1::2] != 0
        entries = self.slots[1::2][is_taken]
        identifiers = (entries & LOW).astype(np.int64) - 1
        hashes[identifiers], checks[identifiers] = self.slots[::2][is_taken], entries >> np.uint64(32)
        return hashes, checks

    def renumbered(self, columns: Array) -> HashTable:
        """Return a table of the terms whose column is not -1, with columns as identifiers."""
        n = int((columns >= 0).sum())
        kept = HashTable(_empty_slots(n), n, self.collisions)
        kernel.copy_columns(self.slots, columns, kept.slots)
        return kept


class GrowingArray:
    """An array that grows at its end."""

    def __init__(self, dtype: Any, width: int | None = None) -> None:
        self._array = np.empty((1024, width) if width else 1024, dtype)
        self.n = 0

    def extend(self, values: Array) -> None:
        """Append values."""
        end = self.n + len(values)
        if end > len(self._array):
            larger = np.empty((max(end, 2 * len(self._array)), *self._array.shape[1:]), self._array.dtype)
            larger[: self.n] = self._array[: self.n]
            self._array = larger
        self._array[self.n : end] = values
        self.n = end

    @property
    def values(self) -> Array:
        """The values so far, a view."""
        return self._array[: self.n]


class GrowingStrings:
    """A list of strings, stored as code points one after the other."""

    def __init__(self) -> None:
        self.points = GrowingArray(np.uint32)
        self.bounds = GrowingArray(np.int64)
        self.bounds.extend(np.zeros(1, np.int64))

    def extend(self, points: Array, bounds: Array) -> None:
        """Append strings, given as `to_points` returns them."""
        self.bounds.extend(self.points.n + bounds[1:])
        self.points.extend(points)

    def strings(self, first: int = 0) -> list[str]:
        """Return the strings from number `first` on."""
        return from_points(self.points.values, self.bounds.values[first:])


def to_points(strings: Sequence[str]) -> tuple[Array, Array]:
    """Return the code points of strings and the bounds of each string, shape (n_strings + 1,)."""
    points = np.frombuffer("".join(strings).encode("utf-32-le"), np.uint32)
    return points, np.cumsum([0, *map(len, strings)], dtype=np.int64)


def from_points(points: Array, bounds: Array) -> list[str]:
    """Return the strings of code points; the inverse of `to_points`."""
    joined = points[bounds[0] : bounds[-1]].tobytes().decode("utf-32-le")
    return [joined[a:b] for a, b in pairwise((bounds - bounds[0]).tolist())]
