"""A pipeline run again from a commit: in a scratch clone, by its own code, nothing taken from a cache."""

from __future__ import annotations

import json
import os
import platform
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, write_json
from newsdesk.reproducibility import environment

CpuName = Literal["here", "haswell", "generic"]
CHECKOUT, RECORD, LOG = "checkout", "rerun.json", "rerun.log"
# --force and --no-run-cache: every stage runs. --no-commit: no copy in a cache that nobody reads
REPRO = ("repro", "--force", "--no-run-cache", "--no-commit")
# what would carry something of this process or of this checkout into the rerun
OUTER = ("DVC_", "MLFLOW_", "GIT_", "PYTHON", "NUMBA_")
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip
BELOW_AVX512 = ("X86_V4", "AVX512_SKX", "AVX512_CLX", "AVX512_CNL", "AVX512_ICL", "AVX512_SPR")


@dataclass(frozen=True, slots=True)
class Conditions:
    """In what a rerun differs from an ordinary run.

    Attributes
    ----------
    hash_seed : int
        PYTHONHASHSEED.
    threads : int
        Of BLAS, OpenMP, numba, Arrow, and of the workers that stages start.
    cpu : str
        `here` for all that this processor can do; `haswell` without AVX-512; `generic` without AVX and FMA,
        in what chooses its instructions at run time.
    """

    hash_seed: int
    threads: int
    cpu: CpuName = "here"


def other_conditions(
    *, hash_seed: int | None = None, threads: int | None = None, cpu: CpuName = "here"
) -> Conditions:
    """Conditions as given, the rest other than here: a seed by chance, another number of threads."""
    while hash_seed is None:
        drawn = 1 + secrets.randbelow(2**32 - 1)  # 0 would be no seed
        hash_seed = None if str(drawn) == os.environ.get("PYTHONHASHSEED") else drawn
    return Conditions(hash_seed, threads or (1 if (os.cpu_count() or 1) > 1 else 2), cpu)


