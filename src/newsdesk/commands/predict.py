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
from pydantic import ValidationError

from newsdesk import artifacts, batch, intake, mlmodel, tracking
from newsdesk.commands import job
from newsdesk.commands.inputs import Refused, expand, refused_option
from newsdesk.commands.job import Limit, check_limit, parse_limit, parse_moment
from newsdesk.console import note, print_rows
from newsdesk.errors import NewsdeskError
from newsdesk.jobs import QUARANTINE
from newsdesk.labeled import check_carry, schema_of
from newsdesk.pace import Pace
from newsdesk.scorer import BALANCED, PROFILES, Scorer
from newsdesk.taxonomy import Taxonomy

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
    default=lambda: os.cpu_count() or 1,
    show_default="all processors",
    help="Threads that score.",
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
def main(
    inputs: tuple[str, ...],
    model: str | None,
    output: str | None,
    form: str | None,
    profile: str,
    refused: Path | None,
    carry: str | None,
    threads: int,
    limit: Limit | None,
    chunk_rows: int,
    resume: bool,
    scored_at: datetime | None,
) -> None:
    """Label the articles of INPUT: pages, HTML, JSONL(.gz), CSV, Parquet, folders and globs of them, or - .

    One row an article, in the order read. What can't be read is counted on standard error; with
    --output it is written out too, to OUTPUT.refused.jsonl unless --refused names another file.

    A name that ends in / makes a job of it: parts, a manifest of what was read and written, and a quarantine
    of what was refused; --resume goes on with it after any stop.

    \b
    Examples:
      newsdesk predict data/starter/pages
      newsdesk predict news.parquet --output labels.parquet
      cat page.html | newsdesk predict - --format jsonl
      newsdesk predict page.txt --model runs:/<run id>/model
      newsdesk predict 'news/*.jsonl.gz' --output labels/ --carry url --max-refused 1% --resume
    """
    named = expand(inputs)
    columns = check_carry(carry.split(",")) if carry else ()
    is_job = output is not None and output.endswith(("/", os.sep))
    if output:
        check_output(Path(output), named, form, refused, is_job=is_job)
    if not is_job and (resume or scored_at):
        raise NewsdeskError("--resume and --scored-at are for a job: give --output FOLDER/")
    form = form or ("parquet" if is_job else SUFFIXES[Path(output).suffix] if output else "table")
    if form == "parquet" and not output:
        raise NewsdeskError("--format parquet needs --output FILE: Parquet is not for a terminal")
    if form == "table" and output:
        raise NewsdeskError("--format table is for reading; give jsonl, csv or parquet with --output")
    scorer, about = load(model)
    scorer.threads = threads
    taxonomy = taxonomy_of(scorer)
    found = intake.find(named, carry=columns, full_names=is_job)
    if is_job:
        folder = Path(cast(str, output))
        manifest = job.run(
            folder,
            found,
            scorer,
            taxonomy,
            model=about,
            form=cast(batch.Format, form),
            profile=profile,
            carry=columns,
            chunk_rows=chunk_rows,
            resume=resume,
            scored_at=scored_at,
        )
        job.tell(manifest, folder, limit)
        return
    reader = intake.Reader(found, sections=taxonomy.sections, carry=columns, stdin=sys.stdin.buffer)
    account = Refused()
    said = _said(reader, account, scorer, taxonomy, profile)
    if output:
        path = Path(output)
        with artifacts.replacing(path) as written:
            schema = schema_of(stamped=False, carry=columns)
            count = batch.write(said, written, cast(batch.Format, form), schema)
            account.tell(refused or path.with_name(f"{path.name}.refused.jsonl"))
        note(f"predict: {count:,} rows in {path}")
    elif form == "table":
        print_table(row for each in said for row in batch.rows_of(each))
        account.tell(refused)
    else:
        with click.open_file("-", "w", encoding="utf-8") as stdout:
            rows = (row for each in said for row in batch.rows_of(each))
            names = schema_of(stamped=False, carry=columns).names
            batch.write_lines(rows, stdout, "csv" if form == "csv" else "jsonl", names)
        account.tell(refused)
    broken = len({r.file for r in account.refusals if not r.position})
    n_refused = len(account.refusals)
    check_limit(
        limit, refused=n_refused, read=n_refused + account.n_articles, broken=broken, files=len(found)
    )


def _said(
    reader: intake.Reader, account: Refused, scorer: Scorer, taxonomy: Taxonomy, profile: str
) -> Iterator[pa.RecordBatch]:
    """What is said of the articles, those that are refused accounted for."""
    pace = Pace("predict", total=reader.total_bytes)
    for piece in reader.pieces():
        account.add(piece)
        yield batch.label_columns(piece.articles, scorer, taxonomy, profile=profile)
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


def model_folder(model: str | None) -> Path:
    """Where a model lies, fetched if need be; by default the one that newsdesk comes with."""
    if model is None:
        return artifacts.SHIPPED
    if model.startswith(("models:/", "runs:/")):
        return tracking.download_model(model)
    return mlmodel.packaged_folder(Path(model))


def load(model: str | None) -> tuple[Scorer, dict[str, Any]]:
    """Load a model by folder or URI, by default the one that newsdesk comes with.

    Returns
    -------
    Scorer, dict
        The dict tells `name`, `version`, `run_id` and `sha256`. What no registry has numbered is of the
        version that it says of itself, and the start of its hash.
    """
    known: dict[str, Any] = {}
    if model and model.startswith(("models:/", "runs:/")):
        known = tracking_of(model)
    folder = model_folder(known.pop("uri", model))
    scorer = artifacts.read_model(folder)
    sha256 = artifacts.sha256(folder)
    version = f"{scorer.info.get('version', '0')}+{sha256[:12]}"
    about = {"name": str(scorer.info.get("name", folder.name)), "version": version, "run_id": None}
    return scorer, {**about, **known, "sha256": sha256}


def tracking_of(uri: str) -> dict[str, Any]:
    """What the store knows of a model's URI: the run, and of a registered one its name and version."""
    if uri.startswith("runs:/"):
        return {"run_id": uri.removeprefix("runs:/").split("/")[0]}
    name, _, alias = uri.removeprefix("models:/").partition("@")
    if not alias:
        name, _, version = name.partition("/")
        if not version.isdecimal():
            return {}
    with tracking.connect() as client:
        found = (
            client.get_model_version_by_alias(name, alias)
            if alias
            else client.get_model_version(name, version)
        )
    # by number from here on, should the alias move
    return {
        "name": name,
        "version": str(found.version),
        "run_id": found.run_id or None,
        "uri": f"models:/{name}/{found.version}",
    }


def taxonomy_of(scorer: Scorer) -> Taxonomy:
    """The taxonomy that a model was trained with."""
    try:
        taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
    except (KeyError, ValidationError):
        raise NewsdeskError("the model's model.json holds no taxonomy that this version reads") from None
    if {head.task for head in scorer.heads} != {"region", "topic"}:
        raise NewsdeskError("the model's model.json lacks the head of regions or that of topics")
    return taxonomy


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
