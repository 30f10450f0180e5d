"""Place features of articles, computed by the compiled kernel."""

from __future__ import annotations

import scipy.sparse as sp
from joblib import effective_n_jobs

from newsdesk.base.normalization import Normalization, build_normalizer
from newsdesk.features.documents import Documents, iterate_batches, titles_and_texts
from newsdesk.features.tfidf import character_maps
from newsdesk.inference.engine import Engine
from newsdesk.inference.gazetteer import Gazetteer


def place_matrix(
    X: Documents,
    gazetteer: Gazetteer,
    *,
    normalization: Normalization,
    lead_tokens: int,
    n_jobs: int | None = None,
) -> sp.csr_matrix:
    """Return the `inference.mentions.place_features` of articles.

    Parameters
    ----------
    X : DataFrame or Arrow table with `text` and optional `title`, or sequence or array of texts
    gazetteer : Gazetteer
    normalization : Normalization
        The one that the gazetteer was read with.
    lead_tokens : int
        Number of tokens at the beginning of a text that form its lead.
    n_jobs : int or None, default=None
        Number of threads; None for one. The result does not depend on it.

    Returns
    -------
    sparse matrix of shape (n_articles, n_place_features)
    """
    engine = Engine(
        normalize=build_normalizer(normalization),
        maps=character_maps(normalization),
        ngram_max=0,
        sentences=False,
        char_ngrams=None,
        title_weight=1,
        stem=None,
        gazetteer=gazetteer,
        lead_tokens=lead_tokens,
        threads=effective_n_jobs(n_jobs),
    )
    engine.vocabulary.set_terms([], [])  # an engine forgets tokens only once its vocabulary is frozen
    batches = (engine.scan(*titles_and_texts(batch)) for batch in iterate_batches(X))
    return sp.vstack([sp.csr_matrix(engine.place_features(batch)) for batch in batches], format="csr")
