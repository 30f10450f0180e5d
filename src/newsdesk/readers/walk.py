"""Find the files that the inputs name, in an order that is the same on every machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from newsdesk.base.schema import Refusal
from newsdesk.readers.refusals import Place, Refused


def walk(given: Path) -> Iterator[tuple[Path, Place] | Refusal]:
    """Yield the files of one input, which is a file or a folder.

    A folder is walked sorted by the parts of the path, by code point; names that begin with a dot and
    names that end in `.dvc` are left out. The default source is the folder's name; for a file its parent
    folder's name, or where that has none (the root) the file's own without suffix.
    """
    try:
        mode = given.stat().st_mode
        whole = given.resolve()
    except (FileNotFoundError, NotADirectoryError):
        yield Place(given.stem, given.name).refuse(0, Refused("missing_file", f"{given.name} does not exist"))
    except (OSError, ValueError, RuntimeError) as error:
        yield Place(given.stem, given.name).refuse(0, _unreadable(error))
    else:
        if stat.S_ISDIR(mode):
            yield from _walk_folder(given, source=whole.name or "root")
        else:
            yield _file(given, mode, Place(whole.parent.name or whole.stem, given.name))


def is_skipped(name: str) -> bool:
    """Tell whether a name within a folder or archive is left out: hidden, or DVC's own record."""
    return name.startswith(".") or name.endswith(".dvc")


def _walk_folder(root: Path, *, source: str) -> Iterator[tuple[Path, Place] | Refusal]:
    inside = root.resolve()
    waiting = [root]
    while waiting:
        path = waiting.pop()
        label = path.relative_to(root).as_posix() if path != root else inside.name
        place = Place(source, label)
        try:
            if path != root and path.is_symlink():
                _check_link(path, inside)
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                names = (child for child in path.iterdir() if not is_skipped(child.name))
                waiting += sorted(names, key=lambda child: child.name, reverse=True)
            else:
                yield _file(path, mode, place)
        except FileNotFoundError:
            yield place.refuse(0, Refused("missing_file", f"{label} does not exist"))
        except Refused as refused:
            yield place.refuse(0, refused)
        except (OSError, RuntimeError) as error:
            yield place.refuse(0, _unreadable(error))


def _check_link(path: Path, inside: Path) -> None:
    target = path.resolve()
    if not target.is_relative_to(inside):
        raise Refused("unsafe_path", f"{path.name} links to a place outside of the folder {inside.name}")
    if target.is_dir():
        raise Refused("unsafe_path", f"{path.name} links to a folder, which is read at its own place")


def _file(path: Path, mode: int, place: Place) -> tuple[Path, Place] | Refusal:
    if stat.S_ISREG(mode):
        return path, place
    # Opening a pipe would wait for its writer, a device may never end.
    return place.refuse(0, Refused("unreadable_file", f"{path.name} is neither a file nor a folder"))


def _unreadable(error: Exception) -> Refused:
    # Not str(error), which names the absolute path; a loop of links is a RuntimeError in pathlib.
    detail = error.strerror if isinstance(error, OSError) else None
    return Refused("unreadable_file", detail or "the path can't be followed")
