"""Read 100,000 articles from each table format: rate and peak memory beside pandas and polars."""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from corpus import Corpus, made
from harness import ROOT, Row, build_parser, check, find, note, peak_memory, write_results

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet")
SLOWER = 1.05  # most seconds of this version over those of another one


def write_table(corpus: Corpus, path: Path) -> None:
    """Write the corpus with a column `id` in the format that the suffix names."""
    rows = (
        {"id": str(n), **row}
        for n, row in enumerate(row for batch in corpus.batches(corpus.articles, ["title", "text", "source"])
                                for row in batch.to_pylist())
    )  # fmt: skip
    form = path.suffix[1:]
    if form == "parquet":
        table = corpus.table()
        ids = pa.array([str(n) for n in range(len(table))])
        pq.write_table(table.add_column(0, "id", ids), path, row_group_size=10_000)
        return
    with path.open("w", encoding="utf-8", newline="") as handle:
        if form in {"csv", "tsv"}:
            delimiter = "," if form == "csv" else "\t"
            writer = csv.DictWriter(handle, ("id", "title", "text", "source"), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
            return
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        if form == "jsonl":
            handle.writelines(f"{line}\n" for line in lines)
        else:
            handle.write("[\n" + ",\n".join(lines) + "\n]\n")


def read_newsdesk(path: Path) -> int:
    from newsdesk.batch.input_reader import InputReader, find_inputs

    reader = InputReader(find_inputs([str(path)]), sections=())
    return sum(len(batch.articles) for batch in reader.batches())


def read_pandas(path: Path) -> int:
    import pandas as pd

    form = path.suffix[1:]
    if form == "parquet":
        return len(pd.read_parquet(path))
    if form in {"csv", "tsv"}:
        return len(pd.read_csv(path, sep="," if form == "csv" else "\t", dtype=str))
    return len(pd.read_json(path, lines=form == "jsonl", dtype=False))


def read_polars(path: Path) -> int:
    import polars as pl

    form = path.suffix[1:]
    if form == "parquet":
        return len(pl.read_parquet(path))
    if form in {"csv", "tsv"}:
        return len(pl.read_csv(path, separator="," if form == "csv" else "\t", infer_schema=False))
    return len(pl.read_ndjson(path) if form == "jsonl" else pl.read_json(path))


READERS: dict[str, Callable[[Path], int]] = {
    "newsdesk": read_newsdesk, "newsdesk before": read_newsdesk, "pandas": read_pandas, "polars": read_polars,
}  # fmt: skip


def read_once(reader: str, path: Path) -> None:
    """Read a table in this process, and print the seconds, the rows and the peak memory as JSON."""
    started, cpu_started = time.perf_counter(), time.process_time()
    rows = READERS[reader](path)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    found = {"rows": rows, "seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak_memory()}
    sys.stdout.write(json.dumps(found) + "\n")


def measure_tables(folder: Path, corpus: Corpus, *, repeats: int, before: Path | None) -> list[Row]:
    """Read each table with each reader in turn, each time in a process of its own."""
    rows: list[Row] = []
    for form in FORMATS:
        path = folder / f"articles.{form}"
        note(f"writing {path.name}")
        write_table(corpus, path)
        readers = [name for name in READERS if before or name != "newsdesk before"]
        found: dict[str, list[Row]] = {name: [] for name in readers}
        for _ in range(repeats):
            for name in readers:
                found[name].append(_in_a_process(name, path, before))
        for name, runs in found.items():
            assert {run["rows"] for run in runs} == {corpus.articles}, (
                f"{name} read {runs[0]['rows']} of {form}"
            )
            seconds, cpu_seconds = ([run[key] for run in runs] for key in ("seconds", "cpu_seconds"))
            rows.append(
                {"format": form, "reader": name, "bytes": path.stat().st_size, "seconds": seconds,
                 "cpu_seconds": cpu_seconds, "peak_bytes": max(run["peak_bytes"] for run in runs)}
            )  # fmt: skip
            note(f"  {form}, {name}: {corpus.articles / statistics.median(seconds):,.0f} rows a second")
        path.unlink()
    return rows


def _in_a_process(reader: str, path: Path, before: Path | None) -> Row:
    source = before if reader == "newsdesk before" else ROOT / "src"
    command = [sys.executable, __file__, "--read", reader, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: Row = json.loads(done.stdout)
    return found


def markdown(rows: list[Row], articles: int) -> str:
    """Return the table of docs/data.md: rows a second and peak memory."""
    names = [name for name in READERS if any(row["reader"] == name for row in rows)]
    lines = ["| format | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for form in FORMATS:
        cells = []
        for name in names:
            row = find(rows, format=form, reader=name)
            rate = articles / statistics.median(row["seconds"])
            cells.append(f"{rate:,.0f} rows/s, {row['peak_bytes'] / 1e9:.2f} GB")
        lines.append(f"| {form} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = build_parser(__doc__ or "", example="python benchmarks/tables.py --before ../older/src")
    parser.add_argument("--articles", type=int, default=100_000, help="rows of each table (%(default)s)")
    parser.add_argument("--before", type=Path, help="`src` of another version to compare with")
    parser.add_argument("--read", nargs=2, metavar=("READER", "FILE"), help="read one table once")
    options = parser.parse_args()
    if options.read:
        read_once(options.read[0], Path(options.read[1]))
        return
    corpus = made(options.articles, options.seed)
    before = options.before and options.before.resolve()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_tables(Path(folder), corpus, repeats=options.repeats, before=before)
    checks = []
    for form in FORMATS if before else ():
        own, other = (find(rows, format=form, reader=name) for name in ("newsdesk", "newsdesk before"))
        ratio = min(own["cpu_seconds"]) / min(other["cpu_seconds"])
        checks.append(check(f"{form}: processor time over that of the version before", ratio, most=SLOWER))
    write_results(
        options.results / "tables.json", {"corpus": corpus.describe(), "rows": rows, "checks": checks}
    )
    sys.stdout.write(markdown(rows, corpus.articles))


if __name__ == "__main__":
    main()
