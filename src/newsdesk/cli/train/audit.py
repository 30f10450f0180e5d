"""`newsdesk audit`: labels, shortcuts, spellings, number of articles and errors, on inner validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from newsdesk.base.console import note, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table, sha256, write_csv
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation import audits
from newsdesk.evaluation.audits import Outcome, Study
from newsdesk.evaluation.cross_validation import may_be_read
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import read_fields
from newsdesk.pipeline.outlets import TASKS, build_rows, build_task, choose_outlets

SHOWN = 20
BASE = "as in params"
path = partial(click.option, show_default=True, type=click.Path(path_type=Path))
OPTIONS = (
    path("--params", default="params.yaml"),
    path("--articles", default="data/clean/articles.parquet"),
    path("--taxonomy", default="data/taxonomy.yaml"),
    path("--places", default="data/places"),
    path("--fields", default="data/fields.tsv"),
    path("--out", default="data/audit", help="Folder of tables with text or terms, not to be published."),
    path("--plots", default="plots", help="Folder of tables without."),
    click.option("--task", "chosen", multiple=True, type=click.Choice(TASKS), help="Both unless told."),
)


@click.group("audit")
def main() -> None:
    """Audit labels and model, each outlet scored by a model that did not read it.

    Tables with text or terms go to --out, those without to --plots. The test split takes no part.

    \b
    Examples:
      newsdesk audit labels --task topic
      newsdesk audit COMMAND --help
    """


def read_study(
    settings: Settings,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    chosen: Sequence[str],
    n_unlabelled: int = 0,
    n_jobs: int = -1,
) -> Study:
    """The labelled articles of training and validation, and what is to be learned of them.

    Parameters
    ----------
    chosen : sequence of str
        Heads; none for both.
    n_unlabelled : int
        Articles that nobody labelled to read beside them, drawn by `evaluate.seed`.

    Raises
    ------
    NewsdeskError
        If a file is wrong, or fewer than two outlets with trusted labels can be left out.
    """
    known = read_taxonomy(taxonomy)
    table = may_be_read(read_table(articles, ARTICLES))
    build = [build_task(task, table, known, settings) for task in TASKS if task in (chosen or TASKS)]
    kept = np.any([task.weights > 0 for task in build], axis=0)
    if n_unlabelled:
        unlabelled = np.all([table[f"{task}_origin"].is_null().to_numpy() for task in TASKS], axis=0)
        rng = np.random.default_rng(settings.evaluate.seed)
        kept[rng.permutation(np.flatnonzero(unlabelled))[:n_unlabelled]] = True
    table = table.filter(pa.array(kept))
    tasks = tuple(
        replace(task, y=task.y[kept], weights=task.weights[kept], trusted=task.trusted[kept])
        for task in build
    )
    rows = build_rows(table, tasks, settings, barred_from=table.num_rows)
    outlets = choose_outlets(rows, settings, ())
    if len(outlets) < 2:
        raise NewsdeskError(
            f"{articles}: one outlet alone, {outlets[0]}; two are needed, one to calibrate for the other"
        )
    note(f"read {table.num_rows:,} articles, {len(outlets)} outlets, data {sha256(articles)[:12]}")
    read_gazetteer = partial(read_places, places, known)
    return Study(settings, table, tasks, rows, tuple(outlets), read_fields(fields), read_gazetteer, n_jobs)


def _audit(function: Callable[[Study, Path, Path], None]) -> click.Command:
    """A command of the group: the function is given the study that the options ask for, --out and --plots."""

    @wraps(function)
    def run(out: Path, plots: Path, params: Path, articles: Path, **options: Any) -> None:
        try:
            function(read_study(read_settings(params), articles=articles, **options), out, plots)
        except ValueError as error:
            raise NewsdeskError(f"{articles}: {error}") from None

    for option in reversed(OPTIONS):
        run = option(run)
    return main.command(function.__name__)(run)


@_audit
def labels(study: Study, out: Path, plots: Path) -> None:
    """List the labels that a model contradicts which never read the outlet, the surest first.

    Of articles that train alone; it changes no label.

    \b
    Example:
      newsdesk audit labels --task region
    """
    held = audits.hold_all(study)
    folds = audits.fold_study(held)
    for task in progress(study.tasks, "heads"):
        doubted, counts = audits.doubt_labels(held, folds, task)
        _write(doubted, out / f"labels_{task.name}.csv")
        _write(counts, plots / f"audit_labels_{task.name}.csv")
        _show(counts, head=task.name)


@_audit
def shortcuts(study: Study, out: Path, plots: Path) -> None:
    """List terms that name an outlet or lean on one, and measure the heads without places and bylines.

    \b
    Example:
      newsdesk audit shortcuts
    """
    for task, ranked in audits.rank_terms(study).items():
        _write(ranked, out / f"shortcuts_{task}.csv")
        by_risk = sorted(ranked, key=lambda row: -row["risk"])
        _show([row for row in ranked if row["names"]][:SHOWN], head=task, arabic="term")
        _show(by_risk[:SHOWN], head=task, arabic="term")
    variants = [(BASE, study), ("no bylines", audits.without_bylines(study))]
    if (placeless := audits.without_places(study)).tasks:
        variants.append(("no places", placeless))
    tell_variants(try_variants(variants), plots, "shortcuts", base=BASE)


@_audit
def normalization(study: Study, out: Path, plots: Path) -> None:
    """Measure the heads with each switch of `text` set to its other value in turn.

    `seconds_ratio` is processor time of featurizing, by that with the settings as they are.

    \b
    Example:
      newsdesk audit normalization --task topic
    """
    # what is compiled at first use is none of the time measured
    audits.fold_study(replace(study, outlets=study.outlets[:1]))
    outcomes = try_variants([(BASE, study), *audits.switch_spellings(study)])
    ratios = {name: round(o.seconds / outcomes[BASE].seconds, 2) for name, o in outcomes.items()}
    tell_variants(outcomes, plots, "normalization", base=BASE, seconds_ratio=ratios)


@_audit
def curve(study: Study, out: Path, plots: Path) -> None:
    """Measure the heads trained on 10, 25, 50, 75 and 100 % of the articles that somebody read.

    Whole groups of near-duplicates are drawn by `evaluate.seed`; labels of editors and sections all stay.

    \b
    Example:
      newsdesk audit curve
    """
    seed = study.settings.evaluate.seed
    variants = [(f"{share:.0%}", audits.thin_study(study, share, seed=seed)) for share in audits.SHARES]
    tell_variants(try_variants(variants), plots, "curve", base=variants[-1][0])


@_audit
def errors(study: Study, out: Path, plots: Path) -> None:
    """List wrong labels with the text, the strongest terms and the places named, the surest first.

    \b
    Example:
      newsdesk audit errors --task region
    """
    folds = audits.fold_study(study)
    for task in progress(study.tasks, "heads"):
        wrong, pairs = audits.explain_errors(study, folds, task)
        _write(wrong, out / f"errors_{task.name}.csv")
        _write(pairs, plots / f"audit_errors_{task.name}.csv")
        _show(pairs[:SHOWN], head=task.name)


def try_variants(variants: Iterable[tuple[str, Study]]) -> dict[str, Outcome]:
    """Measure each study, by name."""
    return {name: audits.try_study(study) for name, study in progress(variants, "variants")}


def tell_variants(
    outcomes: Mapping[str, Outcome],
    plots: Path,
    name: str,
    *,
    base: str,
    **added: Mapping[str, Any],
) -> None:
    """Write and print what each variant scores; `added` columns are by variant."""
    for task in outcomes[base].draws:
        rows = [
            row | {column: values[row["variant"]] for column, values in added.items()}
            for row in audits.tell_outcomes(outcomes, task, base=base)
        ]
        _write(rows, plots / f"audit_{name}_{task}.csv")
        measures = ("f1_macro", "f1_micro", "f1_macro_change", "f1_micro_change")
        sizes = ("variant", "n_train", "n_terms", *added)
        _show(
            [{n: row[n] for n in sizes} | {m: show_interval(row, m) for m in measures} for row in rows],
            head=task,
        )


def show_interval(row: Mapping[str, Any], name: str) -> str:
    """A figure with its interval: `0.812 [0.790, 0.833]`; a change has a sign."""
    sign = "+" if name.endswith("change") else ""
    value, low, high = (
        "-" if row[f"{name}{suffix}"] is None else f"{row[f'{name}{suffix}']:{sign}.3f}"
        for suffix in ("", "_low", "_high")
    )
    return f"{value} [{low}, {high}]"


def _write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    if rows:
        write_csv(rows, path)
    else:
        path.unlink(missing_ok=True)  # of an earlier run
        note(f"audit: nothing found, so there is no {path.name}")


def _show(rows: Sequence[Mapping[str, Any]], *, head: str, arabic: str | None = None) -> None:
    if rows:
        shown = [{"head": head} | {k: str(v) for k, v in row.items() if k != "task"} for row in rows]
        print_rows(shown, arabic=arabic)
