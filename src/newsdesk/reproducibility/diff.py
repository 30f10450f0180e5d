"""Compare two outputs value by value: how many values differ, by how much, and whether that is rounding."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_arrays
from newsdesk.reproducibility.dvc_lock import output_files

Array = np.ndarray[Any, Any]
READ_ERRORS = (NewsdeskError, OSError, ValueError, TypeError, zlib.error, pa.ArrowException)
ROUNDING = 1e-6  # of the largest value; a float32 is exact to 6e-8, sums of them to less
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in a file, an array, a column or a JSON document."""

    where: str
    message: str
    rounding: bool = (
        False  # only floats differ, by at most `ROUNDING` of the largest, or only hashes of files
    )


def compare_outputs(expected: Path, found: Path) -> list[Difference]:
    """Compare two files, or two folders file by file; files with the same bytes are left out."""
    if expected.is_dir() != found.is_dir():
        kinds = ["folder" if path.is_dir() else "file" for path in (expected, found)]
        return [Difference(expected.name, f"expected a {kinds[0]}, found a {kinds[1]}")]
    if not expected.is_dir():
        return list(_compare_files(expected, found, expected.name))
    names = {p.relative_to(folder).as_posix() for folder in (expected, found) for p in output_files(folder)}
    return [d for name in sorted(names) for d in _compare_files(expected / name, found / name, name)]


def _compare_files(expected: Path, found: Path, name: str) -> Iterator[Difference]:
    if not expected.is_file() or not found.is_file():
        yield Difference(name, "unexpected" if found.is_file() else "missing")
        return
    if expected.read_bytes() == found.read_bytes():
        return
    try:
        before, after = _read_parts(expected), _read_parts(found)
    except READ_ERRORS as error:
        yield Difference(name, f"not readable: {error}".splitlines()[0])
        return
    differences = [
        compare_values(before[part], after[part], where=f"{name}: {part}" if part else name)
        if part in before and part in after
        else Difference(f"{name}: {part}", "missing" if part in before else "unexpected")
        for part in {**before, **after}
    ]
    unseen = Difference(name, "other bytes, with the same values" if before else "other bytes")
    yield from [difference for difference in differences if difference] or [unseen]


def _read_parts(path: Path) -> dict[str, Any]:
    """Read arrays or columns by name, or a JSON document under an empty name; nothing of other formats."""
    if path.suffix == ".npz":
        return read_arrays(path)
    if path.suffix in (".parquet", ".csv"):
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
        return {name: table[name].to_pylist() for name in table.column_names}
    if path.suffix == ".json":
        return {"": json.loads(path.read_bytes())}
    if path.suffix == ".gzip":
        return {"": json.loads(zlib.decompress(path.read_bytes(), wbits=31))}
    return {}


def compare_values(expected: Any, found: Any, *, where: str) -> Difference | None:
    """Compare two arrays bit by bit, or two JSON values leaf by leaf; None if they are the same."""
    if isinstance(expected, np.ndarray):
        return _compare_arrays(expected, found, where)
    before, after = dict(_leaves(expected)), dict(_leaves(found))
    shared = [path for path in before if path in after]
    changed = [path for path in shared if not _same(before[path], after[path])]
    one_sided = [path for path in (*before, *after) if path not in before or path not in after]
    if not changed and not one_sided:
        return None
    count = f"{len(changed) + len(one_sided):,} of {len({**before, **after}):,} values differ"
    hashes = [path for path in changed if _is_hash(before[path]) and _is_hash(after[path])]
    numbers = [path for path in changed if _is_number(before[path]) and _is_number(after[path])]
    if others := [path for path in changed if path not in {*hashes, *numbers}] + one_sided:
        return Difference(where, f"{count}, for example {'/'.join(map(str, others[0]))}")
    if not numbers:
        return Difference(where, f"other hashes: {', '.join('/'.join(map(str, p)) for p in hashes)}", True)
    pair = [[values[path] for path in numbers] for values in (before, after)]
    are_floats = all(isinstance(value, float) for values in pair for value in values)
    return _number_difference(where, count, np.array(pair[0], float), np.array(pair[1], float), are_floats)


def _compare_arrays(expected: Array, found: Array, where: str) -> Difference | None:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        forms = [f"{array.dtype} of shape {array.shape}" for array in (expected, found)]
        return Difference(where, f"expected {forms[0]}, found {forms[1]}")
    before, after = (np.ascontiguousarray(array).reshape(-1) for array in (expected, found))
    if before.tobytes() == after.tobytes():
        return None
    is_float = before.dtype.kind == "f"
    bits = [array.view(f"u{array.dtype.itemsize}") if is_float else array for array in (before, after)]
    count = f"{int((bits[0] != bits[1]).sum()):,} of {before.size:,} values differ"
    if before.dtype.kind not in "fiu":
        return Difference(where, count)
    return _number_difference(where, count, before.astype(float), after.astype(float), is_float)


def _number_difference(where: str, count: str, before: Array, after: Array, are_floats: bool) -> Difference:
    with np.errstate(invalid="ignore", over="ignore"):
        largest = float(np.nanmax(np.abs(before - after), initial=0.0))
    if not np.isfinite(largest) or (np.isnan(before) != np.isnan(after)).any():
        return Difference(where, count)
    rounding = are_floats and largest <= ROUNDING * float(np.nanmax(np.abs(before), initial=0.0))
    return Difference(where, f"{count}, by at most {largest:.3g}", rounding)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, (dict, list, tuple)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return before.hex() == after.hex()  # 0.0 and -0.0 differ, NaN and NaN do not
    return type(before) is type(after) and bool(before == after)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None
