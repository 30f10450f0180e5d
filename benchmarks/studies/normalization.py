"""Measure the heads with each switch of `text` set to its other value in turn, by inner validation.

`seconds_ratio` is the processor time of featurizing, divided by that with the settings as they are.

Run it in a folder with a cleaned corpus of several outlets, such as the public profile:

    cd profiles/public
    python ../../benchmarks/studies/normalization.py --taxonomy ../../data/taxonomy.yaml \
        --places ../../data/places --fields ../../data/fields.tsv

It writes `audit_normalization_region.csv` and `audit_normalization_topic.csv` into `--plots`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from newsdesk.base.console import entry_point, path_option, progress
from newsdesk.base.settings import read_settings
from newsdesk.cli.train.audit import BASE, write_variants
from newsdesk.evaluation.inner_validation.corpus import (
    ValidationCorpus,
    measure_variant,
    read_validation_corpus,
)


def switch_spellings(corpus: ValidationCorpus) -> Iterator[tuple[str, ValidationCorpus]]:
    """Yield the corpus with each switch of the normalization set to its other value, by name."""
    for name, value in corpus.settings.text.model_dump().items():
        changed = corpus.settings.text.model_copy(update={name: not value})
        settings = corpus.settings.model_copy(update={"text": changed})
        yield f"{name}: {str(not value).lower()}", replace(corpus, settings=settings)


@click.command()
@path_option("--params", default="params.yaml")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@path_option("--plots", default="plots", help="Folder of the tables.")
def main(params: Path, plots: Path, **files: Path) -> None:
    """Measure the heads with each switch of `text` set to its other value in turn."""
    corpus = read_validation_corpus(read_settings(params), **files)
    replace(corpus, outlets=corpus.outlets[:1]).build_folds()  # compiles what is measured below
    results, seconds = {}, {}
    for name, variant in progress([(BASE, corpus), *switch_spellings(corpus)], "variants"):
        started = time.process_time()
        folds = variant.build_folds()
        seconds[name] = time.process_time() - started
        results[name] = measure_variant(variant, folds)
    ratios = {name: round(of_variant / seconds[BASE], 2) for name, of_variant in seconds.items()}
    write_variants(results, plots, "normalization", base=BASE, seconds_ratio=ratios)


if __name__ == "__main__":
    entry_point(main)
