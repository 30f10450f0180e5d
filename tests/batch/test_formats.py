"""A job over a folder of all formats writes the rows that `newsdesk read` gives."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsdesk.base.schema import Article, Refusal
from newsdesk.batch.manifest import QUARANTINE
from newsdesk.readers import read
from tests.jobs import predict
from tests.readers.test_archives import tarred
from tests.readers.test_compression import zstd
from tests.readers.test_documents import BYTES, XML
from tests.readers.test_feeds import ATOM, RDF, RSS
from tests.readers.test_html import HTML
from tests.readers.test_json_wrappers import WRAPPERS
from tests.readers.test_mail import mhtml
from tests.readers.test_markdown import BODY
from tests.readers.test_warc import record, response
from tests.readers.workbooks import TABLE, ods, packed, xlsx

LINE = json.dumps({"id": 1, "text": "افتتح الوزير جسراً جديداً فوق النهر."}).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("formats") / "in"
    path.mkdir()
    files = {
        "a.xlsx": xlsx({"أول": TABLE, "notes": [["x"], [1]]}),
        "b.ods": ods(TABLE),
        "c.rss": RSS.encode(),
        "d.atom": ATOM.encode(),
        "e.rdf": RDF.encode(),
        "f.mhtml": mhtml(HTML),
        "g.warc.gz": gzip.compress(response(HTML.encode())) + gzip.compress(record("request", b"GET / HTTP/1.1\r\n\r\n")),
        "h.md": BODY.encode(),
        "i.txt": "__label__a نص أول\n__label__b نص ثان".encode(),
        "j.jsonl.bz2": bz2.compress(LINE),
        "k.jsonl.xz": lzma.compress(LINE),
        "l.jsonl.zst": zstd(LINE),
        "m.tar.xz": lzma.compress(tarred({"a.jsonl": LINE, "b.docx": packed({"[Content_Types].xml": "", "word/x": ""})})),
        "n.zip": packed({"a.xlsx": xlsx({"s": TABLE}), "b.xml": RSS.encode(), "c.pdf": b"%PDF-1.4"}),
        "o.pdf": BYTES["a PDF document; save it as text"],
        "p.xml": XML["nitf"].encode(),
        **{f"q-{name}.json": json.dumps(content).encode() for name, content in WRAPPERS.items()},
        "r.html": HTML.encode(),
        "s.xlsx": xlsx({"a": TABLE})[:500],
    }  # fmt: skip
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


@pytest.mark.integration
@pytest.mark.parametrize("more", [[], ["--workers", "2"], ["--chunk-rows", "3"]], ids=" ".join)
def test_rows_are_those_of_read(folder: Path, tmp_path: Path, more: list[str]) -> None:
    out = tmp_path / "out"
    assert predict("predict", str(folder), "--output", f"{out}/", *more) == 0
    rows = list(read([folder], sections=()))
    articles = [row for row in rows if isinstance(row, Article)]
    assert len(articles) == 69
    written = [row for part in sorted(out.glob("part-*")) for row in pq.read_table(part).to_pylist()]
    assert [(row["article_id"], row["title"], row["kind"]) for row in written] == [
        (row.article_id, row.title, row.kind) for row in articles
    ]
    refused = [json.loads(line) for line in (out / QUARANTINE).open(encoding="utf-8")]
    assert [(Path(row["file"]).name, row["position"], row["reason"], row["detail"]) for row in refused] == [
        (Path(row.file).name, row.position, row.reason, row.detail)
        for row in rows
        if isinstance(row, Refusal)
    ]
    assert len(refused) == 6
