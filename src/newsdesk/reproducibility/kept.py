"""Where the content that a lock names by its hash still lies: at hand, in git, or in DVC's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.reproducibility.dvc_lock import md5_of


def committed(path: str, *, folder: Path, commit: str) -> bytes | None:
    """A file as a commit has it, its path relative to a folder of the checkout; None where it has none."""
    command = ["git", "show", f"{commit}:./{path}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def cached_object(md5: str, cache: Path) -> Path:
    """Where DVC's cache keeps the content of that hash."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def cached_files(md5: str, cache: Path) -> Iterator[tuple[str, str, Path]]:
    """Relative name, hash and place of each file of a cached output; nothing where the cache lacks it."""
    kept = cached_object(md5, cache)
    if not kept.is_file():
        return
    yield "", md5, kept
    if not md5.endswith(".dir"):
        return
    try:
        listed = [(str(entry["relpath"]), str(entry["md5"])) for entry in json.loads(kept.read_bytes())]
    except (ValueError, KeyError, TypeError):  # its hash does not fit either, which is told
        return
    yield from ((name, digest, cached_object(digest, cache)) for name, digest in listed)


def damaged(md5: str, cache: Path) -> list[str]:
    """Names of the files of a cached output whose content is not what the cache's name for it says."""
    files = [(name, digest, kept) for name, digest, kept in cached_files(md5, cache) if kept.is_file()]
    return [name for name, digest, kept in files if md5_of(kept) != digest.removesuffix(".dir")]


def fetch(path: str, md5: str, *, folder: Path, commit: str, cache: Path, into: Path) -> Path | None:
    """The content of an output that has this hash; None where it is nowhere.

    Parameters
    ----------
    path : str
        Of the output, relative to `folder`, as the lock has it.
    folder : Path
        That of the lock, in the checkout.
    into : Path
        Folder for a copy where content does not lie there as it is; a name in it of its own is taken.
    """
    if md5_of(folder / path) == md5:
        return folder / path
    copy = into / md5 / Path(path).name
    copy.parent.mkdir(parents=True, exist_ok=True)
    content = None if md5.endswith(".dir") else committed(path, folder=folder, commit=commit)
    if content is not None:
        copy.write_bytes(content)
        if md5_of(copy) == md5:
            return copy
    files = list(cached_files(md5, cache))
    if not files or not all(kept.is_file() for _, _, kept in files):
        return None
    for name, _, kept in files[1:] if md5.endswith(".dir") else files:
        target = copy / name if name else copy
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, target)
    return copy if md5_of(copy) == md5 else None


def take_imports(source: Path, target: Path) -> None:
    """Give a clone the folders of an ignored folder of imports, by hard links where the disk allows.

    Raises
    ------
    NewsdeskError
        If there is none: they are fetched over the network, which a rerun does without.
    """
    folders = sorted(path for path in source.iterdir() if path.is_dir()) if source.is_dir() else []
    if not folders:
        raise NewsdeskError(f"{source}: no imports to rerun from; run `make import`")
    for folder in folders:
        shutil.copytree(folder, target / folder.name, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
    return target
