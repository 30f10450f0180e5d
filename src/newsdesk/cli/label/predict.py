"""`newsdesk predict`: label articles of any readable input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
import pyarrow as pa

from newsdesk.api import Model, load
from newsdesk.base import signals
from newsdesk.base.columns import Columns
from newsdesk.base.console import ProgressLine, counted, note, path_option, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write, write_json
from newsdesk.base.log import LogFormat, LogSettings, job_log
from newsdesk.batch import labeling, local
from newsdesk.batch.input_reader import STDIN, Input, InputReader, find_inputs
from newsdesk.batch.labeling import LineFormat, OutputFormat
from newsdesk.batch.manifest import QUARANTINE
from newsdesk.batch.output_schema import build_schema, check_carry
from newsdesk.batch.part_writer import PartSettings
from newsdesk.batch.run import Engine, run_job
from newsdesk.cli.inputs import (
    RefusalLog,
    check_home,
    column_options,
    home_option,
    inputs_argument,
    model_option,
    open_inputs,
    refused_option,
)
from newsdesk.cli.label import job
from newsdesk.inference.decision import BALANCED, PROFILES
from newsdesk.monitoring.reference import REFERENCE, read_reference_of
from newsdesk.readers.column_notes import ColumnNotes
from newsdesk.tracking.runs import URI_SCHEMES

SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


@dataclass(frozen=True)
class PredictOptions:
    """The options of `newsdesk predict`."""

    inputs: tuple[str, ...]
    model: str | None
    output: str | None
    form: str | None
    profile: str
    refused: Path | None
    carry: tuple[str, ...]
    columns: Columns
    home: str | None
    threads: int | None
    workers: int | None
    limit: job.RefusalLimit | None
    part_rows: int
    resume: bool
    scored_at: datetime | None
    reference: Path | None
    fail_on_drift: bool
    engine: str
    master: str | None
    conf: Mapping[str, str]
    quiet: bool
    log_format: LogFormat | None

    @property
    def is_job(self) -> bool:
        """Whether the output is a folder of parts."""
        return self.output is not None and self.output.endswith(("/", os.sep))

    @property
    def output_form(self) -> str:
        """The format, by the output unless it is given."""
        by_output = SUFFIXES.get(Path(self.output).suffix, "") if self.output else "table"
        return self.form or ("parquet" if self.is_job else by_output)


def _parse_carry(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return check_carry(value.split(",")) if value else ()


def _parse_conf(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    settings = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise NewsdeskError(f"--conf {text}: expected KEY=VALUE")
        settings[name] = value
    return settings


@click.command("predict")
@inputs_argument
@model_option
@click.option(
    "--output", help="File to write, or FOLDER/ for a job of parts.", show_default="standard output"
)
@click.option(
    "--format", "form", type=click.Choice(["table", *SUFFIXES.values()]),
    show_default="by the suffix of --output; parquet for a folder, else table",
)  # fmt: skip
@click.option(
    "--profile", type=click.Choice(PROFILES), default=BALANCED, show_default=True,
    help="Thresholds: for the best F1, or for a precision or recall of 0.95 on outlets left out of training.",
)  # fmt: skip
@refused_option
@click.option(
    "--carry", metavar="NAME,...", callback=_parse_carry, help="Further columns of the input to copy as text."
)
@column_options
@home_option
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads that score.",
    show_default="all processors; 1 in a worker or Spark task",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Processes that write parts of FOLDER/ in parallel; each takes about 0.6 GB.",
)  # fmt: skip
@click.option(
    "--max-refused", "limit", metavar="N|N%", callback=job.parse_limit,
    help="Exit with code 3 if more rows were refused. A share applies to rows and to broken files.",
)  # fmt: skip
@click.option(
    "--chunk-rows", "part_rows", type=click.IntRange(min=1), default=PartSettings().rows, show_default=True,
    help="Rows of the input for each part of FOLDER/.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue the job in FOLDER/ if it was stopped.")
@click.option(
    "--scored-at", metavar="TIME", callback=job.parse_time, show_default="when the job began",
    help="Value of column scored_at in FOLDER/.",
)  # fmt: skip
@path_option(
    "--reference", show_default=f"{REFERENCE} of the model",
    help="What FOLDER/ is compared with for drift, from `newsdesk drift reference`.",
)  # fmt: skip
@job.fail_on_drift_option
@click.option(
    "--engine", type=click.Choice(["local", "spark"]), default="local", show_default=True,
    help="Label FOLDER/ on this machine or on a Spark cluster.",
)  # fmt: skip
@click.option("--master", metavar="URL", show_default="local[*]", help="Cluster for --engine spark.")
@click.option(
    "--conf", metavar="KEY=VALUE", multiple=True, callback=_parse_conf,
    help="Setting of Spark; may be repeated.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print only warnings and errors of a job.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), show_default="text",
    help="Lines of a job on standard error; json has time, job, level, message and figures.",
)  # fmt: skip
def main(**options: Any) -> None:
    """Label the articles of INPUT: files, folders and globs of them, or - for standard input.

    Files are pages, HTML, Markdown, JSON, CSV, Parquet, workbooks, feeds, messages (.eml, .mhtml), WARC, and
    archives of them (.gz, .bz2, .xz, .zst, .zip, .tar), recognized by content.

    An Arabic text of several words that names no file is labelled as the same text in a file would be: of
    several lines the first one is the title. CSV is UTF-8 without a byte order mark; Excel opens it by Data,
    From Text/CSV, and shows garbled Arabic after a double click.

    A story that names no place is about the home of its source. A column `home` with the ISO 3166-1 code of
    the source's country, or --home, tells it; a value that is no such code counts as missing.

    Write a row for each article, in the order read. Refused rows are counted on standard error; with
    --output they are also written, to OUTPUT.refused.jsonl or to the file that --refused names, and the
    account of each input file to OUTPUT.account.json.

    An output name that ends in / starts a job: it writes parts, a manifest of what was read and written, a
    quarantine of refused rows, and a drift report. --resume continues a job that was stopped in any way.

    Exit codes: 0; 2 for a wrong argument or file, or if no article could be read; 3 with --max-refused;
    4 with --fail-on-drift if the articles have drifted; if they are too few to judge, a warning says so.

    \b
    Examples:
      newsdesk predict "رفع المصرف المركزي سعر الفائدة"
      newsdesk predict data/starter/pages
      newsdesk predict news.parquet --output labels.parquet
      newsdesk predict echorouk.jsonl --home DZ
      cat page.html | newsdesk predict - --format jsonl
      newsdesk predict page.txt --model runs:/<run id>/model
      newsdesk predict 'news/*.jsonl.gz' --output labels/ --carry url \\
        --max-refused 1% --resume
      newsdesk predict news --output labels/ --workers 8
      newsdesk predict /share/news --output /share/labels/ \\
        --engine spark --master spark://host:7077
    """
    given = PredictOptions(**options)
    log = LogSettings(str(Path(given.output or "")), given.log_format or "text", given.quiet)
    with job_log(log) if given.is_job else nullcontext():
        predict(given)


def predict(options: PredictOptions) -> None:
    """Check the options, load the model, and label the inputs into a stream, a file or a job's folder."""
    names, stdin = open_inputs(options.inputs)
    if options.output:
        check_output(options, Path(options.output), names)
    check_engine(options)
    if options.output_form == "parquet" and not options.output:
        raise NewsdeskError("--format parquet needs --output FILE: Parquet can't be printed")
    if options.output_form == "json" and options.is_job:
        raise NewsdeskError("--format json is for one file; give jsonl, csv or parquet for a job")
    if options.output_form == "table" and options.output:
        raise NewsdeskError("--format table is for a terminal; give jsonl, csv or parquet with --output")
    model = load(options.model, threads=options.threads)
    options = replace(options, home=check_home(model.scorer, options.home))
    inputs = find_inputs(names, full_names=True)
    if options.is_job:
        label_job(options, inputs, model)
    else:
        label_stream(options, inputs, stdin, model)


