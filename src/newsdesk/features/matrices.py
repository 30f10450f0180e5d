"""Read and write sparse matrices of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from newsdesk.base.files import NPZ_ERRORS, reading, write_arrays


def write_matrix(matrix: sp.csr_matrix, path: Path) -> None:
    """Write a CSR matrix of shape (n_articles, n_features) as `scipy.sparse.load_npz` reads it."""
    write_arrays(
        path, indices=matrix.indices, indptr=matrix.indptr, format=np.array(b"csr"),
        shape=np.array(matrix.shape), data=matrix.data,
    )  # fmt: skip


def read_matrix(path: Path) -> sp.csr_matrix:
    """Read a CSR matrix."""
    with reading(path, "a sparse matrix", NPZ_ERRORS):
        return sp.load_npz(path)
