"""The rows of the matrix that heads are trained on, and its columns of places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from joblib import effective_n_jobs

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings
from newsdesk.features.documents import Documents, iterate_batches, titles_and_texts
from newsdesk.features.tfidf import character_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.gazetteer import Gazetteer


def select_training_rows(
    articles: pa.Table, *, splits: Sequence[str], origin_weights: Mapping[Origin, float]
) -> pa.Table:
    """Select the articles of some splits that have a label of an origin with a weight above 0."""
    origins = pa.array([origin for origin, weight in origin_weights.items() if weight], pa.string())
    labelled = [pc.is_in(articles[f"{task}_origin"], origins) for task in ("region", "topic")]
    return articles.filter(pc.and_(pc.or_(*labelled), pc.is_in(articles["split"], pa.array(splits))))


def append_places(
    matrix: sp.csr_matrix, texts: pa.Table, gazetteer: Gazetteer, settings: Settings
) -> sp.csr_matrix:
    """Append the weighted place features of articles as columns behind those of the terms."""
    lead_tokens = settings.features.lead_tokens
    values = place_matrix(texts, gazetteer, normalization=settings.text, lead_tokens=lead_tokens, n_jobs=-1)
    return sp.hstack([matrix, settings.features.place_weight * values], format="csr")


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
