"""Stage `featurize`: labelled articles to vocabulary, IDF, names of places and the matrix of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from newsdesk.base.console import entry_point, note, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import (
    read_table,
    write_arrays,
    write_compact_json,
    write_json,
    write_matrix,
    write_table,
)
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import field_matrix, read_fields
from newsdesk.features.tfidf import ArabicTfidfVectorizer, place_matrix

LABEL_COLUMNS = [
    "article_id", "source", "group_id", "split", "region", "topic", "region_origin", "topic_origin",
]  # fmt: skip
SPLITS = ("train", "valid", "test")  # that a model may read; the evaluation outlets are in none of them


def run(
    settings: Settings,
    *,
    articles: Path,
    places: Path,
    fields: Path,
    taxonomy: Path,
    features: Path,
    splits: Sequence[str] = SPLITS[:2],
) -> None:
    """Fit the vectorizer on the articles that train a head, and transform them.

    The values of places are columns behind the terms.
    """
    words = read_fields(fields)
    rows = learned(read_table(articles, ARTICLES), settings, splits)
    if not rows.num_rows:
        raise NewsdeskError(
            f"{articles}: no article of {', '.join(splits)} has a label of a weight; label some"
        )
    vectorizer = ArabicTfidfVectorizer(normalization=settings.text, n_jobs=-1, **settings.features.terms)
    try:
        training = rows.select(["title", "text"]).to_batches(max_chunksize=4096)
        vectorizer.fit_batches(progress(training, "fitting", size=len))
    except ValueError as error:
        hint = "; lower features.min_df or give more rows" if "terms remain" in str(error) else ""
        raise NewsdeskError(f"{articles}: {error}{hint}") from None
    matrix = vectorizer.transform(rows.select(["title", "text"]))
    n_terms = matrix.shape[1]
    if settings.features.places:
        gazetteer = read_places(places, read_taxonomy(taxonomy), settings.text)
        values = place_matrix(
            rows.select(["title", "text"]),
            gazetteer,
            normalization=settings.text,
            lead_tokens=settings.features.lead_tokens,
            n_jobs=-1,
        )
        matrix = sp.hstack([matrix, settings.features.place_weight * values], format="csr")
        write_compact_json(gazetteer.as_dict(), features / "gazetteer.json")
    terms = vectorizer.get_feature_names_out().tolist()
    shared = field_matrix(words, terms, normalization=settings.text, stem=settings.features.stem)
    write_table(rows.select(LABEL_COLUMNS), features / "rows.parquet")
    write_json(terms, features / "terms.json")
    write_arrays(features / "idf.npz", idf=vectorizer.idf_)
    write_matrix(matrix, features / "matrix.npz")
    write_matrix(shared, features / "fields.npz")
    counted = f"{n_terms:,} terms, {matrix.shape[1] - n_terms} values of places"
    note(f"featurize: {matrix.shape[0]:,} articles, {counted}, {matrix.nnz:,} values that are not zero")


def learned(articles: pa.Table, settings: Settings, splits: Sequence[str]) -> pa.Table:
    """The rows of these splits whose region or topic is known, and of an origin with a weight."""
    origins = pa.array([origin for origin, weight in settings.train.origin_weights.items() if weight])
    known = [pc.is_in(articles[f"{task}_origin"], origins) for task in ("region", "topic")]
    return articles.filter(pc.and_(pc.or_(*known), pc.is_in(articles["split"], pa.array(splits))))


@click.command("featurize")
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--places", default="data/places", show_default=True, type=click.Path(path_type=Path))
@click.option("--fields", default="data/fields.tsv", show_default=True, type=click.Path(path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--split", "splits", multiple=True, default=SPLITS[:2], show_default=True, type=click.Choice(SPLITS),
    help="A split to learn from; may be given again.",
)  # fmt: skip
def main(params: Path, splits: tuple[str, ...], **paths: Path) -> None:
    """Turn the articles that train into features: TF-IDF, fitted on them alone, and the places named.

    \b
    Example:
      newsdesk featurize --articles data/clean/articles.parquet
    """
    run(read_settings(params), splits=splits, **paths)


if __name__ == "__main__":
    entry_point(main)
