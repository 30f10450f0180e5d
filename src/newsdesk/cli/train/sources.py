"""`newsdesk sources`: which label sources help, by inner validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from newsdesk.base.console import entry_point
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings, Train, read_settings
from newsdesk.cli.train.audit import path, read_study, tell_variants, try_variants
from newsdesk.evaluation.audits import Study
from newsdesk.evaluation.baselines import fit_place_rule
from newsdesk.evaluation.leave_one_outlet_out import measure_places
from newsdesk.evaluation.splits import BoolArray
from newsdesk.pipeline.outlets import TASKS

USED = "as set"
STARTER = "starter"
WORD_LIST_WEIGHTS = (0.1, 0.3)


def run(
    settings: Settings,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    unlabelled: int,
    plots: Path,
    n_jobs: int = -1,
) -> None:
    """Measure the heads with each mix of label sources, and the change from that of the settings."""

    def read(weights: Mapping[Origin, float], n_unlabelled: int = 0) -> Study:
        train = settings.train.model_copy(update={"origin_weights": dict(weights)})
        return read_study(
            settings.model_copy(update={"train": train}), articles=articles, taxonomy=taxonomy,
            places=places, fields=fields, chosen=(), n_unlabelled=n_unlabelled, n_jobs=n_jobs,
        )  # fmt: skip

    used = settings.train.origin_weights
    outcomes = try_variants(vary(used, read, n_unlabelled=unlabelled))
    tell_variants(outcomes, plots, "sources", base=USED)


def vary(
    used: Mapping[Origin, float], read: Callable[..., Study], *, n_unlabelled: int
) -> Iterator[tuple[str, Study]]:
    """Studies of the labels in use, of gold alone and with each other source, and of all, by name.

    A source that the settings leave out comes with its default weight.

    Parameters
    ----------
    read : callable
        The study of labels with weights by origin, and of so many articles that nobody labelled.
    """
    default = Train().origin_weights
    weights = {origin: used.get(origin) or default[origin] for origin in get_args(Origin)}
    gold = {"gold": weights["gold"]}
    yield USED, read(used)
    yield "gold", without_starter(read(gold))
    for origin in weights:
        study = without_starter(read(gold | {origin: weights[origin]}))
        held = tuple(t for t in study.tasks if origin in study.articles[f"{t.name}_origin"].to_pylist())
        if origin != "gold" and held:
            yield f"gold + {origin}", replace(study, tasks=held)
    if STARTER in (study := read(gold)).rows.outlets:
        yield f"gold + {STARTER}", study
    yield "all", read(weights)
    if n_unlabelled:
        for weight in WORD_LIST_WEIGHTS:
            added = partial(label_by_places, weight=weight)
            yield f"gold + word list {weight:g}", added(without_starter(read(gold, n_unlabelled)))
            yield f"{USED} + word list {weight:g}", added(read(used, n_unlabelled))


def without_starter(study: Study) -> Study:
    """The study with no article of the starter corpus in training."""
    own = study.rows.outlets == STARTER
    tasks = tuple(replace(task, weights=np.where(own, 0.0, task.weights)) for task in study.tasks)
    return replace(study, tasks=tasks, rows=replace(study.rows, labelled=study.rows.labelled & ~own))


def label_by_places(study: Study, *, weight: float) -> Study:
    """The study of regions with what the list of places says of articles that nobody labelled.

    The rule is fitted on trusted articles of no outlet that is left out; where it says nothing of an article,
    this stays without a label.

    Raises
    ------
    NewsdeskError
        If there are no such articles.
    """
    (task,) = (task for task in study.tasks if task.name == "region")
    places = measure_places(study.articles, study.read_gazetteer(study.settings.text), study.settings)
    truth = task.trusted & ~np.isin(study.rows.outlets, study.outlets)
    if not truth.any():
        raise NewsdeskError(
            "no gold region outside the outlets left out, to fit the list of places on; give --unlabelled 0"
        )
    said = fit_place_rule(places[truth], task.y[truth], task.labels).predict(places, task.labels)
    added: BoolArray = np.asarray(said.any(axis=1))
    for name in TASKS:
        added &= study.articles[f"{name}_origin"].is_null().to_numpy()
    y = np.where(added.reshape(-1, 1), said, task.y)
    weights = np.where(added, weight, task.weights)
    return replace(
        study,
        tasks=(replace(task, y=y, weights=weights),),
        rows=replace(study.rows, labelled=study.rows.labelled | added),
    )


@click.command("sources")
@path("--params", default="params.yaml")
@path("--articles", default="data/clean/articles.parquet")
@path("--taxonomy", default="data/taxonomy.yaml")
@path("--places", default="data/places")
@path("--fields", default="data/fields.tsv")
@click.option(
    "--unlabelled", default=4000, show_default=True, type=click.IntRange(min=0),
    help="Articles without a label that the list of places labels; 0 for none.",
)  # fmt: skip
@path("--plots", default="plots", help="Folder of the tables.")
def main(params: Path, **options: Any) -> None:
    """Measure gold labels alone, with each other source, and all, against those that the settings use.

    \b
    Example:
      newsdesk sources --unlabelled 2000
    """
    run(read_settings(params), **options)


if __name__ == "__main__":
    entry_point(main)
