"""Files in and out: every write goes beside its target and is renamed, every format is byte-stable."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.inference.scorer import Scorer

SHIPPED = Path(__file__).parents[1] / "shipped"  # the model that newsdesk comes with
BROKEN_NPZ = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zlib.error, zipfile.BadZipFile)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it at the end and removed if the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(text: str, path: Path) -> None:
    """Write a text file in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: Path) -> None:
    """Write JSON with keys in their order, two spaces deep."""
    write_text(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n", path)


def write_compact_json(content: Any, path: Path, *, packed: bool = False) -> None:
    """Write JSON without spaces; `packed` by gzip, without a time."""
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if packed:
        packer = zlib.compressobj(9, wbits=31)  # gzip.compress writes another header in each Python
        data = packer.compress(data) + packer.flush()
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such file; run `dvc repro` to make it") from None
    except (OSError, ValueError) as error:
        raise NewsdeskError(f"{path}: not readable as JSON: {error}") from None


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a Parquet file and check that it has the schema.

    Raises
    ------
    NewsdeskError
        If it is missing, is not Parquet or lacks a column.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such file; run `dvc repro` to make it") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise NewsdeskError(f"{path}: not readable as Parquet: {error}") from None
    if schema is not None and not table.schema.equals(schema):
        missing = [name for name in schema.names if name not in table.column_names]
        found = f"lacks {', '.join(missing)}" if missing else "has columns of other types"
        raise NewsdeskError(f"{path}: {found}; run `dvc repro` to make it anew")
    return table


def write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows of equal keys as CSV."""
    import pyarrow.csv as pacsv

    with replacing(path) as temporary:
        pacsv.write_csv(pa.Table.from_pylist([dict(row) for row in rows]), temporary)


def write_arrays(path: Path, **arrays: np.ndarray[Any, Any]) -> None:
    """Write arrays as npz without pickle."""
    with replacing(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read an npz file without pickle."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such file; run `dvc repro` to make it") from None
    except BROKEN_NPZ as error:
        raise NewsdeskError(f"{path}: not readable as npz: {error}") from None


def write_matrix(matrix: sp.csr_matrix, path: Path) -> None:
    """Write a sparse matrix in CSR form, shape (n_articles, n_features)."""
    with replacing(path) as temporary, temporary.open("wb") as handle:
        sp.save_npz(handle, matrix)


def read_matrix(path: Path) -> sp.csr_matrix:
    """Read a sparse matrix."""
    try:
        return sp.load_npz(path)
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such file; run `dvc repro` to make it") from None
    except BROKEN_NPZ as error:
        raise NewsdeskError(f"{path}: not readable as a sparse matrix: {error}") from None


def read_model(folder: Path) -> Scorer:
    """Load a packaged model.

    Raises
    ------
    NewsdeskError
        If there is none, or it is damaged.
    """
    if not folder.exists():
        raise NewsdeskError(f"{folder}: no such model folder; run `make` in the checkout, or give --model")
    try:
        return Scorer.load(folder)
    except ValueError as error:
        raise NewsdeskError(str(error)) from None


def files_in(folder: Path) -> list[Path]:
    """All files below a folder in a fixed order, but hidden ones and what Python compiled there."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return sorted(p for p in found if "__pycache__" not in p.parts)


def sha256(path: Path) -> str:
    """Hash a file, or a folder by its files' relative names and hashes, as 64 hex digits."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in files_in(path):
            digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
    else:
        with path.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def sha256_of_json(content: Any) -> str:
    """Hash content as JSON in UTF-8 with sorted keys and no spaces, as 64 hex digits.

    Raises
    ------
    ValueError
        If it holds a number that JSON has not: NaN or an infinity.
    """
    form = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(form.encode()).hexdigest()
