"""A stage writes the same bytes whatever kernels and threads the libraries would choose."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.commands import run

STAGE = ("-m", "newsdesk.pipeline.train")
COMMAND = ("-c", "from newsdesk.cli.main import start; start()", "train")
# what an old processor, one without AVX-512 and this one choose
CHOICES = (
    (STAGE, {}),
    (COMMAND, {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "3"}),
    (STAGE, {"OPENBLAS_CORETYPE": "Haswell", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}),
)


@pytest.mark.integration
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86-64")
def test_a_stage_does_not_depend_on_the_kernels_that_libraries_choose(tiny_run: Path, tmp_path: Path) -> None:
    written = set()
    for start, choice in CHOICES:
        head = tmp_path / "head"
        done = run(sys.executable, *start, "region", "--head", str(head), cwd=tiny_run, **choice)
        assert done.returncode == 0, done.stderr
        written.add((head / "weights.npz").read_bytes())
    assert len(written) == 1