def plain_environment(source: Path) -> dict[str, str]:
    """An ordinary environment for this Python and the package in `source`, without an outer DVC or MLflow."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(OUTER) and k not in THREADS}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    return env | {"PYTHONPATH": str(source), "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "true"}


def settings_of(conditions: Conditions) -> dict[str, str]:
    """The variables of the environment that make the conditions."""
    chosen = {"PYTHONHASHSEED": str(conditions.hash_seed)}
    chosen |= {name: str(conditions.threads) for name in THREADS}
    return chosen | cpu_settings(conditions.cpu)


def cpu_settings(cpu: CpuName) -> dict[str, str]:
    """Variables that have BLAS, NumPy, numba, the C library and Arrow choose as on a lesser processor.

    Raises
    ------
    NewsdeskError
        If this machine is no x86-64: their names for others are not known here.
    """
    if cpu == "here":
        return {}
    if platform.machine() not in ("x86_64", "AMD64"):
        raise NewsdeskError(f"--cpu {cpu}: only on x86-64, this is {platform.machine()}")
    present = environment.simd_features()
    if cpu == "haswell":
        return {
            "OPENBLAS_CORETYPE": "Haswell",
            "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in present if name in BELOW_AVX512),
            "NUMBA_CPU_NAME": "haswell",
            "NUMBA_CPU_FEATURES": "",
            "ARROW_USER_SIMD_LEVEL": "AVX2",
        }
    return {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": " ".join(present),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX2,-AVX,-FMA,-FMA4",
        "ARROW_USER_SIMD_LEVEL": "NONE",
    }


def clone(root: Path, commit: str, scratch: Path) -> Path:
    """Clone a checkout at a commit into a scratch folder, for a DVC with an empty cache.

    Raises
    ------
    NewsdeskError
        If git refuses.
    """
    checkout = scratch / CHECKOUT
    for command in (
        ["git", "clone", "--quiet", "--no-checkout", str(root), str(checkout)],
        ["git", "-C", str(checkout), "-c", "advice.detachedHead=false", "checkout", "--quiet", commit],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NewsdeskError(
                f"{root}: not cloned: {(done.stderr.strip() or 'git failed').splitlines()[-1]}"
            )
    (checkout / ".dvc/config.local").write_text(f"[cache]\n    dir = {scratch / 'cache'}\n", encoding="utf-8")
    return checkout


def run(
    checkout: Path, folder: Path, conditions: Conditions, *, commit: str, profile: str, n_stages: int
) -> dict[str, Any]:
    """Run the pipeline of a folder of a clone; what is known of the run is returned, and kept beside it.

    Raises
    ------
    NewsdeskError
        If another package than the clone's would run, or a stage fails.
    """
    scratch = checkout.parent
    chosen = settings_of(conditions)
    env = plain_environment(checkout / "src") | chosen | _own_stores(scratch)
    probe = probe_machine(checkout, folder, env)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    _repro(folder, env, scratch / LOG, n_stages)
    record = {
        "commit": commit,
        "profile": profile,
        **asdict(conditions),
        "command": " ".join(("dvc", *REPRO)),
        "environment": chosen,
        "machine": probe,
        "started_at": started,
        "seconds": round(time.monotonic() - clock, 1),
    }
    write_json(record, scratch / RECORD)
    return record


def read_record(scratch: Path, *, commit: str, profile: str) -> dict[str, Any]:
    """What is known of a rerun that was kept.

    Raises
    ------
    NewsdeskError
        If there is none, it did not finish, or it is of something else.
    """
    if not (scratch / RECORD).exists():
        raise NewsdeskError(f"{scratch}: no finished rerun that `newsdesk certify --keep` left")
    record: dict[str, Any] = read_json(scratch / RECORD)
    if (record.get("commit"), record.get("profile")) != (commit, profile):
        found = f"{record.get('profile')} at {str(record.get('commit'))[:12]}"
        raise NewsdeskError(f"{scratch}: a rerun of {found}, not of {profile} at {commit[:12]}")
    return record


def _own_stores(scratch: Path) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": f"sqlite:///{scratch / CHECKOUT / 'mlflow.db'}",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(scratch / "config/global"),
        "DVC_SYSTEM_CONFIG_DIR": str(scratch / "config/system"),
    }


def probe_machine(checkout: Path, folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Ask a process of the rerun what it runs on, and make sure that it runs the clone's code.

    Raises
    ------
    NewsdeskError
        If it would import another package, such as the one that is installed.
    """
    command = [sys.executable, "-P", environment.__file__]
    done = subprocess.run(command, cwd=folder, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NewsdeskError(
            f"rerun: this Python does not start there: {done.stderr.strip().splitlines()[-1]}"
        )
    facts: dict[str, Any] = json.loads(done.stdout)
    origin = facts.pop("newsdesk")
    if origin is None or not Path(origin).resolve().is_relative_to(checkout.resolve()):
        raise NewsdeskError(f"rerun: would run {origin}, not the code of the clone {checkout}")
    return facts | {"code": Path(origin).resolve().relative_to(checkout.resolve()).parent.as_posix()}


def _repro(folder: Path, env: Mapping[str, str], log: Path, n_stages: int) -> None:
    """Run DVC, telling each stage as it begins; whoever stops us stops the stage too."""
    begun, stage, said = 0, "", ""
    with (
        log.open("w", encoding="utf-8") as written,
        subprocess.Popen(
            [sys.executable, "-m", "dvc", *REPRO], cwd=folder, env=dict(env), text=True, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout
            for line in process.stdout:
                written.write(line)
                said = line.strip() or said
                if line.startswith("Running stage '"):
                    begun, stage = begun + 1, line.split("'")[1]
                    note(f"certify: {begun} of {n_stages}: {stage}")
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode:
        lines = log.read_text(encoding="utf-8").splitlines()
        said = next((line for line in lines if line.startswith("newsdesk: ")), said)
        raise NewsdeskError(f"rerun: {f'stage {stage}' if stage else 'dvc'} failed: {said}")


def label(articles: Path, model: Path, output: Path, env: Mapping[str, str]) -> None:
    """Label articles by a packaged model in a process of its own.

    Raises
    ------
    NewsdeskError
        If it fails.
    """
    code = "from newsdesk.cli.main import main; main()"
    arguments = ["predict", str(articles), "--model", str(model), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=output.parent, env=dict(env), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip() or "no reason told").splitlines()[-1].removeprefix("newsdesk: ")
        raise NewsdeskError(said)
