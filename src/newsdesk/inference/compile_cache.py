"""Where compiled code is kept: in the user's cache folder, by what the code is and not by where it lies.

So a second copy of this package, such as the one in a downloaded model, finds what the first one compiled.
numba's own places, beside the source file among them, serve if that folder can't be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding
from numba.core.caching import UserWideCacheLocator
from numba.misc.appdirs import AppDirs

config: Any = numba.config
HASH_DIGITS = 16


class ContentLocator(UserWideCacheLocator):
    """Finds the folder of a module by its name, the hash of its source and the processor."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        super().__init__(function, file)  # type: ignore[no-untyped-call]
        content = Path(file).read_bytes() + _processor().encode()
        name = f"{function.__module__}-{hashlib.sha256(content).hexdigest()[:HASH_DIGITS]}"
        root = config.CACHE_DIR or AppDirs("newsdesk", appauthor=False).user_cache_dir  # type: ignore[no-untyped-call]
        self._cache_path = str(Path(root, name))


def cached(function: Callable[..., Any], **flags: Any) -> Any:
    """Compile a function at its first call, or load what an earlier process compiled.

    Raises
    ------
    RuntimeError
        If no folder can be written.
    """
    chosen = config.CACHE_LOCATOR_CLASSES
    own = f"{ContentLocator.__module__}.{ContentLocator.__name__}"
    config.CACHE_LOCATOR_CLASSES = chosen or f"{own},InTreeCacheLocator,UserWideCacheLocator"
    try:
        return numba.njit(cache=True, **flags)(function)
    finally:
        config.CACHE_LOCATOR_CLASSES = chosen


def _processor() -> str:
    """Name the processor: files of two that share a folder must not have one name."""
    features = config.CPU_FEATURES or binding.get_host_cpu_features().flatten()
    return f"{config.CPU_NAME or binding.get_host_cpu_name()} {features}"
