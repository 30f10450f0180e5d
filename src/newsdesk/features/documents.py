"""Titles and texts of articles, whatever type of table or sequence holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

Documents = Any  # a pandas or Arrow table with `text` and optional `title`, or a sequence or array of texts
ArrowData = pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray
BATCH = 8192


def iterate_batches(X: Documents) -> Iterator[Documents]:
    """Yield slices of at most `BATCH` articles; for an empty corpus, the corpus itself."""
    if isinstance(X, str):
        raise ValueError("expected a frame or a sequence of texts, found one string; put it into a list")
    if not isinstance(X, list | tuple | np.ndarray | pd.DataFrame | pd.Series | ArrowData):
        X = list(X)
    for start in range(0, max(1, len(X)), BATCH):
        if isinstance(X, ArrowData):
            yield X.slice(start, BATCH)
        else:
            rows = X.iloc if isinstance(X, pd.DataFrame | pd.Series) else X
            yield rows[start : start + BATCH]


def titles_and_texts(X: Documents) -> tuple[Any, Any]:
    """Return the titles and the texts of articles, as `inference.charmap.encode` accepts them."""
    if isinstance(X, pa.Table | pa.RecordBatch):
        names = X.schema.names
    elif isinstance(X, pd.DataFrame):
        names = list(X.columns)
    else:
        texts = _strings(X)
        return [""] * len(texts), texts
    if names.count("text") != 1 or names.count("title") > 1:
        raise ValueError(f"expected a frame with a column 'text' and perhaps one 'title', found {names}")
    texts = _strings(X["text"])
    return _strings(X["title"]) if "title" in names else [""] * len(texts), texts


def _strings(values: Any) -> Any:
    """Return Arrow arrays unchanged, and other values as a list of strings, with "" for missing ones."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    column = pd.Series(values, dtype=object)
    strings = ["" if missing else value for value, missing in zip(column, column.isna(), strict=True)]
    for row, value in enumerate(strings):
        if not isinstance(value, str):
            raise ValueError(f"expected texts, found {type(value).__name__} in row {row}")
    return strings
