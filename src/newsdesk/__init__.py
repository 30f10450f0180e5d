"""newsdesk files Arabic news by region and topic.

>>> import newsdesk
>>> newsdesk.load().predict("فاز ريال مدريد على برشلونة في الدوري الإسباني").topics
['sport']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsdesk.api import LabeledFiles, Model, load
    from newsdesk.base.errors import NewsdeskError
    from newsdesk.base.normalization import Normalization, normalize
    from newsdesk.features.tfidf import ArabicTfidfVectorizer
    from newsdesk.inference.decision import Prediction

__version__ = "0.2.0"
__all__ = [
    "ArabicTfidfVectorizer",
    "LabeledFiles",
    "Model",
    "NewsdeskError",
    "Normalization",
    "Prediction",
    "__version__",
    "load",
    "normalize",
]

_MODULES = {
    "ArabicTfidfVectorizer": "features.tfidf",
    "LabeledFiles": "api",
    "Model": "api",
    "NewsdeskError": "base.errors",
    "Normalization": "base.normalization",
    "Prediction": "inference.decision",
    "load": "api",
    "normalize": "base.normalization",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from newsdesk.base.extras import named_extras

    with named_extras():
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
