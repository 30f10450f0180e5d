"""Files: atomic writes, stable bytes, and errors in one line."""

import gzip
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import (
    read_arrays,
    read_json,
    read_table,
    sha256,
    write_arrays,
    write_compact_json,
    write_csv,
    write_json,
    write_table,
    write_text,
)
from newsdesk.base.schema import ARTICLES

TABLE = pa.table({"a": [1, 2], "labels": pa.array([["x"], None], pa.list_(pa.string()))})


def test_failed_write_leaves_only_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_json({"n": 1}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"n": float("nan")}, path)
    assert read_json(path) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_files_read_back_and_bytes_are_stable(tmp_path: Path) -> None:
    for i in (1, 2):
        write_table(TABLE, tmp_path / f"{i}.parquet")
        write_arrays(tmp_path / f"{i}.npz", idf=np.arange(3.0))
        write_compact_json({"قمة": [1]}, tmp_path / f"{i}.json.gz", compressed=True)
        write_csv([{"task": "region", "f1": 0.5}], tmp_path / f"{i}.csv")
    for kind in ("parquet", "npz", "json.gz", "csv"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    assert read_table(tmp_path / "1.parquet").equals(TABLE)
    assert json.loads(gzip.decompress((tmp_path / "1.json.gz").read_bytes())) == {"قمة": [1]}
    assert read_arrays(tmp_path / "1.npz")["idf"].tolist() == [0, 1, 2]


def test_npz_has_no_headers_that_releases_of_python_write_differently(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", idf=np.arange(3.0), coef=np.ones((2, 3), np.float32))
    archive = (tmp_path / "a.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as members:
        for member in members.infolist():
            assert (member.filename, member.compress_type) in {("idf.npy", 8), ("coef.npy", 8)}
            version, packed = struct.unpack_from("<4xH12xL", archive, member.header_offset)
            assert (version, packed) == (20, member.compress_size)  # of zip64: 45, and 2**32 - 1


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    write_text("x", tmp_path / "a")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("read", [read_json, read_table, read_arrays])
def test_missing_and_broken_files_are_one_line(tmp_path: Path, read) -> None:
    with pytest.raises(NewsdeskError, match="no such file; run `dvc repro`"):
        read(tmp_path / "none")
    (tmp_path / "broken").write_bytes(b"PK\x03\x04{")
    with pytest.raises(NewsdeskError, match=r"^.*broken: not readable as [^\n]*$"):
        read(tmp_path / "broken")


def test_schema_is_checked(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "t.parquet")
    with pytest.raises(NewsdeskError, match="lacks article_id, source"):
        read_table(tmp_path / "t.parquet", ARTICLES)


def test_hash_of_a_folder_depends_on_names_and_content(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("1")
    first = sha256(folder)
    (folder / "a").rename(folder / "sub" / "a")
    assert sha256(folder) != first
    assert sha256(folder / "sub" / "a") == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
