"""What the benchmarks share: calls measured in turns, fresh processes, and the file that is kept of a run."""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "newsdesk", "numpy", "scipy", "pyarrow", "numba", "scikit-learn", "fasttext", "vowpalwabbit", "pandas",
    "polars",
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A call to measure: what is written beside its seconds, and how to get ready for it.

    `prepare` is not measured and returns the call; it is called anew before each, so that nothing that
    one repeat learned serves the next.
    """

    named: Row
    prepare: Callable[[], Callable[[], object]]


def build_parser(doc: str, *, example: str, repeats: int = 3) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(
        description=doc, epilog=f"Example:\n  {example}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=repeats, help="of each measured call (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to (%(default)s)")
    return parser


def add_size_options(parser: argparse.ArgumentParser, sizes: Sequence[int], *, patience: float) -> None:
    """Add the options of a benchmark that runs each size in a process of its own, which gets `--job`."""
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="articles (%(default)s)")
    parser.add_argument(
        "--patience", type=float, default=patience, help="seconds a peer may take (%(default)s)"
    )
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)


def note(message: str) -> None:
    """Tell a person how far it is."""
    sys.stderr.write(f"{message}\n")


def measure(contenders: Sequence[Contender], repeats: int) -> list[Row]:
    """Measure all in turn, `repeats` times over: what slows the machine for a while slows them all."""
    rows: list[Row] = [{**contender.named, "seconds": [], "cpu_seconds": []} for contender in contenders]
    for repeat in range(repeats):
        for contender, row in zip(contenders, rows, strict=True):
            call = contender.prepare()
            gc.collect()
            cpu_started, started = time.process_time(), time.perf_counter()
            result = call()
            row["seconds"].append(time.perf_counter() - started)
            row["cpu_seconds"].append(time.process_time() - cpu_started)
            del result, call
            label = ", ".join(str(value) for value in contender.named.values())
            used = f"{row['seconds'][-1]:.3f} s, {row['cpu_seconds'][-1]:.3f} s of processor"
            note(f"  {repeat + 1}/{repeats} {label}: {used}")
    return rows


def ratios(row: Row, other: Row) -> list[float]:
    """How many times as fast as `other`, repeat by repeat."""
    return [b / a for a, b in zip(row["seconds"], other["seconds"], strict=True)]


def find(rows: Sequence[Row], **named: object) -> Row:
    """The one row that is named so."""
    (row,) = (row for row in rows if all(row[key] == value for key, value in named.items()))
    return row


def check(claim: str, value: float, *, least: float | None = None, most: float | None = None) -> Row:
    """A claim with what was measured, and whether it holds; printed, and kept among the results."""
    holds = (least is None or value >= least) and (most is None or value <= most)
    bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
    sys.stdout.write(f"{'pass' if holds else 'MISS'}: {claim}: {value:.4g} ({bound})\n")
    return {"claim": claim, "bound": bound, "value": value, "holds": holds}


def median_ratio(rows: Sequence[Row], named: Row, other: Row) -> float:
    """Median of how many times as fast one row is as another."""
    return statistics.median(ratios(find(rows, **named), find(rows, **other)))


def fresh(*arguments: object) -> tuple[str, float]:
    """Standard output and seconds of a Python process of its own."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout, time.perf_counter() - started


def peak_memory() -> int:
    """Most bytes that this process has held in memory.

    Linux hands `ru_maxrss` of the parent on to a child, so the kernel's own count for this process is read.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_results(path: Path, content: Row) -> None:
    """Keep a run: the machine and the versions, then what was measured."""
    kept = {"date": date.today().isoformat(), "machine": _machine(), "versions": _versions(), **content}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    note(f"wrote {path}")


def _machine() -> Row:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "load_average": os.getloadavg()[0],
    }


def _versions() -> Row:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, check=False, capture_output=True, text=True).stdout.strip()
    installed = {distribution.name for distribution in importlib.metadata.distributions()}
    found = {name: importlib.metadata.version(name) for name in PACKAGES if name in installed}
    return {"python": platform.python_version(), **found, "commit": commit}
