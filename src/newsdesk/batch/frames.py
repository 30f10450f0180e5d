"""Convert tables of pandas, polars and Arrow to columns of articles, and predictions back to such tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.arrow_columns import HOME, TEXT_TYPES
from newsdesk.batch.labeling import column_values
from newsdesk.inference.home import HomeCountries

BATCH_ROWS = 8192
COLUMNS = ["regions", "topics", "region_scores", "topic_scores", "reason"]


def to_articles(frame: Any, *, text: str, title: str | None, home: str | None = None) -> pa.Table:
    """Return the columns of articles that `label_columns` reads; raise a NewsdeskError for a wrong column."""
    _check_type(frame)
    texts = _read_text(frame, text)
    n = len(texts)
    titles = _read_text(frame, title) if title else pa.array([""] * n, pa.string())
    columns = {
        "article_id": pa.array(map(str, range(n)), pa.string()),
        "title": titles.fill_null(""),
        "text": texts.fill_null(""),
        "kind": pa.array(["article"] * n, pa.string()),
        "section": pa.nulls(n, pa.string()),
        HOME: _read_text(frame, home) if home else pa.nulls(n, pa.string()),
    }
    return pa.table(columns)


def check_homes(articles: pa.Table, countries: HomeCountries, name: str | None) -> None:
    """Raise a NewsdeskError that names the column if a home is no country of the taxonomy."""
    try:
        countries.numbers(pc.unique(articles[HOME]).to_pylist())
    except ValueError as error:
        raise NewsdeskError(f"column {name!r}: {error}") from None


def like(frame: Any, predictions: pa.Table) -> Any:
    """Return the predictions as a table of the same library as `frame`, with its index."""
    library = _library(frame)
    if library == "pyarrow":
        return predictions
    columns = {name: column_values(predictions[name].combine_chunks()) for name in predictions.column_names}
    if library == "polars":
        import polars as pl

        return pl.DataFrame(columns, infer_schema_length=None)
    import pandas as pd

    # as objects: in a column of strings pandas would turn None into NaN
    return pd.DataFrame({k: pd.Series(v, frame.index, dtype=object) for k, v in columns.items()})


def _library(frame: Any) -> str:
    return type(frame).__module__.partition(".")[0]


def _check_type(frame: Any) -> None:
    if _library(frame) not in {"pandas", "polars", "pyarrow"} or not hasattr(frame, "columns"):
        name = f"{type(frame).__module__}.{type(frame).__qualname__}"
        raise TypeError(f"expected a DataFrame of pandas or polars or an Arrow table, found {name}")


def _read_text(frame: Any, name: str) -> pa.Array:
    library = _library(frame)
    names = frame.column_names if library == "pyarrow" else list(frame.columns)
    if names.count(name) != 1:
        problem = "is there more than once" if name in names else "is missing"
        raise NewsdeskError(f"column {name!r} {problem}; found {', '.join(map(str, names))}")
    column = frame[name]
    try:
        if library == "polars":
            column = column.to_arrow()
        elif library == "pandas":
            column = pa.array(column, from_pandas=True)
        column = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
        if column.null_count == len(column):  # pandas holds missing values as numbers
            return pa.nulls(len(column), pa.string())
        if not _is_text(column.type):
            raise NewsdeskError(f"column {name!r}: expected text, found {column.type}")
        return column.cast(pa.string()).combine_chunks()
    except pa.ArrowException as error:
        raise NewsdeskError(f"column {name!r}: expected text: {str(error).splitlines()[0]}") from None


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):  # categories of pandas
        return _is_text(kind.value_type)
    return any(is_type(kind) for is_type in TEXT_TYPES)
