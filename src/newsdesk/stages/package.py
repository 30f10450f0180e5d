"""Stage `package`: both heads and the features to one self-contained model folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from newsdesk import __version__, artifacts, scorer
from newsdesk.console import entry_point, note
from newsdesk.params import Settings, read_settings
from newsdesk.taxonomy import read_taxonomy
from newsdesk.text import build_table


def run(settings: Settings, *, features: Path, heads: Sequence[Path], taxonomy: Path, model: Path) -> None:
    """Write `model.json`, `terms.json`, `weights.npz`, the names of places and the code that reads them."""
    terms = artifacts.read_json(features / "terms.json")
    described = [artifacts.read_json(head / "head.json") for head in heads]
    weights = [artifacts.read_arrays(head / "weights.npz") for head in heads]
    arrays = {
        "idf": artifacts.read_arrays(features / "idf.npz")["idf"],
        "coef": np.vstack([w["coef"] for w in weights]).T,
        **{name: np.concatenate([w[name] for w in weights]) for name in ("intercept", "slope", "offset")},
    }
    info = {
        "format": scorer.FORMAT,
        "name": "newsdesk",
        "version": __version__,
        "normalization": build_table(settings.text),
        "features": {
            **settings.features.model_dump(exclude={"min_df", "max_df", "max_features"}),
            "min_words": settings.clean.min_words,
        },
        "heads": [{key: head[key] for key in ("task", "labels", "thresholds")} for head in described],
        # who reads pages for this model must know the section labels that it was trained with
        "taxonomy": read_taxonomy(taxonomy).as_dict(),
    }
    artifacts.write_json(terms, model / "terms.json")
    artifacts.write_arrays(model / "weights.npz", **arrays)
    if settings.features.places:
        gazetteer = artifacts.read_json(features / "gazetteer.json")
        artifacts.write_compact_json(gazetteer, model / scorer.PLACES, packed=True)
    for name in scorer.CODE:
        code = Path(scorer.__file__).with_name(name)
        artifacts.write_text(code.read_text(encoding="utf-8"), model / name)
    artifacts.write_json(info, model / "model.json")
    artifacts.read_model(model)
    size = sum(file.stat().st_size for file in model.iterdir())
    note(f"package: {len(terms):,} terms, {arrays['coef'].shape[1]} labels, {size / 1e6:.1f} MB in {model}")


@click.command("package")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, type=click.Path(path_type=Path))
def main(heads: tuple[Path, ...], params: Path, features: Path, taxonomy: Path, model: Path) -> None:
    """Package the trained HEADS into one folder that scores by itself: JSON, npz, four Python files.

    \b
    Example:
      newsdesk package heads/region heads/topic
    """
    run(read_settings(params), features=features, heads=heads, taxonomy=taxonomy, model=model)


if __name__ == "__main__":
    entry_point(main)
