"""The account: seen = kept + refused for each input file, of any format, and few entries for many files."""

import gzip
import html
import io
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.schema import Article
from newsdesk.base.settings import Clean
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.batch.input_reader import InputReader, find_inputs
from newsdesk.corpus.cleaning import clean
from newsdesk.readers import read
from newsdesk.readers.account import MAX_ENTRIES, Account
from tests import ROOT

TEXT = "أعلنت الحكومة في برلين أن القمة ستعقد الأسبوع المقبل بحضور وزراء من دول عدة."
TAXONOMY = read_taxonomy(ROOT / "data/taxonomy.yaml")


def parquet(rows: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(rows, pa.string())}), sink)
    return sink.getvalue()


def zipped(rows: list[str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number, row in enumerate(rows):
            archive.writestr(f"day/{number}.jsonl", json.dumps({"text": row}) + "\n{\n")
        archive.writestr("../outside.txt", "نص")
    return sink.getvalue()


def jsonl(rows: list[str]) -> bytes:
    return "".join(json.dumps({"text": row}) + "\n\n{\n" for row in rows).encode()


FORMATS: dict[str, Callable[[list[str]], bytes]] = {
    "a.txt": lambda rows: "\n".join(rows).encode(),
    "a.html": lambda rows: "".join(f"<article><h1>{r}</h1><p>{r}</p></article>" for r in rows).encode(),
    "a.jsonl": jsonl,
    "a.jsonl.gz": lambda rows: gzip.compress(jsonl(rows))[: 40 + 30 * len(rows)],  # may be cut off
    "a.json": lambda rows: json.dumps([*({"text": row} for row in rows), 7]).encode(),
    "a.csv": lambda rows: ("id,text\n" + "".join(f"{n},{r}\n" for n, r in enumerate(rows))).encode(),
    "a.tsv": lambda rows: ("text\tid\n" + "".join(f"{r}\t{n}\n" for n, r in enumerate(rows))).encode(),
    "a.parquet": parquet,
    "a.trec": lambda rows: "".join(f"<DOC>\n<TEXT>{row}</TEXT>\n</DOC>\n" for row in rows).encode(),
    "a.md": lambda rows: ("---\ntitle: عنوان\n---\n" + "\n\n".join(rows)).encode(),
    "labels.txt": lambda rows: "".join(f"__label__sport {row}\n" for row in [TEXT, *rows]).encode(),
    "a.rss": lambda rows: (
        "<rss version='2.0'><channel>"
        + "".join(
            f"<item><title>{html.escape(TEXT)}</title><description>{html.escape(r)}</description></item>"
            for r in rows
        )
        + "</channel></rss>"
    ).encode(),
    "a.eml": lambda rows: (
        f"Subject: a\nMIME-Version: 1.0\nContent-Type: text/plain\n\n{' '.join(rows)}".encode()
    ),
    "a.zip": zipped,
    "a.bin": lambda rows: bytes(range(32)) * len(rows),
}
rows = st.lists(
    st.sampled_from([TEXT, "قصير", "", 'سطر "ناقص', "a,b", "\x00\x01"]) | st.text(max_size=12), max_size=6
)


def check(account: Account, n_records: int) -> None:
    assert account.total.seen == n_records
    for counts in account.files.values():
        assert counts.seen == counts.kept + counts.refused.total()
    assert Account.from_dict(account.as_dict(folded=False)).as_dict() == account.as_dict()


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=15, deadline=None)
@given(rows)
def test_all_that_is_seen_is_kept_or_refused(name: str, rows: list[str]) -> None:
    """By `clean` from records, and by `predict` from batches; both name the same input files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "news" / name
        path.parent.mkdir()
        path.write_bytes(FORMATS[name](rows))
        account = Account()
        records = list(read([path.parent], sections=(), account=account))
        assert [*account.files] == [path.as_posix()]
        cleaned = clean(records, Clean(), TAXONOMY, {}, files=account)
        check(cleaned.files, len(records))
        assert account.total.kept == cleaned.articles.num_rows
        assert account.total.refused == Counter(cleaned.quarantine["reason"].to_pylist())

        predicted, inputs, kept = Account(), find_inputs([folder], full_names=True), 0
        for batch in InputReader(inputs, sections=()).batches():
            batch.count(predicted, inputs)
            kept += len(batch.articles)
        check(predicted, len(records))
        assert predicted.total.kept == kept == sum(isinstance(record, Article) for record in records)
        assert {*predicted.files} <= {*account.files}
        assert predicted.total.lines == account.total.lines


@pytest.mark.parametrize(
    ("name", "lines"), [("a.jsonl", 6), ("a.csv", 3), ("a.tsv", 3), ("a.json", 0), ("a.txt", 0)]
)
def test_lines_of_tables_are_counted(tmp_path: Path, name: str, lines: int) -> None:
    path = tmp_path / name
    path.write_bytes(FORMATS[name]([TEXT, TEXT]))
    assert sum(record.lines for record in read([path], sections=())) == lines


def test_same_names_in_two_folders_are_two_files(tmp_path: Path) -> None:
    paths = [tmp_path / day / "a.jsonl" for day in ("1", "2")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(jsonl([TEXT]))
    account = Account()
    list(read(tmp_path.iterdir(), sections=(), account=account))
    assert {*account.files} == {path.as_posix() for path in paths}


def test_files_that_yield_nothing_and_missing_ones_have_an_entry(tmp_path: Path) -> None:
    header, missing = tmp_path / "header.csv", tmp_path / "missing.csv"
    header.write_text("id,text\n", encoding="utf-8")
    account = Account()
    clean(read([header, missing], sections=(), account=account), Clean(), TAXONOMY, {}, files=account)
    assert account.as_dict() == {
        "n_files": 2, "seen": 1, "kept": 0, "refused": {"missing_file": 1},
        "files": {
            str(header): {"seen": 0, "kept": 0, "refused": {}},
            str(missing): {"seen": 1, "kept": 0, "refused": {"missing_file": 1}},
        },
    }  # fmt: skip


def account_of(n_pages: int) -> Account:
    account = Account()
    account.add("news/table.csv", seen=9, kept=7, refused={"bad_record": 2}, lines=10)
    for k in range(n_pages):
        account.add(f"news/site{k % 3}/page-{k}.txt", seen=2, kept=1, refused={"too_short": 1})
    return account


def test_pages_are_summed_up_by_folder() -> None:
    few, many = account_of(MAX_ENTRIES - 1), account_of(6_000)
    assert len(few.as_dict()["files"]) == MAX_ENTRIES
    written = many.as_dict()
    assert [*written["files"]] == ["news/table.csv", "news/site0/", "news/site1/", "news/site2/"]
    assert written["files"]["news/site1/"] == {
        "n_files": 2000, "seen": 4000, "kept": 2000, "refused": {"too_short": 2000},
    }  # fmt: skip
    assert Account.from_dict(written).describe() == many.describe()
    assert written["seen"] == 12_009 == sum(entry["seen"] for entry in written["files"].values())


def test_few_lines_are_printed() -> None:
    """The files with the most refused records, the others together, and the sum."""
    account = Account()
    for k in range(25):
        account.add(f"{k}.csv", seen=1000 + k, kept=1000, refused={"bad_record": k}, lines=1001 + k)
    lines = account.describe()
    assert len(lines) == 12
    assert lines[0] == "  24.csv: 1,025 lines, 1,024 seen, 1,000 kept, refused: bad_record 24"
    assert lines[-2] == "  others: 15 files, 15,120 lines, 15,105 seen, 15,000 kept, refused: bad_record 105"
    assert lines[-1] == "account: 25 files, 25,325 lines, 25,300 seen, 25,000 kept, refused: bad_record 300"
    assert account_of(40).describe() == [
        "  news/site0/: 14 files, 28 seen, 14 kept, refused: too_short 14",
        "  news/site1/: 13 files, 26 seen, 13 kept, refused: too_short 13",
        "  news/site2/: 13 files, 26 seen, 13 kept, refused: too_short 13",
        "  news/table.csv: 10 lines, 9 seen, 7 kept, refused: bad_record 2",
        "account: 41 files, 10 lines, 89 seen, 47 kept, refused: bad_record 2, too_short 40",
    ]
    assert account_of(0).describe() == [
        "account: news/table.csv: 10 lines, 9 seen, 7 kept, refused: bad_record 2"
    ]


def test_parts_are_merged() -> None:
    whole, part = account_of(10), account_of(4)
    part.merge(Account.from_dict(whole.as_dict(folded=False)))
    assert part.total.seen == whole.total.seen + account_of(4).total.seen
    assert part.files["news/site0/page-0.txt"].refused == {"too_short": 2}
