"""The identity of this package's code, which a packaged model names."""

from __future__ import annotations

import hashlib
import re
import shutil
from functools import cache
from pathlib import Path

WRAPPER = "pyfunc.py"  # MLflow's wrapper: it is logged as a file of its own and scores nothing
# a docstring, a comment, or a string that is kept since it may hold what looks like either
PROSE_OR_STRING = re.compile(
    r'^[ \t]*r?"""[\s\S]*?"""|#[^\n]*|("""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')',
    re.MULTILINE,
)


def code_files() -> list[Path]:
    """Return the modules that score and the phrases that they read, sorted by name."""
    files = (file for pattern in ("*.py", "*.txt") for file in Path(__file__).parent.glob(pattern))
    return sorted(file for file in files if file.name != WRAPPER)


def copy_code(folder: Path) -> None:
    """Copy the modules that score into a new folder, which is then a package of its own."""
    folder.mkdir(parents=True)
    for file in code_files():
        shutil.copyfile(file, folder / file.name)


@cache
def code_sha256() -> str:
    """Hash the code that scores, without comments, docstrings and blank lines, as 64 hex digits."""
    digest = hashlib.sha256()
    for file in code_files():
        digest.update(f"{file.name}\0{strip_prose(file.read_text(encoding='utf-8'))}\0".encode())
    return digest.hexdigest()


def strip_prose(source: str) -> str:
    """Remove comments, docstrings and blank lines from Python source."""
    code = PROSE_OR_STRING.sub(lambda match: match[1] or "", source)
    return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())
