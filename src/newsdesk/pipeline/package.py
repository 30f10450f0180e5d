"""Stage `package`: both heads and the features to one self-contained model folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from newsdesk import __version__
from newsdesk.base.console import entry_point, note
from newsdesk.base.files import (
    read_arrays,
    read_json,
    read_model,
    read_table,
    write_arrays,
    write_compact_json,
    write_json,
)
from newsdesk.base.normalization import build_table
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.inference import scorer
from newsdesk.inference.code import code_sha256
from newsdesk.monitoring.reference import REFERENCE, build_reference, count_unseen_articles, model_identity


def run(
    settings: Settings,
    *,
    features: Path,
    heads: Sequence[Path],
    taxonomy: Path,
    model: Path,
    articles: Path | None = None,
) -> None:
    """Write `model.json`, terms, weights, the names of places, the code that reads them, and a reference.

    The reference is what the model says of the articles that it did not learn: later ones are held against
    it, to tell whether the news drifted. Where it learned all of them, or none are given, there is none.
    """
    terms = read_json(features / "terms.json")
    described = [read_json(head / "head.json") for head in heads]
    weights = [read_arrays(head / "weights.npz") for head in heads]
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "idf": read_arrays(features / "idf.npz")["idf"],
        "coef": np.vstack([w["coef"] for w in weights]).T,
        **{name: np.concatenate([w[name] for w in weights]) for name in ("intercept", "slope", "offset")},
    }
    if settings.package.quantize:
        arrays["coef"], arrays["scale"] = quantize(arrays["coef"], settings.package.quantize)
    info = {
        "format": scorer.FORMAT,
        "name": "newsdesk",
        "version": __version__,
        "code_sha256": code_sha256(),
        "normalization": build_table(settings.text),
        "features": {
            **settings.features.model_dump(exclude={"min_df", "max_df", "max_features"}),
            "min_words": settings.clean.min_words,
        },
        "heads": [
            {key: head[key] for key in ("task", "labels", "thresholds", "profiles", "most", "floor")}
            for head in described
        ],
        # who reads pages for this model must know the section labels that it was trained with
        "taxonomy": read_taxonomy(taxonomy).as_dict(),
    }
    write_compact_json(terms, model / scorer.TERMS, packed=True)
    write_arrays(model / "weights.npz", **arrays)
    if settings.features.places:
        gazetteer = read_json(features / "gazetteer.json")
        write_compact_json(gazetteer, model / scorer.PLACES, packed=True)
    write_json(info, model / "model.json")
    loaded = read_model(model)
    if articles:
        write_reference(loaded, features=features, articles=articles, model=model)
    size = sum(file.stat().st_size for file in model.iterdir())
    note(f"package: {len(terms):,} terms, {arrays['coef'].shape[1]} labels, {size / 1e6:.1f} MB in {model}")


def write_reference(loaded: scorer.Scorer, *, features: Path, articles: Path, model: Path) -> None:
    """Write what later articles are held against into the model's folder."""
    trained = read_table(features / "rows.parquet")["group_id"].to_pylist()
    loaded.threads = os.cpu_count() or 1
    try:
        counts, sources = count_unseen_articles(
            read_table(articles, ARTICLES), loaded, trained_groups=trained
        )
    except ValueError as error:
        note(f"package: {error}")
        return
    reference = build_reference(counts, model=model_identity(loaded, model), sources=sources)
    write_compact_json(reference, model / REFERENCE)


def quantize(
    coef: np.ndarray[Any, Any], bits: int
) -> tuple[np.ndarray[Any, np.dtype[np.signedinteger[Any]]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Coefficients as integers of so many bits, and the step that one of them is, for each label.

    A label's largest coefficient takes the largest integer, so that none is off by more than half a step.

    Parameters
    ----------
    coef : ndarray of shape (n_rows, n_labels)
    bits : int
        From 2 to 16; up to 8 are stored as int8, more as int16.

    Returns
    -------
    int8 or int16 ndarray of shape (n_rows, n_labels)
    float32 ndarray of shape (n_labels,)
    """
    largest = np.abs(coef).max(axis=0).astype(np.float64)
    scale = (np.where(largest > 0, largest, 1.0) / (2 ** (bits - 1) - 1)).astype(np.float32)
    # divided in float64: in float32 the quotient of the largest could round up to one integer too many
    steps = np.rint(coef / scale.astype(np.float64))
    return np.ascontiguousarray(steps, dtype=np.int8 if bits <= 8 else np.int16), scale


@click.command("package")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, type=click.Path(path_type=Path))
def main(heads: tuple[Path, ...], params: Path, **paths: Path) -> None:
    """Package the trained HEADS into one folder that scores by itself: JSON, npz and Python files.

    \b
    Example:
      newsdesk package data/heads/region data/heads/topic
    """
    run(read_settings(params), heads=heads, **paths)


if __name__ == "__main__":
    entry_point(main)
