"""List the files of an input, in an order that is the same on every machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from newsdesk.base.schema import Refusal
from newsdesk.readers.refusals import Provenance, RefusalError, path_error


def walk(path: Path) -> Iterator[tuple[Path, Provenance] | Refusal]:
    """Yield the regular files of a file or folder, in the order of their path parts by code point."""
    try:
        mode = path.stat().st_mode
        resolved = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        yield Provenance(path.stem, path.name).refuse(0, path_error(error, path.name))
        return
    if stat.S_ISDIR(mode):
        yield from _walk_folder(path, resolved)
    else:
        yield _regular_file(path, mode, Provenance(resolved.parent.name or resolved.stem, path.name))


def is_skipped(name: str) -> bool:
    """Return whether a file or folder name is skipped: hidden, or a `.dvc` file."""
    return name.startswith(".") or name.endswith(".dvc")


def _walk_folder(root: Path, resolved: Path) -> Iterator[tuple[Path, Provenance] | Refusal]:
    pending = [root]
    while pending:
        path = pending.pop()
        name = path.relative_to(root).as_posix() if path != root else resolved.name
        provenance = Provenance(resolved.name or "root", name)
        try:
            if path != root and path.is_symlink():
                _check_link(path, resolved)
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                children = (child for child in path.iterdir() if not is_skipped(child.name))
                pending += sorted(children, key=lambda child: child.name, reverse=True)
            else:
                yield _regular_file(path, mode, provenance)
        except RefusalError as error:
            yield provenance.refuse(0, error)
        except (OSError, RuntimeError) as error:
            yield provenance.refuse(0, path_error(error, name))


def _check_link(path: Path, root: Path) -> None:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise RefusalError("unsafe_path", f"{path.name} links to a path outside of the folder {root.name}")
    if target.is_dir():
        raise RefusalError("unsafe_path", f"{path.name} links to a folder that is read by its own path")


def _regular_file(path: Path, mode: int, provenance: Provenance) -> tuple[Path, Provenance] | Refusal:
    if stat.S_ISREG(mode):
        return path, provenance
    # Opening a pipe would block until something writes to it; a device may never end.
    error = RefusalError("unreadable_file", f"{path.name} is neither a file nor a folder")
    return provenance.refuse(0, error)
