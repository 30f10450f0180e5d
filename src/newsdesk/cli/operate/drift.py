"""`newsdesk drift`: make the reference of a model, and compare later articles with it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from newsdesk.api import find_folder, read_taxonomy
from newsdesk.base.columns import Columns
from newsdesk.base.console import note, path_option, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table, write_compact_json, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.batch import output_reader
from newsdesk.cli.inputs import RefusalLog, column_options, inputs_argument, model_option
from newsdesk.cli.label.job import DRIFTED, fail_on_drift_option
from newsdesk.corpus.repair import repair
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring import drift
from newsdesk.monitoring import reference as references
from newsdesk.monitoring.counts import PredictionCounts
from newsdesk.monitoring.reference import BATCH, REFERENCE


@click.group("drift")
def main() -> None:
    """Detect drift of articles and predictions from a reference, without labels.

    \b
    Examples:
      newsdesk drift reference --articles january.parquet --output drift.json
      newsdesk drift check february.parquet --reference drift.json \\
        --report report.json
      newsdesk drift check labels.parquet --reference drift.json --fail-on-drift
    """


@main.command("reference")
@model_option
@click.option("--articles", "inputs", multiple=True, required=True, help="Articles; may be repeated.")
@path_option("--trained", help="Training rows (data/features/rows.parquet): leave out their near-duplicates.")
@column_options
@path_option("--output", default=REFERENCE)
def reference(
    model: str | None, inputs: tuple[str, ...], trained: Path | None, output: Path, columns: Columns
) -> None:
    """Count articles and the model's labels of them, as a reference.

    Without --trained all articles count: give articles that the model was not trained on. With --trained
    give the one table that `clean` writes (data/clean/articles.parquet).

    \b
    Examples:
      newsdesk drift reference --articles january.parquet --output drift.json
      newsdesk drift reference --model model \\
        --articles data/clean/articles.parquet \\
        --trained data/features/rows.parquet --output drift.json
    """
    folder = find_folder(model)
    scorer = read_model(folder)
    counts, sources = _count_new(inputs, scorer, trained) if trained else _count_all(inputs, scorer, columns)
    identity = references.model_identity(scorer, folder)
    write_compact_json(references.build_reference(counts, model=identity, sources=sources), output)
    note(f"drift: reference of {counts.n_rows:,} articles in {output}")


def _count_new(
    inputs: tuple[str, ...], scorer: Scorer, trained: Path
) -> tuple[PredictionCounts, dict[str, int]]:
    if len(inputs) > 1:
        raise NewsdeskError(f"--trained: expected one --articles, the table of `clean`; found {len(inputs)}")
    articles, groups = read_table(Path(inputs[0]), ARTICLES), read_table(trained)["group_id"].to_pylist()
    try:
        return references.count_unseen_articles(articles, scorer, trained_groups=groups)
    except ValueError as error:
        raise NewsdeskError(f"{inputs[0]}: {error}") from None


def _count_all(
    inputs: Sequence[str], scorer: Scorer, columns: Columns
) -> tuple[PredictionCounts, dict[str, int]]:
    """Predict and count the articles of any input."""
    counts, sources = PredictionCounts.for_model(scorer, lookup_every=1), Counter[str]()
    refusals = RefusalLog()
    articles = map(repair, refusals.read_articles(inputs, read_taxonomy(scorer).sections, columns))
    while batch := list(islice(articles, BATCH)):
        titles, texts = [article.title for article in batch], [article.text for article in batch]
        counts.update(scorer.predict(titles, texts), titles=titles, texts=texts)
        sources.update(article.source for article in batch)
    refusals.report()
    return counts, sources


@main.command("check")
@inputs_argument
@path_option(
    "--reference", "path", show_default=f"{REFERENCE} of the model", help="Output of `drift reference`."
)
@model_option
@column_options
@path_option("--report", help="Write the report to this JSON file.")
@fail_on_drift_option
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap intervals.")
def check(
    inputs: tuple[str, ...], path: Path | None, model: str | None, report: Path | None,
    fail_on_drift: bool, seed: int, columns: Columns,
) -> None:  # fmt: skip
    """Compare articles or labels with a reference.

    INPUT is articles, which are labelled first, or outputs of `predict`. These have no texts, so length and
    unknown words are not measured. Exit codes: 0, and with --fail-on-drift 4 if a quantity has drifted.

    \b
    Examples:
      newsdesk drift check february.parquet --reference drift.json \\
        --report report.json
      newsdesk drift check labels.parquet --reference drift.json --fail-on-drift
    """
    if all(name != "-" and output_reader.is_output(Path(name)) for name in inputs):
        content = references.read_reference(path or find_folder(model) / REFERENCE)
        counts = _count_outputs(inputs, content)
    else:
        folder = find_folder(model)
        scorer = read_model(folder)
        content = references.read_reference_of(scorer, folder, path or folder / REFERENCE)
        counts, _ = _count_all(inputs, scorer, columns)
    found = drift.compare(content, counts, seed=seed)
    if report:
        write_json(found, report)
    print_rows([_format_quantity(quantity) for quantity in found["quantities"]])
    drifted = f": {', '.join(found['drifted'])}" if found["drifted"] else ""
    rows = f"{found['n_rows']:,} rows against {found['reference']['n_rows']:,}"
    note(f"drift: {found['verdict'].replace('_', ' ')}{drifted} ({rows})")
    if fail_on_drift and found["verdict"] == "drift":
        sys.exit(DRIFTED)


def _count_outputs(inputs: Iterable[str], reference: dict[str, Any]) -> PredictionCounts:
    """Count the predictions in outputs of `newsdesk predict`."""
    try:
        counts = PredictionCounts(reference["heads"])
        for name in inputs:
            rows = progress(output_reader.read_output(Path(name)), "reading")
            while batch := list(islice(rows, BATCH)):
                counts.update([row.prediction for row in batch])
    except (KeyError, AttributeError, TypeError):
        raise NewsdeskError(
            "the labels are not those of the reference; give outputs of the model that made the reference"
        ) from None
    return counts


def _format_quantity(quantity: dict[str, Any]) -> dict[str, str]:
    measured = quantity["verdict"] != "too_few"
    return {
        "quantity": quantity["quantity"],
        "rows": f"{quantity['n']:,}",
        "PSI": f"{quantity['psi']:.3f}" if measured else "",
        "by chance": f"{quantity['by_chance']:.3f}" if measured else "",
        "95 %": f"{quantity['low']:.3f} to {quantity['high']:.3f}" if measured else "",
        "limit": f"{quantity['limit']:g}",
        "verdict": quantity["verdict"].replace("_", " "),
        "most": quantity["most"],
    }