def check_output(options: PredictOptions, output: Path, names: Sequence[str]) -> None:
    """Raise a NewsdeskError if the output can't be written as asked."""
    is_job, refused = options.is_job, options.refused
    if is_job and refused:
        raise NewsdeskError(f"{output}: --refused is for a single file; a job has its own {QUARANTINE}")
    if is_job and output.exists() and not output.is_dir():
        raise NewsdeskError(f"{output}: is a file; name a folder")
    if not is_job and output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file, or end it in / for a job of parts")
    if refused and refused.resolve() == output.resolve():
        raise NewsdeskError(f"{output}: --refused and --output name the same file")
    if not options.output_form:
        raise NewsdeskError(f"{output}: give --format, or a name that ends in {', '.join(SUFFIXES)}")
    for name in names:
        source, target = Path(name).resolve(), output.resolve()
        if name == STDIN:
            continue
        if target == source or (source.is_dir() and source in target.parents):
            raise NewsdeskError(f"{output}: lies within the input {name}; name another place")
        if is_job and target in source.parents:
            raise NewsdeskError(f"{output}: holds the input {name}; name another place")


def check_engine(options: PredictOptions) -> None:
    """Raise a NewsdeskError if options of jobs or engines are given without these."""
    for_jobs = {
        "--resume": options.resume,
        "--scored-at": options.scored_at,
        "--reference": options.reference,
        "--fail-on-drift": options.fail_on_drift,
        "--workers": options.workers,
        "--engine spark": options.engine == "spark",
        "--quiet": options.quiet,
        "--log-format": options.log_format,
    }
    given = next((name for name, value in for_jobs.items() if value), None)
    if given and not options.is_job:
        raise NewsdeskError(f"{given} is for a job: give --output FOLDER/")
    if options.engine == "local" and (options.master or options.conf):
        raise NewsdeskError("--master and --conf are for --engine spark")
    if options.engine == "spark" and options.workers:
        raise NewsdeskError("--workers is for this machine; the workers of --engine spark are its cluster's")


