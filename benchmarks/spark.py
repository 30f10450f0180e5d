"""One job on one machine and on a Spark cluster of one and of two workers: the same rows, and how fast.

The cluster is a real one on loopback, a core a worker. Each job is a process of its own, from its start to
its end; on Spark that includes the driver's JVM and a Python of each worker that loads libraries and model.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from corpus import made
from harness import ROOT, Row, build_parser, check, fresh, note, write_results

sys.path.insert(0, str(ROOT))

from tests import cluster

SCORED_AT = "2026-11-27T02:00:00Z"


def run(corpus: Path, folder: Path, *given: str) -> tuple[Row, str]:
    """Do a job; seconds, rows, and the hash of all that stands in its rows."""
    options = ["predict", corpus, "--output", f"{folder}/", "--scored-at", SCORED_AT, *given]
    call = "import sys; from newsdesk.cli.main import main; sys.argv[0] = 'newsdesk'; main()"
    _, seconds = fresh("-c", call, *options)
    return {"seconds": seconds, "rows": ds.dataset(folder, format="parquet").count_rows()}, _sha256(folder)


def _sha256(folder: Path) -> str:
    """Of all rows in their order, whatever parts they are in: each column's values, floats to the bit."""
    table = ds.dataset(folder, format="parquet").to_table().combine_chunks()
    digest = hashlib.sha256()
    with pa.ipc.new_stream(_Into(digest), table.schema) as stream:
        stream.write_table(table, max_chunksize=1 << 16)
    return digest.hexdigest()


class _Into:
    """A file of which only the hash is kept."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""


def main() -> None:
    parser = build_parser(__doc__, example="python benchmarks/spark.py --articles 5000", repeats=1)
    parser.add_argument("--articles", type=int, default=200_000, help="of the job (%(default)s)")
    parser.add_argument("--chunk-rows", type=int, default=10_000, help="of a part (%(default)s)")
    options = parser.parse_args()
    if reason := cluster.missing():
        raise SystemExit(reason)
    corpus = made(options.articles, options.seed)
    chunks = ["--chunk-rows", str(options.chunk_rows)]
    rows: list[Row] = []
    hashes: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        for repeat in range(options.repeats):
            for workers in (0, 1, 2):
                folder = Path(name, f"{repeat}-{workers}")
                if workers:
                    place = Path(name, f"cluster-{repeat}-{workers}")
                    place.mkdir()
                    with cluster.standalone(place, workers=workers) as running:
                        spark = [
                            "--engine",
                            "spark",
                            "--master",
                            running.url,
                            "--conf",
                            "spark.driver.host=127.0.0.1",
                        ]
                        row, digest = run(corpus.path, folder, *chunks, *spark)
                else:
                    row, digest = run(corpus.path, folder, *chunks, "--threads", "1")
                hashes.add(digest)
                row |= {"engine": "spark" if workers else "local", "workers": workers, "repeat": repeat}
                rows.append(row)
                rate = row["rows"] / row["seconds"]
                note(f"  {row['engine']}, {workers} workers: {row['seconds']:.1f} s, {rate:,.0f}/s")
    checks = [
        check("jobs that say something else than one machine", len(hashes) - 1, most=0),
        check("rows that a job lacks", max(corpus.articles - row["rows"] for row in rows), most=0),
    ]
    content: Row = {"corpus": corpus.describe(), "chunk_rows": options.chunk_rows, "seed": options.seed}
    write_results(options.results / "spark.json", {**content, "rows": rows, "checks": checks})


if __name__ == "__main__":
    main()
