"""Batches hold what the readers yield, end at slices, and reading can begin at any offset between them."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.batch import arrow_columns, input_reader
from newsdesk.batch.input_reader import Batch, InputReader, Offset, find_inputs, group_by_slice
from newsdesk.readers import Limits, read
from tests import ROOT

START = Offset()
SECTIONS = ("أوروبا", "العالم")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of file, complete and broken, with refused rows among the others."""
    path = tmp_path_factory.mktemp("in")
    rng = random.Random(0)
    rows = [{"id": str(k), "text": f"نص {k} " + "كلمة " * rng.randrange(9), "n": k} for k in range(60)]
    rows[7]["text"] = rows[31]["text"] = "x" * 300
    rows[9]["text"] += "\r\n&quot;"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (path / "a.jsonl").write_text("\n".join([*lines[:30], "{", *lines[30:]]), encoding="utf-8")
    table = pa.table({name: [row[name] for row in rows] for name in ("id", "text", "n")})
    pq.write_table(table, path / "b.parquet", row_group_size=25)
    whole = (path / "b.parquet").read_bytes()
    at = pq.read_metadata(path / "b.parquet").row_group(1).column(1).data_page_offset
    (path / "c.parquet").write_bytes(whole[:at] + bytes(60) + whole[at + 60 :])
    (path / "d.parquet").write_bytes(whole[:-9])
    (path / "e.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0)[:-20])
    (path / "f.txt").write_bytes((ROOT / "data/starter/pages/page-01.txt").read_bytes())
    (path / "g.csv").write_text('id,text\n1,نص\n2,"نص,آخر",x\n3,نص\n', encoding="utf-8")
    (path / "h.jsonl").write_bytes(b"")
    return path


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Article | Refusal]:
    return list(read([folder], sections=SECTIONS, limits=Limits(max_field_chars=200), carry=("n",)))


def read_batches(folder: Path, slice_rows: int, start: Offset = START) -> list[Batch]:
    reader = InputReader(
        find_inputs([str(folder)]),
        sections=SECTIONS,
        carry=("n",),
        slice_rows=slice_rows,
        limits=Limits(max_field_chars=200),
    )
    return list(reader.batches(start))


def content(batches: list[Batch]) -> tuple[list[dict[str, str]], list[Refusal]]:
    rows = [row for batch in batches for row in batch.articles.to_pylist()]
    return rows, [refusal for batch in batches for _, refusal in batch.refused]


@pytest.mark.parametrize("slice_rows", [1, 7, 50, 10_000])
def test_batches_hold_what_the_readers_yield(
    folder: Path, records: list[Article | Refusal], slice_rows: int
) -> None:
    articles = [record for record in records if isinstance(record, Article)]
    refusals = [record for record in records if isinstance(record, Refusal)]
    assert {r.reason for r in refusals} >= {
        "bad_record", "field_too_large", "unreadable_file", "truncated", "empty_file"
    }  # fmt: skip
    found = read_batches(folder, slice_rows)
    assert content(found) == (arrow_columns.from_articles(articles, carry=("n",)).to_pylist(), refusals)
    n = 0
    for batch in found:
        assert n // slice_rows == (n + batch.read.total() - 1) // slice_rows, "no batch crosses a slice's end"
        n += batch.read.total()
    assert n == len(records)
    done = [batch.bytes_read for batch in found]
    assert done == sorted(done)


def test_reading_begins_at_any_offset(folder: Path) -> None:
    found = read_batches(folder, 7)
    for k in range(len(found)):
        assert content(read_batches(folder, 7, found[k].end)) == content(found[k + 1 :]), found[k].end


def test_slices_group_batches(folder: Path) -> None:
    batches = iter(read_batches(folder, 7))
    sizes = [sum(batch.read.total() for batch in group) for group in group_by_slice(batches, 7)]
    assert set(sizes[:-1]) == {7}
    assert 0 < sizes[-1] <= 7


def test_files_of_one_name_have_different_full_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text("{", encoding="utf-8")
    named = [str(tmp_path / "one" / "a.jsonl"), str(tmp_path / "two")]
    files = [each.provenance.file for each in find_inputs(named, full_names=True)]
    assert files == [f"{tmp_path}/one/a.jsonl", f"{tmp_path}/two/a.jsonl"]
    assert [each.provenance.file for each in find_inputs(named)] == ["a.jsonl", "a.jsonl"]


def test_a_small_file_that_unpacks_to_much_is_read_in_small_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that repeats a long text a thousand times is never in memory whole."""
    monkeypatch.setattr(input_reader, "BATCH_BYTES", 2**20)
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": ["اب" * 2_000] * 1000}), path)
    sizes = [batch.articles.nbytes for batch in read_batches(path, 10_000)]
    assert len(sizes) > 4
    assert max(sizes) <= 1.02 * 2**20
