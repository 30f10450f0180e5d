"""Rerun a committed pipeline in a scratch clone: with the code of the commit, and without any cache."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.processor import pinned
from newsdesk.reproducibility import environment

CHECKOUT = "checkout"
IMPORTS = "data/public"
# --force and --no-run-cache run every stage; --no-commit copies no output into the cache
REPRO = ("repro", "--force", "--no-run-cache", "--no-commit")
OUTER_VARIABLES = ("DVC_", "MLFLOW_", "GIT_", "PYTHON", "NUMBA_")  # prefixes, not passed on to the rerun
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


def other_conditions(cpu: str) -> dict[str, str]:
    """Choose variables for a rerun: a random hash seed, another number of threads, and the processor."""
    n_threads = "1" if (os.cpu_count() or 1) > 1 else "2"
    seed = str(1 + secrets.randbelow(2**32 - 1))  # 0 would turn hash randomization off
    conditions = {"PYTHONHASHSEED": seed} | dict.fromkeys(THREAD_VARIABLES, n_threads)
    return conditions | (generic_cpu() if cpu == "generic" else {})


def generic_cpu() -> dict[str, str]:
    """Choose variables that restrict the libraries to instructions of x86-64 without AVX and FMA."""
    if not pinned():
        raise NewsdeskError(f"--cpu generic: expected an x86-64 processor, found {platform.machine()}")
    return {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": " ".join(environment.simd_features()),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX2,-AVX,-FMA,-FMA4",
        "ARROW_USER_SIMD_LEVEL": "NONE",
    }


def clone(root: Path, commit: str, scratch: Path) -> Path:
    """Clone a checkout at a commit into a scratch folder, with an empty DVC cache of its own."""
    checkout = scratch / CHECKOUT
    for command in (
        ["git", "clone", "--quiet", "--no-checkout", str(root), str(checkout)],
        ["git", "-C", str(checkout), "-c", "advice.detachedHead=false", "checkout", "--quiet", commit],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NewsdeskError(f"{root}: can't be cloned: {done.stderr.strip()}")
    (checkout / ".dvc/config.local").write_text(f"[cache]\n    dir = {scratch / 'cache'}\n", encoding="utf-8")
    return checkout


def add_imports(root: Path, checkout: Path) -> None:
    """Add the imported corpora, which git ignores, to a clone: as hard links where the disk allows."""
    folders = [path for path in (root / IMPORTS).glob("*") if path.is_dir()]
    if not folders:
        raise NewsdeskError(f"{root / IMPORTS}: no imported corpora; run `make import`")
    for folder in folders:
        target = checkout / IMPORTS / folder.name
        shutil.copytree(folder, target, copy_function=_link, dirs_exist_ok=True)


def show_profiles(checkout: Path) -> None:
    """Let DVC see the pipelines in `profiles/`, which `.dvcignore` hides from it."""
    (checkout / "profiles/.dvcignore").write_text("!dvc.yaml\n", encoding="utf-8")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or no support of hard links
        shutil.copy2(source, target)


def rerun_environment(checkout: Path, conditions: Mapping[str, str]) -> dict[str, str]:
    """Build the variables of a rerun: the package of the clone first, stores and configuration of its own."""
    scratch = checkout.parent
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(OUTER_VARIABLES)},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(checkout / "src"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{checkout / 'mlflow.db'}",
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(scratch / "config/global"),
        "DVC_SYSTEM_CONFIG_DIR": str(scratch / "config/system"),
        **conditions,
    }


def describe_environment(checkout: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Describe a stage's process of the rerun, and check that it imports the package of the clone."""
    command = [sys.executable, "-P", environment.__file__]
    variables = {**env, **pinned()}
    done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NewsdeskError(f"rerun: Python does not start: {done.stderr.strip().splitlines()[-1]}")
    facts: dict[str, Any] = json.loads(done.stdout)
    origin = facts.pop("newsdesk")
    if origin is None or not Path(origin).resolve().is_relative_to(checkout.resolve()):
        raise NewsdeskError(f"rerun: expected the package of the clone {checkout}, found {origin}")
    return facts


def repro(folder: Path, env: Mapping[str, str]) -> None:
    """Run all stages with the output on standard error; end them if this process is stopped."""
    command = [sys.executable, "-m", "dvc", *REPRO]
    with subprocess.Popen(
        command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
    ) as process:
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    if code:
        command_line = f"dvc {' '.join(REPRO)}"
        raise NewsdeskError(f"rerun: `{command_line}` failed with exit code {code}; see its output above")
