"""List the files of an input, in an order that is the same on every machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from newsdesk.base.schema import Refusal
from newsdesk.readers.refusals import Provenance, RefusalError, path_error


def walk(root: Path, *, full_names: bool = False) -> Iterator[tuple[Path, Provenance] | Refusal]:
    """Yield the regular files of a file or folder, in the order of their path parts by code point.

    They are named by their path in the folder, or with `full_names` by the root as given and this path.
    """
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
        resolved = root.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        named = root.as_posix() if full_names else root.name
        yield Provenance(root.stem, named).refuse(0, path_error(error, root.name))
        return
    source = resolved.name or "root" if is_folder else resolved.parent.name or resolved.stem
    pending = [root]
    while pending:
        path = pending.pop()
        name = (
            path.relative_to(root).as_posix() if path != root else resolved.name if is_folder else root.name
        )
        provenance = Provenance(source, path.as_posix() if full_names else name)
        try:
            if path != root and path.is_symlink():
                _check_link(path, resolved)
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                children = (child for child in path.iterdir() if not is_skipped(child.name))
                pending += sorted(children, key=lambda child: child.name, reverse=True)
            elif stat.S_ISREG(mode):
                yield path, provenance
            else:  # opening a pipe would block until something writes to it; a device may never end
                raise RefusalError("unreadable_file", f"{path.name} is neither a file nor a folder")
        except RefusalError as error:
            yield provenance.refuse(0, error)
        except (OSError, RuntimeError) as error:
            yield provenance.refuse(0, path_error(error, name))


def is_skipped(name: str) -> bool:
    """Return whether a file or folder name is skipped: hidden, or a `.dvc` file."""
    return name.startswith(".") or name.endswith(".dvc")


def _check_link(path: Path, root: Path) -> None:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise RefusalError("unsafe_path", f"{path.name} links to a path outside of the folder {root.name}")
    if target.is_dir():
        raise RefusalError("unsafe_path", f"{path.name} links to a folder that is read by its own path")
