"""Sparse matrices on disk: stable bytes, and errors in one line."""

from pathlib import Path

import pytest
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.features.matrices import read_matrix, write_matrix


def test_matrix_reads_back_and_bytes_are_stable(tmp_path: Path) -> None:
    matrix = sp.random(20, 30, density=0.2, format="csr", random_state=0)
    for name in ("a", "b"):
        write_matrix(matrix, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert abs(read_matrix(tmp_path / "a") - matrix).max() == 0
    assert abs(sp.load_npz(tmp_path / "a") - matrix).max() == 0


@pytest.mark.parametrize("content", [None, b"PK\x03\x04{"])
def test_missing_and_broken_files_are_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "matrix.npz"
    if content:
        path.write_bytes(content)
    with pytest.raises(NewsdeskError, match=r"^.*matrix\.npz: (no such file|not readable as)[^\n]*$"):
        read_matrix(path)
