"""Lexical fields: words of one subject, which share a part of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.features.tables import read_cells, split_names
from newsdesk.inference.text import LEAD_PREFIX, build_stemmer, tokenize

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def read_fields(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a table of lexical fields: a name, a tab, and words separated by commas."""
    fields: dict[str, tuple[str, ...]] = {}
    for position, (name, cell) in read_cells(path, n_cells=2):
        words = split_names(cell)
        if len(words) != cell.count(",") + 1:
            raise NewsdeskError(f"{position}: expected words separated by commas, found {cell[:40]!r}")
        if name in fields:
            raise NewsdeskError(f"{position}: expected each field once, found {name!r} again")
        fields[name] = tuple(words)
    return fields


def field_matrix(
    fields: Mapping[str, Sequence[str]],
    terms: Sequence[str],
    *,
    normalization: Normalization,
    stem: str | None,
) -> sp.csr_matrix:
    """Return which terms belong to which fields, as 0 and 1, shape (n_terms, n_fields).

    If there are terms of the lead, each field is there once more for them.
    """
    column = {term: i for i, term in enumerate(terms)}
    prefixes = ("", LEAD_PREFIX) if any(term.startswith(LEAD_PREFIX) for term in terms) else ("",)
    normalize, stem_words = build_normalizer(normalization), build_stemmer(stem) or list
    rows, columns = [], []
    for j, words in enumerate(fields.values()):
        tokens = {token for word in words for token in tokenize(normalize(word))}
        stems = sorted({*stem_words(sorted(tokens))})
        for block, prefix in enumerate(prefixes):
            known = [column[prefix + stem] for stem in stems if prefix + stem in column]
            rows += known
            columns += [block * len(fields) + j] * len(known)
    shape = len(terms), len(prefixes) * len(fields)
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def add_fields(X: sp.csr_matrix, terms: sp.csr_matrix, fields: sp.csr_matrix, weight: float) -> sp.csr_matrix:
    """Append to `X` the weighted sum of the terms of each field; for weight 0 return `X`.

    Parameters
    ----------
    X : sparse matrix of shape (n_articles, n_features)
    terms : sparse matrix of shape (n_articles, n_terms)
    fields : sparse matrix of shape (n_terms, n_fields)
    weight : float

    Returns
    -------
    sparse matrix of shape (n_articles, n_features + n_fields), or `X`

    Examples
    --------
    >>> X, fields = sp.csr_matrix([[1.0, 2.0, 0.0]]), sp.csr_matrix([[1.0], [1.0], [0.0]])
    >>> add_fields(X, X, fields, 0.5).toarray().tolist()
    [[1.0, 2.0, 0.0, 1.5]]
    """
    return sp.hstack([X, weight * (terms @ fields)], format="csr") if weight else X


def spread_fields(coef: FloatArray, fields: sp.csr_matrix, weight: float) -> FloatArray:
    """Add the coefficients of fields to those of their terms, so that terms alone give the same scores."""
    if not weight:
        return coef
    n_terms, n_fields = fields.shape
    spread = coef[:, :-n_fields].copy()
    spread[:, :n_terms] += weight * (fields @ coef[:, -n_fields:].T).T
    return spread
