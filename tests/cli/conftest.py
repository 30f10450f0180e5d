"""Commands in a folder with the files of a finished pipeline."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.commands import invoke

ARTICLE = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
Newsdesk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A folder with the files of a finished pipeline, to which tests may add files."""
    folder = tmp_path / "project"
    folder.mkdir()
    for path in tiny_run.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def newsdesk(folder: Path) -> Newsdesk:
    """Run a command in `folder`, in this process."""
    return partial(invoke, cwd=folder)


def rows_of(*texts: str | None, **fields: object) -> bytes:
    """Return JSON lines, one for each text."""
    return "".join(json.dumps({"text": t, **fields}, ensure_ascii=False) + "\n" for t in texts).encode()


def read_lines(text: str) -> list[dict]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
