"""Stage `package`: both heads and the features to one self-contained model folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.files import (
    read_arrays,
    read_json,
    read_model,
    read_table,
    write_arrays,
    write_compact_json,
    write_json,
)
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.inference import storage
from newsdesk.monitoring.reference import (
    REFERENCE,
    WEIGHTS,
    build_reference,
    count_unseen_articles,
    model_identity,
)
from newsdesk.training.packaging import describe_model, join_heads


def run(
    settings: Settings, *, features: Path, heads: Sequence[Path], taxonomy: Path, articles: Path, model: Path
) -> None:
    """Write the model and its drift reference into the folder `model`."""
    write_model(settings, features=features, heads=heads, taxonomy=taxonomy, model=model)
    loaded = read_model(model)
    loaded.threads = os.cpu_count() or 1
    trained = read_table(features / "rows.parquet")["group_id"].to_pylist()
    try:
        counts, sources = count_unseen_articles(
            read_table(articles, ARTICLES), loaded, trained_groups=trained
        )
        reference = build_reference(counts, model=model_identity(loaded, model), sources=sources)
        write_compact_json(reference, model / REFERENCE)
    except ValueError as error:  # every article trained the model
        note(f"package: {error}")
    n_labels = sum(len(head.labels) for head in loaded.heads)
    size = sum(file.stat().st_size for file in model.iterdir())
    note(f"package: {len(loaded.terms):,} terms, {n_labels} labels, {size / 1e6:.1f} MB in {model}")


def write_model(
    settings: Settings, *, features: Path, heads: Sequence[Path], taxonomy: Path, model: Path
) -> None:
    """Write the description, terms, weights and gazetteer of a model."""
    info = describe_model(
        settings, [read_json(head / "head.json") for head in heads], read_taxonomy(taxonomy)
    )
    weights = join_heads([read_arrays(head / WEIGHTS) for head in heads], quantize=settings.package.quantize)
    write_compact_json(read_json(features / "terms.json"), model / storage.TERMS, compressed=True)
    write_arrays(model / WEIGHTS, **read_arrays(features / "idf.npz"), **weights)
    if settings.features.places:
        write_compact_json(read_json(features / "gazetteer.json"), model / storage.PLACES, compressed=True)
    write_json(info, model / "model.json")


@click.command("package")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@path_option("--params", default="params.yaml")
@path_option("--features", default="data/features")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--model", default="model", help="Folder to write.")
def main(heads: tuple[Path, ...], params: Path, **paths: Path) -> None:
    """Package the trained HEADS into one folder of JSON and npz files.

    \b
    Example:
      newsdesk package data/heads/region data/heads/topic
    """
    run(read_settings(params), heads=heads, **paths)


if __name__ == "__main__":
    entry_point(main)
