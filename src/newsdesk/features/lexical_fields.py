"""Lexical fields: words that tell of the same thing, and so share a part of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization, build_table, translation
from newsdesk.inference.text import build_stemmer, normalize, tokenize

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def read_fields(path: Path) -> dict[str, tuple[str, ...]]:
    """Words by field, as a table lists them: a name, a tab, and words with commas between.

    Raises
    ------
    NewsdeskError
        If the file is missing or a line is wrong; the message names file, line and what was found.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such table of lexical fields") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NewsdeskError(f"{path}: not readable as UTF-8 text: {error}") from None
    fields: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition("\t")
        words = tuple(word.strip() for word in rest.split(","))
        if not all(words) or not name.strip():
            raise NewsdeskError(f"{path} line {number}: not a name, a tab and words: {line[:40]!r}")
        if name in fields:
            raise NewsdeskError(f"{path} line {number}: the field {name!r} was there before")
        fields[name] = words
    return fields


def field_matrix(
    fields: Mapping[str, Sequence[str]],
    terms: Sequence[str],
    *,
    normalization: Normalization,
    stem: str | None,
) -> sp.csr_matrix:
    """Which terms are words of which fields, shape (n_terms, n_fields), values 0 and 1.

    Words are normalized and stemmed as those of articles are. A word that is no term takes no part.
    """
    column = {term: i for i, term in enumerate(terms)}
    table = translation(build_table(normalization))
    stems = build_stemmer(stem) or list
    rows, columns = [], []
    for j, words in enumerate(fields.values()):
        spelled = {token for word in words for token in tokenize(normalize(word, table))}
        known = {column[term] for term in stems(sorted(spelled)) if term in column}
        rows += sorted(known)
        columns += [j] * len(known)
    shape = len(terms), len(fields)
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def add_fields(X: sp.csr_matrix, terms: sp.csr_matrix, fields: sp.csr_matrix, weight: float) -> sp.csr_matrix:
    """`X` and, behind its columns, the sum of the terms of each field times a weight; `X` alone for weight 0.

    Parameters
    ----------
    X : csr matrix of shape (n_articles, n_features)
    terms : csr matrix of shape (n_articles, n_terms)
    fields : csr matrix of shape (n_terms, n_fields)
    """
    return sp.hstack([X, weight * (terms @ fields)], format="csr") if weight else X


def spread_fields(coef: FloatArray, fields: sp.csr_matrix, weight: float) -> FloatArray:
    """Coefficients of the terms alone that score as those with fields do: a field's go to its terms.

    Parameters
    ----------
    coef : ndarray of shape (n_labels, n_features + n_fields)
        Of `add_fields` with this weight; the first features are the terms.
    fields : csr matrix of shape (n_terms, n_fields)

    Returns
    -------
    ndarray of shape (n_labels, n_features)
    """
    if not weight:
        return coef
    n_terms, n_fields = fields.shape
    spread = coef[:, :-n_fields].copy()
    spread[:, :n_terms] += weight * (fields @ coef[:, -n_fields:].T).T
    return spread
