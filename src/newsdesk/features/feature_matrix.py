"""The rows and columns of the matrix that heads are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings
from newsdesk.features.place_matrix import place_matrix
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
    """Append the values of places as columns behind those of the terms.

    Parameters
    ----------
    matrix : sparse matrix of shape (n_articles, n_terms)
    texts : pyarrow Table with `title` and `text`, of n_articles rows

    Returns
    -------
    sparse matrix of shape (n_articles, n_terms + n_place_values)
    """
    values = place_matrix(
        texts,
        gazetteer,
        normalization=settings.text,
        lead_tokens=settings.features.lead_tokens,
        n_jobs=-1,
    )
    return sp.hstack([matrix, settings.features.place_weight * values], format="csr")
