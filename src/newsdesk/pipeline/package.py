"""Stage `package`: both heads and the features to one self-contained model folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from newsdesk.base import files
from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, settings_option
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.inference import storage
from newsdesk.monitoring import reference
from newsdesk.monitoring.reference import WEIGHTS
from newsdesk.training.packaging import describe_model, join_heads


@click.command("package")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@settings_option
@path_option("--features", default="data/features")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--model", default="model", help="Folder to write.")
def main(
    settings: Settings, *, features: Path, heads: Sequence[Path], taxonomy: Path, articles: Path, model: Path
) -> None:
    """Package the trained HEADS into one folder of JSON and npz files.

    \b
    Example:
      newsdesk package data/heads/region data/heads/topic
    """
    write_model(settings, features=features, heads=heads, taxonomy=taxonomy, model=model)
    loaded = files.read_model(model)
    loaded.threads = os.cpu_count() or 1
    trained = files.read_table(features / "rows.parquet")["group_id"].to_pylist()
    try:
        table = files.read_table(articles, ARTICLES)
        counts, sources = reference.count_unseen_articles(table, loaded, trained_groups=trained)
        identity = reference.model_identity(loaded, model)
        built = reference.build_reference(counts, model=identity, sources=sources)
        files.write_compact_json(built, model / reference.REFERENCE)
    except ValueError as error:  # every article trained the model
        note(f"package: {error}")
    n_labels = sum(len(head.labels) for head in loaded.heads)
    size = sum(file.stat().st_size for file in model.iterdir())
    note(f"package: {len(loaded.terms):,} terms, {n_labels} labels, {size / 1e6:.1f} MB in {model}")


def write_model(
    settings: Settings, *, features: Path, heads: Sequence[Path], taxonomy: Path, model: Path
) -> None:
    """Write the description, terms, weights and gazetteer of a model."""
    described = [files.read_json(head / "head.json") for head in heads]
    info = describe_model(settings, described, read_taxonomy(taxonomy))
    weights = join_heads(
        [files.read_arrays(head / WEIGHTS) for head in heads], quantize=settings.package.quantize
    )
    files.write_compact_json(files.read_json(features / "terms.json"), model / storage.TERMS, compressed=True)
    files.write_arrays(model / WEIGHTS, **files.read_arrays(features / "idf.npz"), **weights)
    if settings.features.places:
        files.write_compact_json(
            files.read_json(features / "gazetteer.json"), model / storage.PLACES, compressed=True
        )
    files.write_json(info, model / "model.json")


if __name__ == "__main__":
    entry_point(main)
