"""Measure the heads trained on 10, 25, 50, 75 and 100 % of the gold and silver articles, by inner validation.

Whole groups of near-duplicates are drawn by `evaluate.seed`; a larger share contains the smaller ones.
Labels of editors and sections all stay, and so do the test articles.

Run it in a folder with a cleaned corpus of several outlets, such as the public profile:

    cd profiles/public
    python ../../benchmarks/studies/learning_curve.py --taxonomy ../../data/taxonomy.yaml \
        --places ../../data/places --fields ../../data/fields.tsv

It writes `audit_curve_region.csv` and `audit_curve_topic.csv` into `--plots`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from newsdesk.base.console import entry_point, path_option
from newsdesk.base.settings import read_settings
from newsdesk.cli.train.audit import measure_variants, write_variants
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus, read_validation_corpus

READ = ("gold", "silver")  # origins of labels for which somebody read the article
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


def thin(corpus: ValidationCorpus, share: float, *, seed: int) -> ValidationCorpus:
    """Keep a share of the groups whose articles somebody read, in the order of their hash."""
    labelled = corpus.labelled
    groups = labelled.columns.groups
    was_read = {
        targets.task: np.isin(
            np.array(labelled.articles[f"{targets.task}_origin"].to_pylist(), dtype=object), READ
        )
        for targets in labelled.targets
    }
    drawn = {*groups[np.any([*was_read.values()], axis=0)].tolist()}
    order = sorted(drawn, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    removed = np.isin(groups, order[round(share * len(order)) :])
    targets = [
        replace(each, weights=np.where(removed & was_read[each.task], 0.0, each.weights))
        for each in labelled.targets
    ]
    return replace(corpus, labelled=labelled.with_targets(targets))


@click.command()
@path_option("--params", default="params.yaml")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@path_option("--plots", default="plots", help="Folder of the tables.")
def main(params: Path, plots: Path, **files: Path) -> None:
    """Measure the heads trained on a growing share of the gold and silver articles."""
    corpus = read_validation_corpus(read_settings(params), **files)
    seed = corpus.settings.evaluate.seed
    variants = [(f"{share:.0%}", thin(corpus, share, seed=seed)) for share in SHARES]
    write_variants(measure_variants(variants), plots, "curve", base=variants[-1][0])


if __name__ == "__main__":
    entry_point(main)
