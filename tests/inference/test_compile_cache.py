"""Compiled code is found by what it is: by a second copy, and not by other code or for another processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newsdesk.inference.code import copy_code

pytestmark = pytest.mark.integration

CALL = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from scoring import kernel
slots, larger = np.array([5, 1], np.uint64), np.zeros(4, np.uint64)
kernel.copy(slots, larger)
assert larger.tolist() == [0, 0, 5, 1]
print(sum(kernel.copy.stats.cache_hits.values()), sum(kernel.copy.stats.cache_misses.values()))
"""


def hits_and_misses(folder: Path, cache: Path, **environment: str) -> str:
    """Call a compiled function in a process of its own, and return what it printed."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment}
    command = [sys.executable, "-c", CALL, str(folder)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """Two folders with a copy of the package each."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        copy_code(folder / "scoring")
    return folders


def test_a_second_copy_finds_what_the_first_one_compiled(copies: list[Path], tmp_path: Path) -> None:
    first, second = copies
    cache = tmp_path / "cache"
    assert hits_and_misses(first, cache) == "0 1"
    assert hits_and_misses(second, cache) == "1 0"


def test_other_code_and_another_processor_do_not(copies: list[Path], tmp_path: Path) -> None:
    first, second = copies
    cache = tmp_path / "cache"
    hits_and_misses(first, cache)
    assert hits_and_misses(second, cache, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == "0 1"
    kernel = second / "scoring" / "kernel.py"
    kernel.write_text(kernel.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert hits_and_misses(second, cache) == "0 1"


def test_many_processes_may_begin_at_once(copies: list[Path], tmp_path: Path) -> None:
    """Each compiles or finds a whole file, and all that begin later find one."""
    cache = tmp_path / "cache"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    commands = [[sys.executable, "-c", CALL, str(copies[k % 2])] for k in range(6)]
    started = [subprocess.Popen(c, env=environment, stdout=subprocess.PIPE, text=True) for c in commands]
    printed = [process.communicate()[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    assert set(printed) <= {"0 1", "1 0"}
    assert hits_and_misses(copies[0], cache) == "1 0"
