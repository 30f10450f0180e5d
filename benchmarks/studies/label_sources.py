"""Measure what each origin of labels adds to the heads, by inner validation.

Gold labels alone, gold with each other origin, and all origins are compared with the origins of the settings.
With `--unlabelled`, the list of places labels the regions of articles that nobody labelled.

Run it in a folder with a cleaned corpus of several outlets, such as the public profile:

    cd profiles/public
    python ../../benchmarks/studies/label_sources.py --taxonomy ../../data/taxonomy.yaml \
        --places ../../data/places --fields ../../data/fields.tsv --plots ../unseen/plots

It writes `audit_sources_region.csv` and `audit_sources_topic.csv` into `--plots`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from newsdesk.base.console import entry_point, path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import TASKS, Origin
from newsdesk.base.settings import Settings, Train, read_settings
from newsdesk.cli.train.audit import measure_variants, write_variants
from newsdesk.evaluation.baselines import fit_place_rule
from newsdesk.evaluation.inner_validation.corpus import (
    ValidationCorpus,
    read_labelled_articles,
    read_validation_corpus,
)
from newsdesk.evaluation.leave_one_outlet_out import compute_places

USED = "as set"
STARTER = "starter"
PLACE_LABEL_WEIGHTS = (0.1, 0.3)
Read = Callable[..., ValidationCorpus]


def read_corpus(
    settings: Settings,
    weights: Mapping[Origin, float],
    *,
    articles: Path,
    taxonomy: Path,
    n_unlabelled: int = 0,
    **files: Path,
) -> ValidationCorpus:
    """Read the articles with labels of these weights, and a sample of articles without any label."""
    train = settings.train.model_copy(update={"origin_weights": dict(weights)})
    settings = settings.model_copy(update={"train": train})
    everything = read_labelled_articles(articles, taxonomy, settings)
    kept = everything.columns.may_train.copy()
    unlabelled = np.flatnonzero(is_unlabelled(everything.articles))
    rng = np.random.default_rng(settings.evaluate.seed)
    kept[rng.permutation(unlabelled)[:n_unlabelled]] = True
    corpus = read_validation_corpus(settings, articles=articles, taxonomy=taxonomy, **files)
    return replace(corpus, labelled=everything.filter(kept))


def is_unlabelled(articles: Any) -> np.ndarray:
    """Mask of the articles without any label, shape (n_articles,)."""
    return np.all([articles[f"{task}_origin"].is_null().to_numpy() for task in TASKS], axis=0)


def vary_sources(
    used: Mapping[Origin, float], read: Read, *, n_unlabelled: int
) -> Iterator[tuple[str, ValidationCorpus]]:
    """Yield a corpus for each mix of origins, by name.

    An origin that the settings leave out gets its default weight.
    """
    default = Train().origin_weights
    weights = {origin: used.get(origin) or default[origin] for origin in get_args(Origin)}
    gold = {"gold": weights["gold"]}
    yield USED, read(used)
    yield "gold", without_starter(read(gold))
    for origin in weights:
        corpus = without_starter(read(gold | {origin: weights[origin]}))
        targets = tuple(
            each
            for each in corpus.labelled.targets
            if origin in corpus.labelled.articles[f"{each.task}_origin"].to_pylist()
        )
        if origin != "gold" and targets:
            yield f"gold + {origin}", replace(corpus, labelled=replace(corpus.labelled, targets=targets))
    if STARTER in (corpus := read(gold)).labelled.columns.outlets:
        yield f"gold + {STARTER}", corpus
    yield "all", read(weights)
    if n_unlabelled:
        for weight in PLACE_LABEL_WEIGHTS:
            with_gold = without_starter(read(gold, n_unlabelled=n_unlabelled))
            yield f"gold + word list {weight:g}", label_by_places(with_gold, weight=weight)
            with_used = read(used, n_unlabelled=n_unlabelled)
            yield f"{USED} + word list {weight:g}", label_by_places(with_used, weight=weight)


def without_starter(corpus: ValidationCorpus) -> ValidationCorpus:
    """Let no article of the starter corpus train."""
    own = corpus.labelled.columns.outlets == STARTER
    targets = [replace(each, weights=np.where(own, 0.0, each.weights)) for each in corpus.labelled.targets]
    return replace(corpus, labelled=corpus.labelled.with_targets(targets))


def label_by_places(corpus: ValidationCorpus, *, weight: float) -> ValidationCorpus:
    """Label the regions of articles without any label by the list of places.

    The rule is fitted to trusted articles of outlets that are not left out. An article that the rule gives no
    region stays without a label.
    """
    labelled = corpus.labelled
    columns = labelled.columns
    (targets,) = (each for each in labelled.targets if each.task == "region")
    gazetteer = corpus.read_gazetteer(corpus.settings.text)
    places = compute_places(labelled.articles, gazetteer, corpus.settings)
    truth = targets.trusted & ~np.isin(columns.outlets, corpus.outlets)
    if not truth.any():
        raise NewsdeskError(
            "no gold region outside the outlets left out, to fit the list of places to; give --unlabelled 0"
        )
    rule = fit_place_rule(places[truth], targets.y[truth], targets.labels)
    y_pred = rule.predict(places, targets.labels)
    added = y_pred.any(axis=1) & is_unlabelled(labelled.articles)
    relabelled = replace(
        targets,
        y=np.where(added[:, None], y_pred, targets.y),
        weights=np.where(added, weight, targets.weights),
    )
    columns = replace(columns, may_train=columns.may_train | added)
    return replace(corpus, labelled=replace(labelled, targets=(relabelled,), columns=columns))


@click.command()
@path_option("--params", default="params.yaml")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@click.option(
    "--unlabelled", default=4000, show_default=True, type=click.IntRange(min=0),
    help="Articles without a label that the list of places labels; 0 for none.",
)  # fmt: skip
@path_option("--plots", default="plots", help="Folder of the tables.")
def main(params: Path, unlabelled: int, plots: Path, **files: Path) -> None:
    """Measure gold labels alone, with each other origin, and all, against the origins of the settings."""
    settings = read_settings(params)
    used = settings.train.origin_weights

    def read(weights: Mapping[Origin, float], n_unlabelled: int = 0) -> ValidationCorpus:
        return read_corpus(settings, weights, n_unlabelled=n_unlabelled, **files)

    results = measure_variants(vary_sources(used, read, n_unlabelled=unlabelled))
    write_variants(results, plots, "sources", base=USED)


if __name__ == "__main__":
    entry_point(main)
