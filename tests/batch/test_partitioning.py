"""How inputs are cut into slices, and what a worker checks before it labels one."""

import errno
import io
import os
import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, list_files, sha256
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import identity, partitioning
from newsdesk.batch.input_reader import Input, Offset, find_inputs
from newsdesk.batch.input_watch import InputWatch
from newsdesk.batch.job import BEGUN
from newsdesk.batch.output_schema import ModelProvenance
from newsdesk.batch.part_writer import WORK, PartSettings, PartSpec
from newsdesk.batch.partitioning import Slice, WorkerContext, plan_slices, write_slice
from newsdesk.readers.refusals import Provenance
from tests.jobs import N_ARTICLES, PARQUET_ROWS

PROVENANCE = ModelProvenance("m", "1", None, datetime(2026, 11, 27, tzinfo=UTC))
SPEC = PartSpec("", PartSettings(rows=100), PROVENANCE, 1)


def test_parquet_is_cut_and_small_files_are_put_together(
    job_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_inputs([str(job_corpus)])
    assert plan_slices(found, 1000) == [Slice(Offset(0), 4)]
    assert plan_slices(found, PARQUET_ROWS) == [Slice(Offset(0), 4)]
    rows = [Slice(Offset(0, 0), 1, 50), Slice(Offset(0, 50), 1, 50), Slice(Offset(0, 100), 1)]
    assert plan_slices(found, 50) == [*rows, Slice(Offset(1), 3)]
    monkeypatch.setattr(partitioning, "SLICE_BYTES", 1)
    assert plan_slices(found, 1000) == [Slice(Offset(number), 1) for number in range(4)]


def test_a_wrong_footer_loses_no_row_and_a_refused_file_is_one_slice(
    job_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_inputs([str(job_corpus / "a.parquet")])
    monkeypatch.setattr(partitioning, "count_parquet_rows", lambda path: 100)
    expected = [Slice(Offset(0, 0), 1, 40), Slice(Offset(0, 40), 1, 40), Slice(Offset(0, 80), 1)]
    assert plan_slices(found, 40) == expected, "the last slice has no end"
    pd.DataFrame({"headline": ["x"] * 100}).to_parquet(tmp_path / "b.parquet")
    assert plan_slices(find_inputs([str(tmp_path / "b.parquet")]), 40) == [Slice(Offset(0), 1)]


def test_a_model_with_files_older_than_zip_is_packed(tmp_path: Path) -> None:
    """The time of zip begins in 1980; files in a container's image are often of 1970."""
    shutil.copytree(SHIPPED, tmp_path / "model")
    for file in list_files(tmp_path / "model"):
        os.utime(file, (0, 0))
    packed = zipfile.ZipFile(io.BytesIO(partitioning.zip_folder(tmp_path / "model")))
    packed.extractall(tmp_path / "again")
    assert sha256(tmp_path / "again") == sha256(SHIPPED)


@pytest.fixture
def context(job_corpus: Path, taxonomy: Taxonomy, tmp_path: Path) -> WorkerContext:
    """A job of one slice, all files but the Parquet one."""
    inputs = find_inputs([str(job_corpus)])
    begun = tmp_path / WORK / BEGUN
    begun.parent.mkdir()
    begun.write_text("{}", encoding="utf-8")
    return WorkerContext(
        folder=tmp_path,
        slices=[Slice(Offset(1), 3)],
        watch=InputWatch.begin(inputs),
        spec=replace(SPEC, job=sha256(begun)),
        taxonomy=taxonomy,
        threads=1,
        model=SHIPPED,
        model_sha256=sha256(SHIPPED),
        code_sha256=identity.code_sha256(),
    )


def refuse_csv(path: Path, *arguments: Any, **more: Any) -> Any:
    """`Path.open` for a user who has no permission to read CSV files."""
    if path.suffix == ".csv":
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return open(path, *arguments, **more)  # noqa: PTH123


def test_a_worker_that_sees_other_files_fails(
    context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would refuse a file that is not mounted as unreadable."""
    assert write_slice(context, 0).rows == N_ARTICLES - PARQUET_ROWS
    with pytest.raises(
        NewsdeskError, match=r"does not see the job in .*; use storage that all workers share"
    ):
        write_slice(replace(context, folder=tmp_path / "elsewhere"), 0)
    missing = [*context.watch.inputs[:3], Input(Provenance("d", "d.csv"), tmp_path / "d.csv")]
    with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
        write_slice(replace(context, watch=replace(context.watch, inputs=missing)), 0)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse_csv)
        with pytest.raises(NewsdeskError, match=r"does not see .*d\.csv as it was when the job began"):
            write_slice(context, 0)
    with pytest.raises(NewsdeskError, match="the model has changed since the job began"):
        write_slice(replace(context, model_sha256="0" * 64), 0)


def test_a_worker_with_other_code_fails(
    context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scorer or a reader of another version writes other rows."""
    package = tmp_path / "site-packages" / "newsdesk"
    shutil.copytree(identity.PACKAGE, package, ignore=shutil.ignore_patterns("shipped", "__pycache__"))
    monkeypatch.setattr(identity, "PACKAGE", package)
    monkeypatch.setattr(partitioning, "code_sha256", identity.code_sha256.__wrapped__)
    with (package / "inference/scorer.py").open("a", encoding="utf-8") as code:
        code.write("# a comment decides no row\n")
    assert write_slice(context, 0).rows == N_ARTICLES - PARQUET_ROWS
    with (package / "inference/scorer.py").open("a", encoding="utf-8") as code:
        code.write("CHANGED = 1\n")
    with pytest.raises(
        NewsdeskError, match="runs other code of newsdesk; install the same version everywhere"
    ):
        write_slice(context, 0)


def test_a_worker_notices_an_input_that_changes_while_it_reads(
    context: WorkerContext, job_corpus: Path, tmp_path: Path
) -> None:
    """Its size may stay; a new time alone is no change."""
    copy = tmp_path / "in"
    shutil.copytree(job_corpus, copy)
    context = replace(context, watch=InputWatch.begin(find_inputs([str(copy)])))
    os.utime(copy / "b.jsonl")
    assert write_slice(context, 0).rows == N_ARTICLES - PARQUET_ROWS
    content = (copy / "b.jsonl").read_bytes()
    (copy / "b.jsonl").write_bytes(content.replace(b"1", b"2", 1))
    with pytest.raises(NewsdeskError, match=r"the input b\.jsonl changed while it was read"):
        write_slice(context, 0)