def label_job(options: PredictOptions, inputs: list[Input], model: Model) -> None:
    """Run a job and report it."""
    folder = Path(cast(str, options.output))
    form = cast(OutputFormat, options.output_form)
    manifest = run_job(
        folder,
        inputs,
        build_engine(options, model),
        PartSettings(form, options.profile, options.carry, options.part_rows, options.columns, options.home),
        model=model.identity,
        reference=_read_reference(model, options.reference),
        resume=options.resume,
        scored_at=options.scored_at,
    )
    name_model(model, options.model)
    job.report_job(manifest, folder, options.limit, fail_on_drift=options.fail_on_drift)


def name_model(model: Model, given: str | None) -> None:
    """Print which model labelled, since several can be at hand."""
    name, version = model.identity["name"], model.identity["version"]
    origin = "comes with newsdesk"
    if given:
        origin = given if given.startswith(URI_SCHEMES) else f"folder {Path(given).resolve().name}"
    note(f"predict: model {name} {version} ({origin})")


def build_engine(options: PredictOptions, model: Model) -> Engine:
    """Build the engine of a job; only the modules of this engine are imported."""
    if options.engine == "local" and not options.workers:
        return Engine("local", partial(local.write_parts, scorer=model.scorer, taxonomy=model.taxonomy))

    from newsdesk.batch import partitioning

    write_slices: partitioning.WriteSlices
    if options.engine == "spark":
        from newsdesk.batch import spark

        spark.check_installed()
        write_slices = partial(spark.write_slices, master=options.master or "local[*]", conf=options.conf)
    else:
        from newsdesk.batch import workers

        write_slices = partial(workers.write_slices, n=cast(int, options.workers))
    write_parts = partial(
        partitioning.write_parts,
        model=model.folder, taxonomy=model.taxonomy, threads=options.threads or 1, write_slices=write_slices,
    )  # fmt: skip
    return Engine("spark" if options.engine == "spark" else "workers", write_parts)


