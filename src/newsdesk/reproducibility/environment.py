"""Describe the environment of a process; run by its path, so nothing of newsdesk is imported."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from importlib import metadata
from typing import Any

PACKAGES = (
    "dvc", "joblib", "llvmlite", "mlflow", "numba", "numpy", "pandas", "pyarrow", "pystemmer", "scikit-learn",
    "scipy", "threadpoolctl",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """Describe this process in JSON types."""
    import scipy.linalg  # noqa: F401  (loads BLAS)
    import sklearn.utils  # noqa: F401  (loads OpenMP)
    from numba.core import config
    from threadpoolctl import threadpool_info

    package = importlib.util.find_spec("newsdesk")
    pool_keys = ("user_api", "internal_api", "version", "architecture", "num_threads")
    return {
        "newsdesk": package.origin if package else None,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "numba_cpu": config.CPU_NAME or "host",  # type: ignore[attr-defined]
        "numpy_simd": simd_features(),
        "pools": [{key: pool[key] for key in pool_keys if key in pool} for pool in threadpool_info()],
    }


def simd_features() -> list[str]:
    """List the instruction sets that NumPy has kernels for and that this process may use."""
    from numpy._core import _multiarray_umath as kernels  # type: ignore[attr-defined]

    return [name for name in kernels.__cpu_dispatch__ if kernels.__cpu_features__[name]]


if __name__ == "__main__":
    print(json.dumps(describe()))  # noqa: T201
