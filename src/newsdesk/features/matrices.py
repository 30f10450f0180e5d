"""Read and write sparse matrices of features."""

from __future__ import annotations

from pathlib import Path

import scipy.sparse as sp

from newsdesk.base.files import NPZ_ERRORS, atomic_write, reading


def write_matrix(matrix: sp.csr_matrix, path: Path) -> None:
    """Write a CSR matrix of shape (n_articles, n_features) without pickle."""
    with atomic_write(path) as temporary, temporary.open("wb") as handle:
        sp.save_npz(handle, matrix)


def read_matrix(path: Path) -> sp.csr_matrix:
    """Read a CSR matrix."""
    with reading(path, "a sparse matrix", NPZ_ERRORS):
        return sp.load_npz(path)
