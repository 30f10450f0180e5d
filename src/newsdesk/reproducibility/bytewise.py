"""Two outputs on disk: the bytes that differ and, where the file holds values, how many and by how much."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_arrays
from newsdesk.reproducibility.differences import Difference, compare_named, compare_values, odd
from newsdesk.reproducibility.dvc_lock import files_of

UNREADABLE = (NewsdeskError, OSError, ValueError, TypeError, zlib.error, pa.ArrowException)
KINDS = (".npz", ".parquet", ".csv", ".json", ".json.gz")  # whose values are compared


def compare_outputs(expected: Path, found: Path) -> list[Difference]:
    """Compare two files, or two folders file by file; those with the same bytes are left out."""
    if expected.is_dir() != found.is_dir():
        kinds = ["folder" if path.is_dir() else "file" for path in (expected, found)]
        return [odd(expected.name, f"a {kinds[0]} is expected, a {kinds[1]} is there")]
    if not expected.is_dir():
        return list(compare_files(expected, found, expected.name))
    names = {p.relative_to(folder).as_posix() for folder in (expected, found) for p in files_of(folder)}
    differences: list[Difference] = []
    for name in sorted(names):
        if not (found / name).is_file():
            differences.append(odd(name, "is missing"))
        elif not (expected / name).is_file():
            differences.append(odd(name, "is there and not expected"))
        else:
            differences += compare_files(expected / name, found / name, name)
    return differences


def compare_files(expected: Path, found: Path, name: str) -> Iterator[Difference]:
    """Compare two files byte by byte and, where their kind is known, value by value."""
    then, now = expected.read_bytes(), found.read_bytes()
    if then == now:
        return
    try:
        inside = list(_compare_content(expected, found, name))
    except UNREADABLE as error:
        inside = [odd(name, f"not readable: {str(error).splitlines()[0] if str(error) else type(error)}")]
    length = max(len(then), len(now))
    shared = min(len(then), len(now))
    differ = np.frombuffer(then, np.uint8, shared) != np.frombuffer(now, np.uint8, shared)
    n_bytes = int(differ.sum()) + length - shared
    first = int(differ.argmax()) if differ.any() else shared
    sizes = f"{len(then):,} bytes" if len(then) == len(now) else f"{len(then):,} and {len(now):,} bytes"
    told = f"{n_bytes:,} of {sizes} differ, from byte {first:,} on"
    if not inside and kind_of(expected) in KINDS:
        told += "; the values in it are the same"
    rounding = bool(inside) and all(difference.rounding for difference in inside)
    yield Difference(name, length, n_bytes, None, rounding, told)
    yield from inside


def kind_of(path: Path) -> str:
    """The suffix; of packed files with the one before."""
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix


def _compare_content(expected: Path, found: Path, name: str) -> Iterator[Difference]:
    match kind_of(expected):
        case ".npz":
            then, now = read_arrays(expected), read_arrays(found)
            yield from compare_named(then, now, name)
        case ".parquet" | ".csv":
            read = pq.read_table if expected.suffix == ".parquet" else pacsv.read_csv
            tables = [read(path) for path in (expected, found)]
            then, now = ({c: table[c].to_pylist() for c in table.column_names} for table in tables)
            yield from compare_named(then, now, name)
        case ".json":
            contents = [json.loads(path.read_bytes()) for path in (expected, found)]
            yield from filter(None, [compare_values(*contents, where=name)])
        case ".json.gz":
            contents = [json.loads(zlib.decompress(p.read_bytes(), wbits=31)) for p in (expected, found)]
            yield from filter(None, [compare_values(*contents, where=name)])
