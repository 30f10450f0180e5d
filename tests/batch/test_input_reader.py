"""Pieces hold what the readers yield, end at chunks, and begin at any place between them."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.batch import arrow_columns, input_reader
from newsdesk.readers import Limits, read
from tests.conftest import ROOT

SECTIONS = ("أوروبا", "العالم")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of file, whole and broken, with rows that are refused among the others."""
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


def pieces(
    folder: Path,
    chunk_rows: int,
    start: input_reader.At = input_reader.At(),  # noqa: B008
) -> list[input_reader.Piece]:
    reader = input_reader.Reader(
        input_reader.find([str(folder)]),
        sections=SECTIONS,
        carry=("n",),
        chunk_rows=chunk_rows,
        limits=Limits(max_field_chars=200),
    )
    return list(reader.pieces(start))


def held(found: list[input_reader.Piece]) -> tuple[list[dict[str, str]], list[Refusal]]:
    rows = [row for piece in found for row in piece.articles.to_pylist()]
    return rows, [refusal for piece in found for _, refusal in piece.refused]


@pytest.mark.parametrize("chunk_rows", [1, 7, 50, 10_000])
def test_pieces_hold_what_the_readers_yield(
    folder: Path, records: list[Article | Refusal], chunk_rows: int
) -> None:
    articles = [record for record in records if isinstance(record, Article)]
    refusals = [record for record in records if isinstance(record, Refusal)]
    assert {r.reason for r in refusals} >= {
        "bad_record", "field_too_large", "unreadable_file", "truncated", "empty_file"
    }  # fmt: skip
    found = pieces(folder, chunk_rows)
    assert held(found) == (arrow_columns.from_articles(articles, carry=("n",)).to_pylist(), refusals)
    n = 0
    for piece in found:
        assert n // chunk_rows == (n + piece.read.total() - 1) // chunk_rows, "no piece crosses a chunk's end"
        n += piece.read.total()
    assert n == len(records)
    done = [piece.done_bytes for piece in found]
    assert done == sorted(done)


def test_reading_begins_at_any_place(folder: Path) -> None:
    found = pieces(folder, 7)
    for k in range(len(found)):
        assert held(pieces(folder, 7, found[k].ends)) == held(found[k + 1 :]), found[k].ends


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text("{", encoding="utf-8")
    named = [str(tmp_path / "one" / "a.jsonl"), str(tmp_path / "two")]
    files = [given.provenance.file for given in input_reader.find(named, full_names=True)]
    assert files == [f"{tmp_path}/one/a.jsonl", f"{tmp_path}/two/a.jsonl"]
    assert [given.provenance.file for given in input_reader.find(named)] == ["a.jsonl", "a.jsonl"]


def test_what_unpacks_to_much_is_taken_in_parts(tmp_path: Path) -> None:
    """A small file that repeats a long text a thousand times does not stand in memory whole."""
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": ["اب" * 100_000] * 1000}), path)
    reader = input_reader.Reader(input_reader.find([str(path)]), sections=())
    sizes = [piece.articles.nbytes for piece in reader.pieces()]
    assert len(sizes) > 4
    assert max(sizes) <= 1.01 * input_reader.PIECE_BYTES
