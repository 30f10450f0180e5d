"""Let numerical libraries compute with the same instructions on every x86-64 processor.

OpenBLAS, NumPy and the C library have versions of their functions for several processors, which round sums in
another order or with fused multiplication. They choose when they are loaded, the C library when the process
starts, so the variables that restrict the choice have to be there before.
"""

from __future__ import annotations

import os
import platform
import sys

# x86-64-v2, which NumPy needs: no AVX, no fused multiplication
PINNED = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_NUM_THREADS": "1",  # threads would split sums
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    # glibc before 2.33 knows the second name of a feature; unknown names have no effect
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA_Usable,-FMA4,-FMA4_Usable",
}


def pinned() -> dict[str, str]:
    """Return the variables that pin instructions and the order of sums; none if this is no x86-64."""
    return PINNED if platform.machine() in ("x86_64", "AMD64") else {}


def restart_pinned() -> None:
    """Start this process again with the pinned variables, unless it has them already.

    Call it before NumPy is imported, which takes more time than the restart.
    """
    variables = {**os.environ, **pinned()}
    if variables != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)
