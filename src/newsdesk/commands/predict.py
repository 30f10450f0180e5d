"""`newsdesk predict`: label whatever can be read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import click
from pydantic import ValidationError

from newsdesk import artifacts, batch, tracking
from newsdesk.commands.inputs import Refused, read_inputs, refused_option
from newsdesk.console import note, print_rows
from newsdesk.errors import NewsdeskError
from newsdesk.scorer import Scorer
from newsdesk.taxonomy import Taxonomy

SUFFIXES = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


@click.command("predict")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--model",
    show_default="the model that newsdesk comes with, which was trained on the public corpora",
    help="Model folder, models:/… or runs:/… URI; `model` is the one that `make` trains.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write; standard output unless told.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv", "parquet"]),
    help="By the suffix of --output unless told; else a table.",
)
@refused_option
def main(
    inputs: tuple[str, ...], model: str | None, output: Path | None, form: str | None, refused: Path | None
) -> None:
    """Label the articles of INPUT: pages, HTML, JSONL(.gz), CSV, Parquet, folders of them, or - .

    One row an article, in the order read. What can't be read is counted on standard error; with
    --output it is written out too, to OUTPUT.refused.jsonl unless --refused names another file.

    \b
    Examples:
      newsdesk predict data/starter/pages
      newsdesk predict news.parquet --output labels.parquet
      cat page.html | newsdesk predict - --format jsonl
      newsdesk predict page.txt --model runs:/<run id>/model
    """
    if output:
        check_output(output, form, refused)
    form = form or (SUFFIXES[output.suffix] if output else "table")
    if form == "parquet" and not output:
        raise NewsdeskError("--format parquet needs --output FILE: Parquet is not for a terminal")
    if form == "table" and output:
        raise NewsdeskError("--format table is for reading; give jsonl, csv or parquet with --output")
    scorer = load(model)
    scorer.threads = os.cpu_count() or 1
    taxonomy = taxonomy_of(scorer)
    account = Refused()
    rows = batch.label(account.split(read_inputs(inputs, taxonomy.sections)), scorer, taxonomy)
    if output:
        with artifacts.replacing(output) as written:
            count = batch.write(rows, written, cast(batch.Format, form))
            account.tell(refused or output.with_name(f"{output.name}.refused.jsonl"))
        note(f"predict: {count:,} rows in {output}")
    elif form == "table":
        print_table(rows)
        account.tell(refused)
    else:
        with click.open_file("-", "w", encoding="utf-8") as stdout:
            batch.write_lines(rows, stdout, "csv" if form == "csv" else "jsonl")
        account.tell(refused)


def check_output(output: Path, form: str | None, refused: Path | None) -> None:
    """Raise a NewsdeskError if the output can't be written as asked, before any work is done."""
    if output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file")
    if refused and refused.resolve() == output.resolve():
        raise NewsdeskError(f"{output}: --refused and --output name the same file")
    if not form and output.suffix not in SUFFIXES:
        raise NewsdeskError(f"{output}: give --format, or a name that ends in {', '.join(SUFFIXES)}")


def load(model: str | None) -> Scorer:
    """Load a model by folder or URI; by default the one that newsdesk comes with."""
    if model is None:
        return artifacts.read_model(artifacts.SHIPPED)
    if model.startswith(("models:/", "runs:/")):
        return artifacts.read_model(tracking.download_model(model))
    return artifacts.read_model(Path(model))


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