def _read_reference(model: Model, path: Path | None) -> Any:
    """Read the drift reference; None if no path is given and the model has none."""
    own = model.folder / REFERENCE
    if path is None and not own.exists():
        note(f"predict: no drift report: the model has no {REFERENCE}, and --reference names none")
        return None
    return read_reference_of(model.scorer, model.folder, path or own)


def label_stream(options: PredictOptions, inputs: list[Input], stdin: BinaryIO, model: Model) -> None:
    """Label into one file or standard output, and report the refused rows and the account."""
    refusals = RefusalLog()
    for each in inputs:
        refusals.account.open(each.provenance.printable_file)
    labeled = _label_batches(options, inputs, stdin, model, refusals)
    rows = (row for batch in labeled for row in labeling.rows_of(batch))
    schema = build_schema(provenance=False, carry=options.carry)
    if options.output:
        path = Path(options.output)
        with atomic_write(path) as temporary:
            count = labeling.write(labeled, temporary, cast(OutputFormat, options.output_form), schema)
            write_json(refusals.account.as_dict(), path.with_name(f"{path.name}.account.json"))
            refused = options.refused or path.with_name(f"{path.name}.refused.jsonl")
            refusals.report(refused, prints_account=True)
        name_model(model, options.model)
        note(f"predict: {counted(count, 'row')} in {path}")
    else:
        if options.output_form == "table":
            print_labels(rows)
        else:
            with click.open_file("-", "w", encoding="utf-8") as stdout:
                labeling.write_lines(rows, stdout, cast(LineFormat, options.output_form), schema.names)
        name_model(model, options.model)
        refusals.report(options.refused, prints_account=stdin is sys.stdin.buffer)
    job.check_limit(
        options.limit,
        refused=len(refusals.refusals),
        read=refusals.account.total.seen,
        broken=len({refusal.file for refusal in refusals.refusals if not refusal.position}),
        files=len(inputs),
    )


def _label_batches(
    options: PredictOptions, inputs: list[Input], stdin: BinaryIO, model: Model, refusals: RefusalLog
) -> Iterator[pa.RecordBatch]:
    reader = InputReader(
        inputs, sections=model.taxonomy.sections, carry=options.carry, stdin=stdin, columns=options.columns,
        on_columns=ColumnNotes(),
    )  # fmt: skip
    prints_rows = not options.output and options.output_form != "table"
    with ProgressLine("predict", unit="row", total=reader.total_bytes, prints_rows=prints_rows) as progress:
        for batch in reader.batches():
            refusals.add(batch, inputs)
            with signals.deferred():  # not while reading, which may wait for standard input
                labeled = labeling.label_columns(
                    batch.articles,
                    model.scorer,
                    model.taxonomy,
                    profile=options.profile,
                    home=options.home,
                )
            yield labeled
            progress.update(batch.read.total(), batch.bytes_read)


def print_labels(rows: Iterable[dict[str, Any]]) -> None:
    """Print rows as a table: labels with their probabilities, title last."""
    table = []
    for row in rows:
        by_section = row["region_origin"] == "section"
        regions = f"{row['regions'][0]} (section)" if by_section else _with_probabilities(row, "region")
        shown = {
            "regions": regions,
            "topics": _with_probabilities(row, "topic"),
            "reason": row["reason"] or "",
        }
        table.append({"article_id": row["article_id"], "kind": row["kind"], **shown, "title": row["title"]})
    if table:
        print_rows(table, arabic="title")


def _with_probabilities(row: Mapping[str, Any], task: str) -> str:
    scores = row[f"{task}_scores"]
    return ", ".join(f"{label} {scores[label]:.2f}" for label in row[f"{task}s"]) or "-"
