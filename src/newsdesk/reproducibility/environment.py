"""What a process runs on: the package that it imports, machine, versions and the kernels of libraries.

Run by its path in the environment of a rerun, so that it tells of that environment and of no other.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "dvc", "joblib", "llvmlite", "mlflow", "numba", "numpy", "pandas", "pyarrow", "pystemmer", "scikit-learn",
    "scipy", "threadpoolctl",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """Facts of this process, of JSON's types."""
    found = importlib.util.find_spec("newsdesk")
    return {
        "newsdesk": found.origin if found else None,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        **_kernels(),
    }


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def simd_features() -> list[str]:
    """Sets of instructions for which NumPy has functions of their own, and which this process may use."""
    from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
        __cpu_dispatch__,
        __cpu_features__,
    )

    return [name for name in __cpu_dispatch__ if __cpu_features__[name]]


def _kernels() -> dict[str, Any]:
    import scipy.linalg
    import sklearn.utils  # noqa: F401  (loads the OpenMP library that it brings)
    from numba.core import config
    from threadpoolctl import threadpool_info

    assert scipy.linalg  # loads the BLAS that it brings
    keys = ("user_api", "internal_api", "version", "architecture", "num_threads")
    return {
        "numba_cpu": config.CPU_NAME or "host",  # type: ignore[attr-defined]
        "numpy_simd": simd_features(),
        "pools": [{key: pool[key] for key in keys if key in pool} for pool in threadpool_info()],
    }


if __name__ == "__main__":
    print(json.dumps(describe()))  # noqa: T201
