"""Differences of files: bytes, and values where the kind of file is known."""

from pathlib import Path

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
from newsdesk.reproducibility.bytewise import compare_outputs


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same files of each kind."""
    for side in ("then", "now"):
        folder = tmp_path / side
        write_arrays(folder / "weights.npz", coef=np.array([0.5, 1.5]), idf=np.array([1.0]))
        write_json({"f1": 0.5, "n": 3}, folder / "metrics.json")
        write_compact_json(["كلمة", "أخرى"], folder / "terms.json.gz", compressed=True)
        write_table(pa.table({"id": ["a", "b"], "score": [0.25, 0.75]}), folder / "said.parquet")
        write_csv([{"label": "us", "f1": 0.5}], folder / "plot.csv")
        write_text("pass\n", folder / "code.py")
    return tmp_path / "then", tmp_path / "now"


def test_equal_folders_do_not_differ_whatever_python_compiled(sides: tuple[Path, Path]) -> None:
    (sides[1] / "__pycache__").mkdir()
    (sides[1] / "__pycache__/code.cpython-311.pyc").write_bytes(b"x")
    assert compare_outputs(*sides) == []


def test_each_kind_of_file_is_looked_into(sides: tuple[Path, Path]) -> None:
    then, now = sides
    write_arrays(now / "weights.npz", coef=np.array([0.5, 1.75]), idf=np.array([1.0]))
    write_json({"f1": 0.4, "n": 3}, now / "metrics.json")
    write_compact_json(["كلمة", "غيرها"], now / "terms.json.gz", compressed=True)
    write_table(pa.table({"id": ["a", "b"], "score": [0.25, 0.5]}), now / "said.parquet")
    write_csv([{"label": "us", "f1": 0.75}], now / "plot.csv")
    write_text("exit\n", now / "code.py")
    told = [difference.text() for difference in compare_outputs(then, now)]
    assert "weights.npz: coef: 1 of 2 values differ, by at most 0.25" in told
    assert "metrics.json: 1 of 2 values differ, by at most 0.1" in told
    assert "terms.json.gz: 1 of 2 values differ, 1 among them" in told
    assert "said.parquet: score: 1 of 2 values differ, by at most 0.25" in told
    assert "plot.csv: f1: 1 of 1 values differ, by at most 0.25" in told
    assert "code.py: 4 of 5 bytes differ, from byte 0 on" in told
    assert len(told) == 11


def test_a_file_is_rounding_if_all_that_differs_in_it_is(sides: tuple[Path, Path]) -> None:
    then, now = sides
    write_arrays(now / "weights.npz", coef=np.array([0.5, 1.5 + 1e-15]), idf=np.array([1.0]))
    assert all(difference.rounding for difference in compare_outputs(then, now))
    write_arrays(now / "weights.npz", coef=np.array([0.5, 1.5 + 1e-15]), idf=np.array([1.1]))
    assert [d.rounding for d in compare_outputs(then, now)] == [False, True, False]


def test_other_bytes_of_the_same_values_are_told(sides: tuple[Path, Path]) -> None:
    then, now = sides
    with (now / "weights.npz").open("wb") as handle:
        np.savez(handle, allow_pickle=False, coef=np.array([0.5, 1.5]), idf=np.array([1.0]))
    (found,) = compare_outputs(then, now)
    assert found.text().endswith("; the values in it are the same")
    assert not found.rounding


def test_files_on_one_side_alone_and_damaged_ones(sides: tuple[Path, Path]) -> None:
    then, now = sides
    (now / "code.py").unlink()
    (now / "notes.txt").write_text("x")
    (now / "weights.npz").write_bytes(b"PK\3\4")
    told = [difference.text() for difference in compare_outputs(then, now)]
    assert told[:2] == ["code.py: is missing", "notes.txt: is there and not expected"]
    assert "weights.npz: not readable: " in told[3]
    assert [d.text() for d in compare_outputs(then / "code.py", now)] == [
        "code.py: a file is expected, a folder is there"
    ]
