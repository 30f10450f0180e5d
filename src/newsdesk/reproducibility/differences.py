"""How far one value is from another: how many parts differ, by how much, and whether that is rounding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ROUNDING = 1e-6  # of the largest value beside it; a float32 is exact to 6e-8, sums of them to somewhat less
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs.

    Attributes
    ----------
    where : str
        File within the output; behind a colon an array, a column or a key.
    values, differing : int
        How many there are and how many of them differ; of a file as a whole, bytes.
    largest : float or None
        Largest absolute difference; None if what differs is no number.
    rounding : bool
        Whether that is no more than sums in another order or by other instructions make: numbers alone
        differ, each by less than `ROUNDING` of the largest beside it; or hashes of what differs so.
    """

    where: str
    values: int
    differing: int
    largest: float | None
    rounding: bool
    note: str = ""

    def text(self) -> str:
        """In a few words."""
        if self.note:
            return f"{self.where}: {self.note}"
        by = f", by at most {self.largest:.3g}" if self.largest is not None else ""
        return f"{self.where}: {self.differing:,} of {self.values:,} values differ{by}"


def compare_named(then: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Iterator[Difference]:
    """Compare arrays or columns of the same name; those that are the same are left out."""
    for key in [*then, *(key for key in now if key not in then)]:
        where = f"{name}: {key}"
        if key not in now or key not in then:
            yield odd(where, "is missing" if key not in now else "is there and not expected")
            continue
        compare = compare_arrays if isinstance(then[key], np.ndarray) else compare_values
        if difference := compare(then[key], now[key], where=where):
            yield difference


def compare_arrays(expected: Array, found: Array, *, where: str) -> Difference | None:
    """Compare two arrays bit by bit; None if they are the same."""
    if expected.shape != found.shape or expected.dtype != found.dtype:
        forms = [f"{array.dtype} of shape {array.shape}" for array in (expected, found)]
        return odd(where, f"{forms[0]} is expected, {forms[1]} is there")
    then, now = (np.ascontiguousarray(array).reshape(-1) for array in (expected, found))
    if then.tobytes() == now.tobytes():
        return None
    if then.dtype.kind not in "fiu":
        return Difference(where, then.size, int((then != now).sum()), None, rounding=False)
    bits = [array.view(f"u{array.dtype.itemsize}") for array in (then, now)]
    differing = int((bits[0] != bits[1]).sum())
    wide = [array.astype(np.float64) for array in (then, now)]
    return _numbers(where, *wide, values=then.size, differing=differing, floats=then.dtype.kind == "f")


def compare_values(expected: Any, found: Any, *, where: str) -> Difference | None:
    """Compare two values of JSON's types, leaf by leaf; None if they are the same.

    Hashes are told from other text: one that differs says that something else does.
    """
    then, now = dict(_leaves(expected)), dict(_leaves(found))
    total = len(then.keys() | now.keys())
    alone = then.keys() ^ now.keys()
    others = [path for path in then if path in now and not _same(then[path], now[path])]
    if not others and not alone:
        return None
    texts = [path for path in others if not (_is_number(then[path]) and _is_number(now[path]))]
    own = [path for path in texts if not (_is_hash(then[path]) and _is_hash(now[path]))]
    if not others or alone or own:
        first = "/".join(map(str, [*own, *sorted(alone, key=str)][0]))
        note = f"{len(others) + len(alone):,} of {total:,} values differ, {first} among them"
        return Difference(where, total, len(others) + len(alone), None, rounding=False, note=note)
    if len(texts) == len(others):
        named = ", ".join("/".join(map(str, path)) for path in texts)
        return Difference(where, total, len(others), None, rounding=True, note=f"other hashes: {named}")
    numbers = [path for path in others if path not in set(texts)]
    pairs = [np.array([float(side[path]) for path in numbers]) for side in (then, now)]
    floats = all(isinstance(side[path], float) for side in (then, now) for path in numbers)
    return _numbers(where, *pairs, values=total, differing=len(others), floats=floats)


def _numbers(where: str, then: Array, now: Array, *, values: int, differing: int, floats: bool) -> Difference:
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(then - now)
    largest = float(np.nanmax(distance, initial=0.0))
    if not np.isfinite(largest) or (np.isnan(then) != np.isnan(now)).any():
        return Difference(where, values, differing, None, rounding=False)
    scale = float(np.nanmax(np.abs(then), initial=0.0))
    return Difference(where, values, differing, largest, floats and largest <= ROUNDING * scale)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _leaves(inner, (*path, i))
    else:
        yield path, value


def _same(then: Any, now: Any) -> bool:
    if isinstance(then, float) and isinstance(now, float):
        return then.hex() == now.hex()  # 0.0 and -0.0 are not the same bits; NaN and NaN are
    return type(then) is type(now) and bool(then == now)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


def odd(where: str, note: str) -> Difference:
    """A difference that is no number of values."""
    return Difference(where, 1, 1, None, rounding=False, note=note)
