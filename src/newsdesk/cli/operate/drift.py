"""`newsdesk drift`: make a model's reference, and hold what came later against it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table, write_compact_json, write_json
from newsdesk.base.schema import ARTICLES, Article
from newsdesk.batch import output_reader
from newsdesk.cli.inputs import Refused, read_inputs
from newsdesk.cli.label.job import DRIFTED
from newsdesk.cli.models import model_folder, taxonomy_of
from newsdesk.corpus.repair import repair
from newsdesk.inference.scorer import Prediction, Scorer
from newsdesk.monitoring import drift
from newsdesk.monitoring.counts import Tally
from newsdesk.monitoring.drift import REFERENCE
from newsdesk.monitoring.reference import name_model, read_reference, read_reference_of

model_option = click.option(
    "--model",
    show_default="the model that newsdesk comes with",
    help="Model folder, models:/… or runs:/… URI.",
)


@click.group("drift")
def main() -> None:
    """Tell whether the news has drifted away from a model: no labels are needed.

    \b
    Examples:
      newsdesk drift reference --articles january.parquet --output drift.json
      newsdesk drift check february.parquet --reference drift.json --report report.json
      newsdesk drift check labels.parquet --reference drift.json --fail-on-drift
    """


@main.command("reference")
@model_option
@click.option(
    "--articles", "inputs", multiple=True, required=True, help="What to make it of; may be repeated."
)
@click.option(
    "--trained",
    type=click.Path(path_type=Path),
    help="Rows that trained the model (data/features/rows.parquet); left out with their near-duplicates.",
)
@click.option("--output", default=REFERENCE, show_default=True, type=click.Path(path_type=Path))
def reference(model: str | None, inputs: tuple[str, ...], trained: Path | None, output: Path) -> None:
    """Make a reference: what the model says of articles, and what these are like.

    With --trained, the articles are those of `clean` (data/clean/articles.parquet), and none that the model
    learned counts. Without it all of them count: give articles that are new to the model.

    \b
    Examples:
      newsdesk drift reference --articles january.parquet --output drift.json
      newsdesk drift reference --model model --articles data/clean/articles.parquet \\
        --trained data/features/rows.parquet --output drift.json
    """
    folder = model_folder(model)
    scorer = read_model(folder)
    if trained:
        if len(inputs) > 1:
            raise NewsdeskError("--trained goes with one --articles, the table that `clean` writes")
        groups = read_table(trained)["group_id"].to_pylist()
        articles = read_table(Path(inputs[0]), ARTICLES)
        try:
            made = drift.build_reference(
                articles,
                scorer,
                trained=groups,
                model=name_model(scorer, folder),
            )
        except ValueError as error:
            raise NewsdeskError(f"{inputs[0]}: {error}") from None
    else:
        tally, sources = Tally.of(scorer, every=1), Counter[str]()
        for rows, predictions in score(inputs, scorer):
            sources.update(article.source for article in rows)
            count(tally, rows, predictions)
        made = drift.describe(
            tally,
            model=name_model(scorer, folder),
            made_of={"sources": dict(sorted(sources.items()))},
        )
    write_compact_json(made, output)
    n_rows = sum(made["counts"]["language"])
    note(f"drift: reference of {n_rows:,} articles in {output}")


@main.command("check")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--reference", "path", show_default=f"{REFERENCE} of the model", type=click.Path(path_type=Path),
    help="What `newsdesk drift reference` made.",
)  # fmt: skip
@model_option
@click.option("--report", type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--fail-on-drift", is_flag=True, help=f"Exit with code {DRIFTED} if something has drifted.")
@click.option("--seed", default=0, show_default=True, help="Of the intervals.")
def check(
    inputs: tuple[str, ...],
    path: Path | None,
    model: str | None,
    report: Path | None,
    fail_on_drift: bool,
    seed: int,
) -> None:
    """Hold INPUT against a reference: articles, which are labelled for it, or labels that `predict` wrote.

    Labels alone tell nothing of length and unknown words. Exit codes: 0, and with --fail-on-drift 4 if
    something has drifted.

    \b
    Examples:
      newsdesk drift check february.parquet --reference drift.json --report report.json
      newsdesk drift check labels.parquet --reference drift.json --fail-on-drift
    """
    folder = None
    if path is None:
        folder = model_folder(model)
        path = folder / REFERENCE
    if all(name != "-" and output_reader.is_output(Path(name)) for name in inputs):
        content = read_reference(path)
        tally = tally_output(inputs, content)
    else:
        folder = folder or model_folder(model)  # fetched once
        scorer = read_model(folder)
        content = read_reference_of(scorer, folder, path)
        tally = Tally.of(scorer, every=1)
        for rows, predictions in score(inputs, scorer):
            count(tally, rows, predictions)
    try:
        found = drift.compare(content, tally, seed=seed)
    except ValueError as error:
        raise NewsdeskError(f"{path}: {error}") from None
    if report:
        write_json(found, report)
    print_report(found)
    if fail_on_drift and found["verdict"] == "drift":
        sys.exit(DRIFTED)


def score(inputs: Iterable[str], scorer: Scorer) -> Iterator[tuple[list[Article], list[Prediction]]]:
    """Articles of any input and what the model says of them, by the batch."""
    account = Refused()
    articles = account.split(read_inputs(list(inputs), taxonomy_of(scorer).sections))
    stream = map(repair, articles)
    while rows := list(islice(stream, drift.BATCH)):
        yield rows, scorer.predict([a.title for a in rows], [a.text for a in rows])
    account.tell(None)


def count(tally: Tally, rows: Iterable[Article], predictions: list[Prediction]) -> None:
    """Add a batch to a tally."""
    pairs = [(article.title, article.text) for article in rows]
    tally.update(predictions, titles=[title for title, _ in pairs], texts=[text for _, text in pairs])


def tally_output(inputs: Iterable[str], content: dict[str, Any]) -> Tally:
    """Count labels that were written by a job."""
    try:
        tally = Tally(content["heads"])
        for name in inputs:
            stream = progress(output_reader.read_output(Path(name)), "reading")
            while rows := list(islice(stream, drift.BATCH)):
                tally.update([row.prediction for row in rows])
    except (KeyError, AttributeError, TypeError):
        raise NewsdeskError("the labels are not of the model that the reference was made with") from None
    return tally


def print_report(found: dict[str, Any]) -> None:
    """The report as a table, the verdict on standard error."""
    print_rows([_cells(row) for row in found["quantities"]])
    rows = f"{found['n_rows']:,} rows against {found['reference']['n_rows']:,}"
    what = f": {', '.join(found['drifted'])}" if found["drifted"] else ""
    note(f"drift: {found['verdict'].replace('_', ' ')}{what} ({rows})")


def _cells(row: dict[str, Any]) -> dict[str, str]:
    told = row["verdict"] != "too_few"
    return {
        "quantity": row["quantity"],
        "rows": f"{row['n']:,}",
        "PSI": f"{row['psi']:.3f}" if told else "",
        "by chance": f"{row['by_chance']:.3f}" if told else "",
        "95 %": f"{row['low']:.3f} to {row['high']:.3f}" if told else "",
        "limit": f"{row['limit']:g}",
        "verdict": row["verdict"].replace("_", " "),
        "most": row["most"],
    }
