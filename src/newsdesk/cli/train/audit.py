"""`newsdesk audit`: doubtful labels, shortcuts and errors, by inner validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, path_option, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_csv
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import read_settings
from newsdesk.cli.inputs import corpus_options
from newsdesk.evaluation.inner_validation.corpus import (
    ValidationCorpus,
    VariantResult,
    measure_variant,
    read_validation_corpus,
    variant_rows,
)
from newsdesk.evaluation.inner_validation.errors import explain_errors
from newsdesk.evaluation.inner_validation.label_audit import find_doubtful_labels, hold_out_all
from newsdesk.evaluation.inner_validation.shortcuts import rank_terms, without_bylines, without_places
from newsdesk.evaluation.tables import format_interval

SHOWN = 20
BASE = "as in params"
Find = Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]]]]  # articles and their counts
SCORES = ("f1_macro", "f1_micro", "f1_macro_change", "f1_micro_change")
OPTIONS = (
    corpus_options,
    path_option("--out", default="data/audit", help="Folder of tables with text or terms, not to publish."),
    path_option("--plots", default="plots", help="Folder of tables without text or terms."),
    click.option("--task", "tasks", multiple=True, type=click.Choice(TASKS), help="A head; both by default."),
)


@click.group("audit")
def main() -> None:
    """Audit labels and model on outlets that the model did not read.

    Tables with text or terms go to --out, tables without to --plots. The test split takes no part.

    \b
    Examples:
      newsdesk audit labels --task topic
      newsdesk audit COMMAND --help
    """


def _audit(function: Callable[[ValidationCorpus, Path, Path], None]) -> click.Command:
    """Make a command of a function of the corpus that the options select, --out and --plots."""

    @wraps(function)
    def run(out: Path, plots: Path, params: Path, articles: Path, **options: Any) -> None:
        try:
            corpus = read_validation_corpus(read_settings(params), articles=articles, **options)
            function(corpus, out, plots)
        except ValueError as error:
            raise NewsdeskError(f"{articles}: {error}") from None

    for option in reversed(OPTIONS):
        run = option(run)
    return main.command(function.__name__)(run)


@_audit
def labels(corpus: ValidationCorpus, out: Path, plots: Path) -> None:
    """List labels that a model of the other outlets contradicts.

    The surest contradictions come first. Only articles that train are audited, and no label is changed.

    \b
    Example:
      newsdesk audit labels --task region
    """
    _write_articles(hold_out_all(corpus), find_doubtful_labels, "labels", out, plots)


@_audit
def shortcuts(corpus: ValidationCorpus, out: Path, plots: Path) -> None:
    """List terms that name an outlet or stand for one.

    Also measure the heads without places and without bylines.

    \b
    Example:
      newsdesk audit shortcuts
    """
    for task, ranked in rank_terms(corpus).items():
        write_rows(ranked, out / f"shortcuts_{task}.csv")
        by_risk = sorted(ranked, key=lambda row: -row["risk"])
        show_rows([row for row in ranked if row["names"]][:SHOWN], head=task, arabic="term")
        show_rows(by_risk[:SHOWN], head=task, arabic="term")
    variants = [(BASE, corpus), ("no bylines", without_bylines(corpus))]
    if (placeless := without_places(corpus)).labelled.targets:
        variants.append(("no places", placeless))
    write_variants(measure_variants(variants), plots, "shortcuts", base=BASE)


@_audit
def errors(corpus: ValidationCorpus, out: Path, plots: Path) -> None:
    """List wrong labels with their texts and strongest terms.

    The surest labels come first, each with the places that its article names.

    \b
    Example:
      newsdesk audit errors --task region
    """
    _write_articles(corpus, explain_errors, "errors", out, plots, n_shown=SHOWN)


def _write_articles(
    corpus: ValidationCorpus, find: Find, name: str, out: Path, plots: Path, *, n_shown: int | None = None
) -> None:
    """Write the articles and the counts that a function finds for each head."""
    folds = corpus.build_folds()
    for targets in progress(corpus.labelled.targets, "heads"):
        articles, counts = find(corpus, folds, targets)
        write_rows(articles, out / f"{name}_{targets.task}.csv")
        write_rows(counts, plots / f"audit_{name}_{targets.task}.csv")
        show_rows(counts[:n_shown], head=targets.task)


def measure_variants(variants: Iterable[tuple[str, ValidationCorpus]]) -> dict[str, VariantResult]:
    """Measure the heads on each corpus, by name."""
    return {name: measure_variant(corpus) for name, corpus in progress(variants, "variants")}


def write_variants(
    results: Mapping[str, VariantResult], plots: Path, name: str, *, base: str, **added: Mapping[str, Any]
) -> None:
    """Write and print the scores of each variant; `added` columns are mappings by variant."""
    for task in results[base].draws:
        rows = [
            row | {column: values[row["variant"]] for column, values in added.items()}
            for row in variant_rows(results, task, base=base)
        ]
        write_rows(rows, plots / f"audit_{name}_{task}.csv")
        shown = []
        for row in rows:
            scores = {score: format_interval(row, score, sign=score.endswith("change")) for score in SCORES}
            shown.append({name: row[name] for name in ("variant", "n_train", "n_terms", *added)} | scores)
        show_rows(shown, head=task)


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as CSV; without rows, remove the file of an earlier run."""
    if rows:
        write_csv(rows, path)
    else:
        path.unlink(missing_ok=True)
        note(f"audit: nothing found, so {path.name} is not written")


def show_rows(rows: Sequence[Mapping[str, Any]], *, head: str, arabic: str | None = None) -> None:
    """Print rows with the name of the head in front."""
    if rows:
        shown = [{"head": head} | {k: str(v) for k, v in row.items() if k != "task"} for row in rows]
        print_rows(shown, arabic=arabic)
