"""`newsdesk predict`: label whatever can be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click
import pyarrow as pa

from newsdesk.base import signals
from newsdesk.base.console import Pace, note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import input_reader, labeling
from newsdesk.batch.job import QUARANTINE
from newsdesk.batch.output_schema import check_carry, schema_of
from newsdesk.cli.inputs import Refused, expand, refused_option
from newsdesk.cli.label import job
from newsdesk.cli.label.job import DRIFTED, Limit, check_limit, parse_limit, parse_moment
from newsdesk.cli.models import Loaded, load, taxonomy_of
from newsdesk.inference.decision import BALANCED, PROFILES
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.reference import REFERENCE, read_reference_of

CHUNK_ROWS = 50_000
SUFFIXES = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


@click.command("predict")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--model",
    show_default="the model that newsdesk comes with, which was trained on the public corpora",
    help="Model folder, models:/… or runs:/… URI; `model` is the one that `make` trains.",
)
@click.option("--output", help="File to write, or FOLDER/ for a job of parts; standard output unless told.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv", "parquet"]),
    help="By the suffix of --output unless told, parquet for a folder; else a table.",
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default=BALANCED,
    show_default=True,
    help="Thresholds: for the best F1, for a precision or for a recall of 0.95 where outlets were left out.",
)
@refused_option
@click.option("--carry", metavar="NAME,...", help="Further columns of the input to carry along, as text.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="all processors; 1 in a worker and in a task of Spark",
    help="Threads that score.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Write so many parts of FOLDER/ side by side, each in a process of some 0.6 GB.",
)
@click.option(
    "--max-refused",
    "limit",
    metavar="N|N%",
    callback=parse_limit,
    help="Exit with code 3 if more rows were refused; a share is of the rows, and of the files broken off.",
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(min=1),
    default=CHUNK_ROWS,
    show_default=True,
    help="Rows of the input for each part of FOLDER/.",
)
@click.option("--resume", is_flag=True, help="Go on with the job in FOLDER/ where it was stopped, if it was.")
@click.option(
    "--scored-at",
    metavar="TIME",
    callback=parse_moment,
    show_default="when the job began",
    help="What column scored_at of FOLDER/ says.",
)
@click.option(
    "--reference",
    show_default=f"{REFERENCE} of the model",
    type=click.Path(path_type=Path),
    help="What FOLDER/ is held against for drift, as `newsdesk drift reference` makes it.",
)
@click.option(
    "--fail-on-drift", is_flag=True, help=f"Exit with code {DRIFTED} if the news has drifted from the model."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Who labels FOLDER/: this process, or the workers of a Spark cluster.",
)
@click.option("--master", metavar="URL", show_default="local[*]", help="The cluster, for --engine spark.")
@click.option("--conf", multiple=True, metavar="KEY=VALUE", help="A setting of Spark's own; may be repeated.")
def main(
    inputs: tuple[str, ...],
    model: str | None,
    output: str | None,
    form: str | None,
    profile: str,
    refused: Path | None,
    carry: str | None,
    threads: int | None,
    workers: int | None,
    limit: Limit | None,
    chunk_rows: int,
    resume: bool,
    scored_at: datetime | None,
    reference: Path | None,
    fail_on_drift: bool,
    engine: str,
    master: str | None,
    conf: tuple[str, ...],
) -> None:
    """Label the articles of INPUT: pages, HTML, JSONL(.gz), CSV, Parquet, folders and globs of them, or - .

    One row an article, in the order read. What can't be read is counted on standard error; with
    --output it is written out too, to OUTPUT.refused.jsonl unless --refused names another file.

    A name that ends in / makes a job of it: parts, a manifest of what was read and written, a quarantine of
    what was refused, and a report of drift; --resume goes on with it after any stop.

    Exit codes: 0; 2 for a wrong argument or file, and where no article could be read; with --max-refused 3;
    with --fail-on-drift 4.

    \b
    Examples:
      newsdesk predict data/starter/pages
      newsdesk predict news.parquet --output labels.parquet
      cat page.html | newsdesk predict - --format jsonl
      newsdesk predict page.txt --model runs:/<run id>/model
      newsdesk predict 'news/*.jsonl.gz' --output labels/ --carry url --max-refused 1% --resume
      newsdesk predict news --output labels/ --workers 8
      newsdesk predict /share/news --output /share/labels/ --engine spark --master spark://host:7077
    """
    named = expand(inputs)
    columns = check_carry(carry.split(",")) if carry else ()
    is_job = output is not None and output.endswith(("/", os.sep))
    if output:
        check_output(Path(output), named, form, refused, is_job=is_job)
    for_jobs = {
        "--resume": resume,
        "--scored-at": scored_at,
        "--reference": reference,
        "--fail-on-drift": fail_on_drift,
        "--workers": workers,
        "--engine spark": engine == "spark",
    }
    given = next((name for name, value in for_jobs.items() if value), None)
    if given and not is_job:
        raise NewsdeskError(f"{given} is for a job: give --output FOLDER/")
    if engine == "local" and (master or conf):
        raise NewsdeskError("--master and --conf are for --engine spark")
    if engine == "spark" and workers:
        raise NewsdeskError("--workers are of this machine; those of --engine spark are its cluster's")
    form = form or ("parquet" if is_job else SUFFIXES[Path(output).suffix] if output else "table")
    if form == "parquet" and not output:
        raise NewsdeskError("--format parquet needs --output FILE: Parquet is not for a terminal")
    if form == "table" and output:
        raise NewsdeskError("--format table is for reading; give jsonl, csv or parquet with --output")
    loaded = load(model)
    scorer = loaded.scorer
    taxonomy = taxonomy_of(scorer)
    found = input_reader.find(named, full_names=is_job)
    if engine == "local":
        scorer.threads = threads or os.cpu_count() or 1
    if is_job:
        folder = Path(cast(str, output))
        manifest = job.run(
            folder,
            found,
            _engine(
                loaded, taxonomy, engine, workers=workers, threads=threads or 1, master=master, conf=conf
            ),
            model=loaded.about,
            reference=_read_reference(loaded, reference),
            form=cast(labeling.Format, form),
            profile=profile,
            carry=columns,
            chunk_rows=chunk_rows,
            resume=resume,
            scored_at=scored_at,
        )
        job.tell(manifest, folder, limit, fail_on_drift=fail_on_drift)
        return
    reader = input_reader.Reader(found, sections=taxonomy.sections, carry=columns, stdin=sys.stdin.buffer)
    account = Refused()
    said = _said(reader, account, scorer, taxonomy, profile)
    if output:
        path = Path(output)
        with atomic_write(path) as written:
            schema = schema_of(stamped=False, carry=columns)
            count = labeling.write(said, written, cast(labeling.Format, form), schema)
            account.tell(refused or path.with_name(f"{path.name}.refused.jsonl"))
        note(f"predict: {count:,} rows in {path}")
    elif form == "table":
        print_table(row for each in said for row in labeling.rows_of(each))
        account.tell(refused)
    else:
        with click.open_file("-", "w", encoding="utf-8") as stdout:
            rows = (row for each in said for row in labeling.rows_of(each))
            names = schema_of(stamped=False, carry=columns).names
            labeling.write_lines(rows, stdout, "csv" if form == "csv" else "jsonl", names)
        account.tell(refused)
    broken = len({r.file for r in account.refusals if not r.position})
    n_refused = len(account.refusals)
    check_limit(
        limit, refused=n_refused, read=n_refused + account.n_articles, broken=broken, files=len(found)
    )


def _engine(
    loaded: Loaded,
    taxonomy: Taxonomy,
    name: str,
    workers: int | None,
    threads: int,
    master: str | None,
    conf: Sequence[str],
) -> job.Engine:
    """Who writes a job's parts; what only one of them needs is imported for it alone."""
    if name == "local":
        if workers is None:
            return job.Here(loaded.scorer, taxonomy)
        from newsdesk.batch.workers import Workers

        return Workers(loaded.folder, taxonomy, workers, threads)
    from newsdesk.batch.spark import OnSpark

    settings = {}
    for given in conf:
        name, equals, value = given.partition("=")
        if not (name and equals):
            raise NewsdeskError(f"--conf {given}: expected KEY=VALUE")
        settings[name] = value
    return OnSpark(loaded.folder, taxonomy, master=master or "local[*]", threads=threads, conf=settings)


