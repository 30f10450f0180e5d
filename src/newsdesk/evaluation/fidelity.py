"""How far the scores of a packaged model are from those of its heads as trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from newsdesk.inference.scorer import Scorer


def compare_scores(scorer: Scorer, exact: Scorer, articles: pa.Table) -> dict[str, Any]:
    """Measure the largest difference of a probability, and count labels given by one of two models only.

    Parameters
    ----------
    scorer, exact : Scorer
        Two models with the same heads.
    articles : pyarrow Table with `title` and `text`

    Returns
    -------
    dict
        `n_articles` that were scored, `n_labels` given by `exact`, `n_labels_changed`, `max_difference`.

    Examples
    --------
    >>> from newsdesk.base.files import SHIPPED, read_model
    >>> model = read_model(SHIPPED)
    >>> compare_scores(model, model, pa.table({"title": ["خبر"], "text": ["فاز الفريق"]}))["max_difference"]
    0.0
    """
    given, expected = (each.predict_proba(articles["title"], articles["text"])[0] for each in (scorer, exact))
    scored = ~np.isnan(expected).any(axis=1)
    difference = np.abs(given - expected)[scored]
    labels, labels_expected = (
        np.hstack([head.decide(scores[:, head.columns]) for head in exact.heads])
        for scores in (given, expected)
    )
    return {
        "n_articles": int(scored.sum()),
        "n_labels": int(labels_expected.sum()),
        "n_labels_changed": int((labels != labels_expected).sum()),
        "max_difference": round(float(difference.max(initial=0.0)), 8),
    }
