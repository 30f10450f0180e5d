"""Read and write files; writes are atomic, and equal content gives equal bytes."""

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
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from newsdesk.base.errors import NewsdeskError
from newsdesk.inference.scorer import Scorer

SHIPPED = Path(__file__).parents[1] / "shipped"  # the model that is part of the package
NPZ_ERRORS = (OSError, EOFError, ValueError, KeyError, NotImplementedError, zlib.error, zipfile.BadZipFile)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` at the end, or remove it on failure."""
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


@contextmanager
def reading(
    path: Path, kind: str, errors: tuple[type[Exception], ...], *, missing: str = "run `dvc repro` to make it"
) -> Iterator[None]:
    """Turn the errors of a missing or broken file into `NewsdeskError`."""
    try:
        yield
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such file; {missing}") from None
    except errors as error:
        raise NewsdeskError(f"{path}: not readable as {kind}: {' '.join(str(error).split())}") from None


def write_text(text: str, path: Path) -> None:
    """Write a text file in UTF-8."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: Path) -> None:
    """Write JSON with an indent of two spaces and the keys in their order."""
    write_text(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n", path)


def write_compact_json(content: Any, path: Path, *, compressed: bool = False) -> None:
    """Write JSON without spaces; `compressed` as gzip without a timestamp."""
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if compressed:
        compressor = zlib.compressobj(9, wbits=31)  # gzip.compress writes other headers in other Pythons
        data = compressor.compress(data) + compressor.flush()
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    with reading(path, "JSON", (OSError, ValueError)):
        return json.loads(path.read_text(encoding="utf-8"))


def read_yaml(path: Path, *, missing: str) -> Any:
    """Read a YAML 1.2 file, in which `NO` is text; the error for a missing file ends with `missing`."""
    with reading(path, "YAML", (OSError, YAMLError, ValueError), missing=missing):
        try:
            return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise NewsdeskError(f"{path}: expected UTF-8, found other bytes at {error.start}") from None
        except MarkedYAMLError as error:
            line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
            problem = " ".join(str(error.problem).split())
            raise NewsdeskError(f"{path}: not readable as YAML{line}: {problem}") from None


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file."""
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a Parquet file and check its schema."""
    with reading(path, "Parquet", (OSError, pa.ArrowInvalid)):
        table = pq.read_table(path)
    if schema is not None and not table.schema.equals(schema):
        missing = [name for name in schema.names if name not in table.column_names]
        found = f"lacks {', '.join(missing)}" if missing else "has columns of other types"
        raise NewsdeskError(f"{path}: {found}; run `dvc repro` to make it again")
    return table


def write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows with equal keys as CSV."""
    import pyarrow.csv as pacsv

    with atomic_write(path) as temporary:
        pacsv.write_csv(pa.Table.from_pylist([dict(row) for row in rows]), temporary)


def write_arrays(path: Path, **arrays: np.ndarray[Any, Any]) -> None:
    """Write arrays as compressed npz without pickle.

    `numpy.savez_compressed` asks for headers of zip64, which Python 3.11.2 and 3.11.7 write differently.
    """
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            member.file_size = array.nbytes  # from 2 GiB on zip64 is needed
            with archive.open(member, "w") as handle:
                np.lib.format.write_array(handle, array, allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read an npz file without pickle."""
    with reading(path, "npz", NPZ_ERRORS), np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def read_model(folder: Path) -> Scorer:
    """Load a packaged model."""
    if not folder.exists():
        raise NewsdeskError(f"{folder}: no such model folder; run `make` in the checkout, or give --model")
    try:
        return Scorer.load(folder)
    except ValueError as error:
        raise NewsdeskError(str(error)) from None


def list_files(folder: Path) -> list[Path]:
    """List all files below a folder in a fixed order, without hidden files and bytecode."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return sorted(p for p in found if "__pycache__" not in p.parts)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and hashes, as 64 hex digits."""
    if not path.is_dir():
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in list_files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
    return digest.hexdigest()


def sha256_of_json(content: Any) -> str:
    """Return the SHA-256 of content as JSON with sorted keys; NaN and infinities raise ValueError."""
    form = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(form.encode()).hexdigest()