def _read_reference(loaded: Loaded, path: Path | None) -> Any:
    """What the job is held against; None if none is named and the model has none."""
    own = loaded.folder / REFERENCE
    if path is None and not own.exists():
        note(f"predict: no report of drift: the model has no {REFERENCE}, and --reference names none")
        return None
    return read_reference_of(loaded.scorer, loaded.folder, path or own)


def _said(
    reader: input_reader.Reader, account: Refused, scorer: Scorer, taxonomy: Taxonomy, profile: str
) -> Iterator[pa.RecordBatch]:
    """What is said of the articles, those that are refused accounted for."""
    pace = Pace("predict", total=reader.total_bytes)
    for piece in reader.pieces():
        account.add(piece)
        with signals.held():  # not while reading, which may wait for standard input
            said = labeling.label_columns(piece.articles, scorer, taxonomy, profile=profile)
        yield said
        pace.tell(piece.read.total(), piece.done_bytes)
    pace.end()


def check_output(
    output: Path, inputs: Sequence[str], form: str | None, refused: Path | None, *, is_job: bool
) -> None:
    """Raise a NewsdeskError if the output can't be written as asked, before any work is done."""
    if is_job and refused:
        raise NewsdeskError(f"{output}: --refused is for a single file; a job has its own {QUARANTINE}")
    if is_job and output.exists() and not output.is_dir():
        raise NewsdeskError(f"{output}: is a file; name a folder")
    if not is_job and output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file, or end it in / for a job of parts")
    if refused and refused.resolve() == output.resolve():
        raise NewsdeskError(f"{output}: --refused and --output name the same file")
    if not is_job and not form and output.suffix not in SUFFIXES:
        raise NewsdeskError(f"{output}: give --format, or a name that ends in {', '.join(SUFFIXES)}")
    for name in inputs:
        given, written = Path(name).resolve(), output.resolve()
        if name == "-":
            continue
        if written == given or (given.is_dir() and given in written.parents):
            raise NewsdeskError(f"{output}: lies within the input {name}; name another place")
        if is_job and written in given.parents:
            raise NewsdeskError(f"{output}: holds the input {name}; name another place")


def print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Print rows for a person: labels with their probabilities, title last."""
    shown = [
        {
            "article_id": row["article_id"],
            "kind": row["kind"],
            "regions": f"{row['regions'][0]} (section)"
            if row["region_origin"] == "section"
            else _with_probability(row["regions"], row["region_scores"]),
            "topics": _with_probability(row["topics"], row["topic_scores"]),
            "reason": row["reason"] or "",
            "title": row["title"],
        }
        for row in rows
    ]
    if shown:
        print_rows(shown, arabic="title")


def _with_probability(labels: list[str], scores: dict[str, float]) -> str:
    return ", ".join(f"{label} {scores[label]:.2f}" for label in labels) or "-"
