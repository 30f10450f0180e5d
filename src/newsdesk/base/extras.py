"""The optional extras of the package: a library that is missing gets one line that names its extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from newsdesk.base.errors import NewsdeskError

# libraries that newsdesk imports itself, by extra
EXTRAS = {
    "train": (
        "alembic", "datasketch", "dvc", "jinja2", "joblib", "mlflow", "optuna", "pandas", "scipy", "sklearn",
        "sqlalchemy", "threadpoolctl",
    ),
    "formats": ("feedparser", "python_calamine", "warcio"),
    "serve": ("fastapi", "h11", "prometheus_client", "starlette", "uvicorn"),
}  # fmt: skip


class MissingExtraError(NewsdeskError):
    """A library of an extra is not installed."""


@contextmanager
def named_extras() -> Iterator[None]:
    """Turn the error for a missing library of an extra into a `MissingExtraError`."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        extra = next((extra for extra, libraries in EXTRAS.items() if library in libraries), None)
        if extra is None:
            raise
        raise MissingExtraError(f"{library} is not installed; run: pip install 'newsdesk[{extra}]'") from None
