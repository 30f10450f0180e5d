"""Read the tab-separated tables of places and of lexical fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsdesk.base.errors import NewsdeskError


def read_cells(path: Path, *, n_cells: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the position of each line, for error messages, and its cells; # begins a comment line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NewsdeskError(f"{path}: expected a table, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NewsdeskError(f"{path}: expected UTF-8 text, found other bytes at {error.start}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        position = f"{path}: line {number}"
        if len(cells) != n_cells or not all(cells):
            found = sum(map(bool, cells))
            raise NewsdeskError(f"{position}: expected {n_cells} cells separated by tabs, found {found}")
        yield position, cells


def split_names(cell: str) -> list[str]:
    """Return the names in a cell, which commas separate."""
    return [stripped for name in cell.split(",") if (stripped := name.strip())]
