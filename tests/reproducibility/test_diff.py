"""Differences of values and files, and which of them are rounding."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.files import (
    write_arrays,
    write_compact_json,
    write_csv,
    write_json,
    write_table,
    write_text,
)
from newsdesk.reproducibility.diff import Difference, compare_outputs, compare_values

ONE = np.array([1.0, 2.0, 3.0])
HASH, OTHER_HASH = "a" * 64, "b" * 64


def compare(expected: Any, found: Any) -> Difference:
    difference = compare_values(expected, found, where="x")
    assert difference
    return difference


@pytest.mark.parametrize(
    "value",
    [ONE, np.array([np.nan]), {"a": [1, 0.5, None]}, [float("nan")]],
    ids=["array", "nan", "json", "json nan"],
)
def test_equal_values(value: Any) -> None:
    copy = value.copy() if isinstance(value, np.ndarray) else value
    assert compare_values(value, copy, where="x") is None


def test_one_changed_weight_is_counted_and_measured() -> None:
    changed = ONE.astype(np.float32)
    changed[1] += np.float32(0.25)
    found = compare(ONE.astype(np.float32), changed)
    assert found == Difference("x", "1 of 3 values differ, by at most 0.25")


@pytest.mark.parametrize(
    ("step", "rounding"),
    [
        pytest.param(2**-52, True, id="the last bit"),
        pytest.param(1e-10, True, id="sums in another order"),
        pytest.param(1e-5, False, id="a change"),
    ],
)
def test_rounding_is_small_relative_to_the_largest_value(step: float, rounding: bool) -> None:
    changed = ONE + np.array([step, 0.0, 0.0])
    for found in (compare(ONE, changed), compare(ONE.tolist(), changed.tolist())):
        assert found.message.startswith("1 of 3 values differ")
        assert found.rounding == rounding


def test_the_sign_of_zero_is_a_difference() -> None:
    for found in (compare(np.array([0.0]), np.array([-0.0])), compare([0.0], [-0.0])):
        assert found == Difference("x", "1 of 1 values differ, by at most 0", rounding=True)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([1.0]), np.array([np.nan])),
        (np.array([1.0]), np.array([np.inf])),
        (np.array([True]), np.array([False])),
        (np.array(["csr"]), np.array(["csc"])),
        ([10_000_000], [10_000_001]),
        ([0.5], [None]),
    ],
    ids=["integers", "nan", "infinity", "flags", "text", "JSON integers", "JSON null"],
)
def test_values_that_are_never_rounding(expected: Any, found: Any) -> None:
    assert not compare(expected, found).rounding


def test_another_shape_or_type() -> None:
    found = compare(ONE, ONE[:2])
    assert found.message == "expected float64 of shape (3,), found float64 of shape (2,)"
    assert "float32" in compare(ONE, ONE.astype(np.float32)).message


def test_an_example_of_changed_text_is_named() -> None:
    found = compare({"labels": ["us", "asia"], "n": 1}, {"labels": ["us", "africa"]})
    assert found == Difference("x", "2 of 3 values differ, for example labels/1")


def test_hashes_differ_with_their_files() -> None:
    assert compare({"model": HASH, "n": 1}, {"model": OTHER_HASH, "n": 1}) == Difference(
        "x", "other hashes: model", True
    )
    beside = compare({"model": HASH, "f1": 0.5}, {"model": OTHER_HASH, "f1": 0.6})
    assert not beside.rounding, "a hash does not hide a number that changed"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with equal files of each format."""
    for side in ("expected", "found"):
        folder = tmp_path / side
        write_arrays(folder / "weights.npz", coef=np.array([0.5, 1.5]), idf=np.array([1.0]))
        write_json({"f1": 0.5, "n": 3}, folder / "metrics.json")
        write_compact_json(["كلمة", "أخرى"], folder / "terms.json.gzip", compressed=True)
        write_table(pa.table({"id": ["a", "b"], "score": [0.25, 0.75]}), folder / "predictions.parquet")
        write_csv([{"label": "us", "f1": 0.5}], folder / "plot.csv")
        write_text("pass\n", folder / "code.py")
    return tmp_path / "expected", tmp_path / "found"


def test_folders_with_equal_files_do_not_differ(sides: tuple[Path, Path]) -> None:
    (sides[1] / "__pycache__").mkdir()
    (sides[1] / "__pycache__/code.cpython-311.pyc").write_bytes(b"x")
    assert compare_outputs(*sides) == []


def test_each_format_is_compared_by_value(sides: tuple[Path, Path]) -> None:
    expected, found = sides
    write_arrays(found / "weights.npz", coef=np.array([0.5, 1.75]), bias=np.array([1.0]))
    write_json({"f1": 0.4, "n": 3}, found / "metrics.json")
    write_compact_json(["كلمة", "غيرها"], found / "terms.json.gzip", compressed=True)
    write_table(pa.table({"id": ["a", "b"], "score": [0.25, 0.5]}), found / "predictions.parquet")
    write_csv([{"label": "us", "f1": 0.75}], found / "plot.csv")
    write_text("exit\n", found / "code.py")
    assert {d.where: d.message for d in compare_outputs(expected, found)} == {
        "weights.npz: coef": "1 of 2 values differ, by at most 0.25",
        "weights.npz: idf": "missing",
        "weights.npz: bias": "unexpected",
        "metrics.json": "1 of 2 values differ, by at most 0.1",
        "terms.json.gzip": "1 of 2 values differ, for example 1",
        "predictions.parquet: score": "1 of 2 values differ, by at most 0.25",
        "plot.csv: f1": "1 of 1 values differ, by at most 0.25",
        "code.py": "other bytes",
    }


def test_other_bytes_with_the_same_values(sides: tuple[Path, Path]) -> None:
    with (sides[1] / "weights.npz").open("wb") as handle:
        np.savez(handle, allow_pickle=False, coef=np.array([0.5, 1.5]), idf=np.array([1.0]))
    assert compare_outputs(*sides) == [Difference("weights.npz", "other bytes, with the same values")]


def test_missing_unexpected_and_damaged_files(sides: tuple[Path, Path]) -> None:
    expected, found = sides
    (found / "code.py").unlink()
    (found / "notes.txt").write_text("x")
    (found / "weights.npz").write_bytes(b"PK\3\4")
    missing, unexpected, damaged = compare_outputs(expected, found)
    assert (missing, unexpected) == (Difference("code.py", "missing"), Difference("notes.txt", "unexpected"))
    assert (damaged.where, damaged.message[:14]) == ("weights.npz", "not readable: ")
    assert compare_outputs(expected / "code.py", found) == [
        Difference("code.py", "expected a file, found a folder")
    ]
