"""The rows of the matrix that heads are trained on, and its columns of places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from joblib import effective_n_jobs

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.features.documents import Documents, iterate_batches, titles_and_texts
from newsdesk.features.tfidf import character_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.home import HOME_NAMES, NO_HOME, HomeCountries, home_values


def select_training_rows(
    articles: pa.Table, *, splits: Sequence[str], origin_weights: Mapping[Origin, float]
) -> pa.Table:
    """Select the articles of some splits that have a label of an origin with a weight above 0."""
    origins = pa.array([origin for origin, weight in origin_weights.items() if weight], pa.string())
    labelled = [pc.is_in(articles[f"{task}_origin"], origins) for task in ("region", "topic")]
    return articles.filter(pc.and_(pc.or_(*labelled), pc.is_in(articles["split"], pa.array(splits))))


def append_places(
    matrix: sp.csr_matrix, articles: pa.Table, gazetteer: Gazetteer, taxonomy: Taxonomy, settings: Settings
) -> sp.csr_matrix:
    """Append the weighted place features of articles to those of terms, and behind them home features."""
    features = settings.features
    places = place_matrix(
        articles.select(["title", "text"]), gazetteer,
        normalization=settings.text, lead_tokens=features.lead_tokens, n_jobs=-1,
    )  # fmt: skip
    blocks = [matrix, features.place_weight * places]
    if features.home:
        blocks.append(home_matrix(places, articles["home"].to_pylist(), HomeCountries(taxonomy.as_dict())))
    return sp.hstack(blocks, format="csr")


def home_matrix(
    places: sp.csr_matrix, homes: Sequence[str | None], countries: HomeCountries
) -> sp.csr_matrix:
    """Return the home features of articles, given their place features.

    Parameters
    ----------
    places : sparse matrix of shape (n_articles, n_place_features)
    homes : sequence of str or None
        The country of the source of each article, None if it has none.
    countries : HomeCountries

    Returns
    -------
    sparse matrix of shape (n_articles, n_home_features)
        The columns are those of `inference.home.home_feature_names`.
    """
    numbers, n_regions = countries.numbers(homes), len(countries.regions)
    rows = np.flatnonzero(numbers != NO_HOME)
    values = np.zeros((len(homes), n_regions, len(HOME_NAMES)))
    values[rows, numbers[rows]] = home_values(places[rows].toarray(), numbers[rows], n_regions)
    return sp.csr_matrix(values.reshape(len(homes), -1))


def place_matrix(
    X: Documents, gazetteer: Gazetteer, *, normalization: Normalization, lead_tokens: int, n_jobs: int = 1
) -> sp.csr_matrix:
    """Return the `inference.mentions.place_features` of articles, shape (n_articles, n_place_features)."""
    engine = Engine(
        normalize=build_normalizer(normalization),
        maps=character_maps(normalization),
        gazetteer=gazetteer,
        lead_tokens=lead_tokens,
        threads=effective_n_jobs(n_jobs),
    )
    engine.vocabulary.set_terms([], [])  # an engine forgets tokens only once its vocabulary is frozen
    batches = (engine.scan(*titles_and_texts(batch)) for batch in iterate_batches(X))
    return sp.vstack([sp.csr_matrix(engine.place_features(batch)) for batch in batches], format="csr")
