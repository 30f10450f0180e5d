"""Stage `fidelity`: how large a packaged model is, and how far its scores are from those as trained."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.console import entry_point, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import files_in, read_model, read_table, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Package, Settings, read_settings
from newsdesk.inference.scorer import Scorer
from newsdesk.pipeline import package


def run(
    settings: Settings,
    *,
    heads: Sequence[Path],
    articles: Path,
    features: Path,
    taxonomy: Path,
    model: Path,
    metrics: Path,
) -> None:
    """Score the evaluation outlets, whose labels are not looked at, by the model and by its exact twin."""
    rows = read_table(articles, ARTICLES)
    unread = rows.filter(pc.equal(rows["split"], "evaluation"))
    if not unread.num_rows:
        raise NewsdeskError(f"{articles}: no article of an evaluation outlet to compare scores on")
    packed = read_model(model)
    exact = settings.model_copy(update={"package": Package(quantize=None)})
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder, "exact")
        package.run(exact, features=features, heads=heads, taxonomy=taxonomy, model=twin)
        found = compare(packed, read_model(twin), unread)
    size = sum(file.stat().st_size for file in files_in(model))
    write_json({"bytes": size, "n_terms": len(packed.terms), **found}, metrics)
    note(f"fidelity: {size / 1e6:.1f} MB, {found}")


def compare(scorer: Scorer, exact: Scorer, articles: pa.Table) -> dict[str, Any]:
    """Largest difference of a probability, and labels that one gives and the other does not.

    Parameters
    ----------
    scorer, exact : Scorer
        Of the same heads.
    articles : pyarrow Table with `title` and `text`
    """
    given, expected = (each.predict_proba(articles["title"], articles["text"])[0] for each in (scorer, exact))
    scored = ~np.isnan(expected).any(axis=1)
    difference = np.abs(given - expected)[scored]
    held, wanted = (
        np.hstack([head.decide(found[:, head.columns]) for head in exact.heads])
        for found in (given, expected)
    )
    return {
        "n_articles": int(scored.sum()),
        "n_labels": int(wanted.sum()),
        "n_labels_changed": int((held != wanted).sum()),
        "max_difference": round(float(difference.max(initial=0.0)), 8),
    }


@click.command("fidelity")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--model", default="model", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--metrics", default="metrics/fidelity.json", show_default=True, type=click.Path(path_type=Path)
)
def main(heads: tuple[Path, ...], params: Path, **paths: Path) -> None:
    """Compare a packaged model with what its HEADS give unquantized, on the evaluation outlets' articles.

    \b
    Example:
      newsdesk fidelity data/heads/region data/heads/topic --model model
    """
    run(read_settings(params), heads=heads, **paths)


if __name__ == "__main__":
    entry_point(main)
