"""A checkout that was moved: its SQLite store names the old place in full; found, and mended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write

# where MLflow keeps places: table and column
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def old_roots(store: Path, artifact_root: Path) -> dict[Path, int]:
    """The other checkouts at which the store looks for artifacts, and how many places it names in each.

    A store that can't be read has none: who connects to it is told.

    Parameters
    ----------
    store : Path
        The SQLite file.
    artifact_root : Path
        Where the artifacts of this checkout are; a location of an experiment by the same name in another
        folder is an old one.
    """
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
            found = {_path(location) for (location,) in rows if location}
            roots = sorted(
                path.parent
                for path in found
                if path.is_absolute()
                and path.name == artifact_root.name
                and path.resolve() != artifact_root.resolve()
            )
            return {root: sum(n for *_, n in _counts(connection, root)) for root in roots}
    except sqlite3.DatabaseError:
        return {}


def mend(store: Path, artifact_root: Path) -> Path:
    """Let the store look for its artifacts where they are now, and return the copy that was made before.

    All is done in one transaction, and only to what lay under an old checkout.

    Raises
    ------
    NewsdeskError
        If the artifacts were not moved with the store, or it is in use.
    """
    if not artifact_root.is_dir():
        raise NewsdeskError(f"{artifact_root}: no such folder; move it here too, the store's runs need it")
    copy = store.with_name(f"{store.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    try:
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # nobody writes between the copy and the change
            with (
                atomic_write(copy) as temporary,
                closing(sqlite3.connect(temporary)) as target,
                closing(sqlite3.connect(store)) as source,
            ):
                source.backup(target)
            for root in old_roots(store, artifact_root):
                for old, new in _spellings(root, artifact_root.parent):
                    for table, column in PLACES:
                        connection.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
                            f" WHERE substr({column}, 1, ?) = ?",
                            (new, len(old) + 1, len(old), old),
                        )
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise NewsdeskError(f"{store}: {error}; nothing was changed") from None
    return copy


def _counts(connection: sqlite3.Connection, root: Path) -> Iterator[tuple[str, str, int]]:
    for table, column in PLACES:
        for old, _ in _spellings(root, root):
            query = f"SELECT count(*) FROM {table} WHERE substr({column}, 1, ?) = ?"
            yield table, column, connection.execute(query, (len(old), old)).fetchone()[0]


def _spellings(old: Path, new: Path) -> Iterator[tuple[str, str]]:
    """A folder as the store may have it at the beginning of a place: as a URI and as a path."""
    yield f"{old.as_uri()}/", f"{new.as_uri()}/"
    yield f"{old}/", f"{new}/"


def _path(location: str) -> Path:
    """The folder of a location; of one that is no folder of this machine's a path that is not absolute."""
    parts = urlsplit(location)
    return Path(unquote(parts.path) if parts.scheme == "file" else location)
