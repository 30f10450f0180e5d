"""Stage `featurize`: labelled articles to vocabulary, IDF, gazetteer and the matrix of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow as pa

from newsdesk.base import files
from newsdesk.base.console import entry_point, note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings, settings_option
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.features.feature_matrix import append_places, select_training_rows
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import field_matrix, read_fields
from newsdesk.features.matrices import write_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer

LABEL_COLUMNS = [
    "article_id", "source", "group_id", "split", "region", "topic", "region_origin", "topic_origin",
]  # fmt: skip
SPLITS = ("train", "valid", "test")  # split `evaluation` never trains a model


@click.command("featurize")
@settings_option
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--features", default="data/features", help="Folder to write.")
@click.option(
    "--split", "splits", multiple=True, default=SPLITS[:2], show_default=True, type=click.Choice(SPLITS),
    help="Split to train on; repeatable.",
)  # fmt: skip
def main(
    settings: Settings,
    *,
    articles: Path,
    places: Path,
    fields: Path,
    taxonomy: Path,
    features: Path,
    splits: Sequence[str] = SPLITS[:2],
) -> None:
    """Compute the features of the training articles: TF-IDF, fitted on them only, places and homes.

    \b
    Example:
      newsdesk featurize --articles data/clean/articles.parquet
    """
    words = read_fields(fields)
    rows = select_training_rows(
        files.read_table(articles, ARTICLES), splits=splits, origin_weights=settings.train.origin_weights
    )
    if not rows.num_rows:
        raise NewsdeskError(
            f"{articles}: no article of {', '.join(splits)} has a label of a weight; label some"
        )
    texts = rows.select(["title", "text"])
    vectorizer = fit_vectorizer(settings, texts, articles)
    names = vectorizer.get_feature_names_out().tolist()
    terms = names[: len(vectorizer.idf_)]
    matrix = vectorizer.transform(texts)
    if settings.features.places:
        known = read_taxonomy(taxonomy)
        gazetteer = read_places(places, known, settings.text)
        matrix = append_places(matrix, rows, gazetteer, known, settings)
        files.write_compact_json(gazetteer.as_dict(), features / "gazetteer.json")
    shared = field_matrix(words, names, normalization=settings.text, stem=settings.features.stem)
    files.write_table(rows.select(LABEL_COLUMNS), features / "rows.parquet")
    files.write_json(terms, features / "terms.json")
    files.write_arrays(features / "idf.npz", idf=vectorizer.idf_)
    write_matrix(matrix, features / "matrix.npz")
    write_matrix(shared, features / "fields.npz")
    note(
        f"featurize: {matrix.shape[0]:,} articles, {len(terms):,} terms, {matrix.shape[1] - len(names)} "
        f"values of places and homes, {matrix.nnz:,} non-zero values"
    )


def fit_vectorizer(settings: Settings, texts: pa.Table, articles: Path) -> ArabicTfidfVectorizer:
    """Fit the vectorizer; an error names the file of the articles and the setting to change."""
    vectorizer = ArabicTfidfVectorizer(normalization=settings.text, n_jobs=-1, **settings.features.terms)
    try:
        return vectorizer.fit_batches(progress(texts.to_batches(max_chunksize=4096), "fitting", size=len))
    except ValueError as error:
        hint = "; lower features.min_df or give more rows" if "terms remain" in str(error) else ""
        raise NewsdeskError(f"{articles}: {error}{hint}") from None


if __name__ == "__main__":
    entry_point(main)
