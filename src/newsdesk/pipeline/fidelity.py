"""Stage `fidelity`: the size of a packaged model, and what quantization changes in its scores."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow.compute as pc

from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files, read_model, read_table, write_json
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Package, Settings, settings_option
from newsdesk.evaluation.fidelity import compare_scores
from newsdesk.pipeline.package import write_model


@click.command("fidelity")
@click.argument("heads", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@settings_option
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--features", default="data/features")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--model", default="model")
@path_option("--metrics", default="metrics/fidelity.json", help="File to write.")
def main(
    settings: Settings,
    *,
    heads: Sequence[Path],
    articles: Path,
    features: Path,
    taxonomy: Path,
    model: Path,
    metrics: Path,
) -> None:
    """Compare a packaged model with its unquantized HEADS on the articles of evaluation outlets.

    \b
    Example:
      newsdesk fidelity data/heads/region data/heads/topic --model model
    """
    table = read_table(articles, ARTICLES)
    unread = table.filter(pc.equal(table["split"], "evaluation"))
    if not unread.num_rows:
        raise NewsdeskError(f"{articles}: no article of an evaluation outlet to compare scores on")
    packaged = read_model(model)
    unquantized = settings.model_copy(update={"package": Package(quantize=None)})
    with tempfile.TemporaryDirectory() as temporary:
        exact = Path(temporary, "exact")
        write_model(unquantized, features=features, heads=heads, taxonomy=taxonomy, model=exact)
        compared = compare_scores(packaged, read_model(exact), unread)
    size = sum(file.stat().st_size for file in list_files(model))
    write_json({"bytes": size, "n_terms": len(packaged.terms), **compared}, metrics)
    note(f"fidelity: {size / 1e6:.1f} MB, {compared}")


if __name__ == "__main__":
    entry_point(main)
