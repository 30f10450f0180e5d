"""`newsdesk predict`: label whatever can be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import click

from newsdesk import artifacts, batch, tracking
from newsdesk.commands.inputs import Refused, read_inputs, refused_option
from newsdesk.console import note, print_rows
from newsdesk.errors import NewsdeskError
from newsdesk.scorer import Scorer
from newsdesk.taxonomy import Taxonomy

SUFFIXES = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


@click.command("predict")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--model", default="model", show_default=True, help="Model folder, models:/… or runs:/… URI.")
@click.option("--output", type=click.Path(path_type=Path), help="File to write; standard output unless told.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv", "parquet"]),
    help="By the suffix of --output unless told; else a table.",
)
@refused_option
def main(
    inputs: tuple[str, ...], model: str, output: Path | None, form: str | None, refused: Path | None
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
    form = form or (SUFFIXES.get(output.suffix, "jsonl") if output else "table")
    if form == "parquet" and not output:
        raise NewsdeskError("--format parquet needs --output FILE: Parquet is not for a terminal")
    if form == "table" and output:
        raise NewsdeskError("--format table is for reading; give jsonl, csv or parquet with --output")
    scorer = load(model)
    taxonomy = Taxonomy.model_validate(scorer.info["taxonomy"])
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


def load(model: str) -> Scorer:
    """Load a model by folder or URI.

    Raises
    ------
    NewsdeskError
        If there is none, or it can't be read.
    """
    folder = tracking.download_model(model) if model.startswith(("models:/", "runs:/")) else Path(model)
    if not folder.exists():
        raise NewsdeskError(
            f"{model}: no such model folder; run `make` to train one, or give --model DIR or URI"
        )
    try:
        return Scorer.load(folder)
    except ValueError as error:
        raise NewsdeskError(str(error)) from None


def print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Print rows for a person: labels with the main one's probability, title last."""
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
