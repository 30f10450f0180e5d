"""Labels that a model contradicts which did not read the article's outlet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.cross_validation import Fold, calibrate
from newsdesk.training.targets import Targets

DOUBT = 0.5  # the model contradicts a label of a lower quality


def hold_out_all(corpus: ValidationCorpus) -> ValidationCorpus:
    """Hold out every labelled article of an outlet, not only those with a trusted label."""
    columns = corpus.labelled.columns
    every = replace(columns, may_test=columns.may_train & ~columns.excluded)
    return replace(corpus, labelled=replace(corpus.labelled, columns=every))


def find_doubtful_labels(
    corpus: ValidationCorpus, folds: Sequence[Fold], targets: Targets
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """List the labels that the model contradicts, the surest first, and count them by origin and label.

    The quality of a label is the probability that the model gives to it being as it is, given or not, each
    label by itself: the self-confidence of A. Thyagarajan et al., "Identifying incorrect annotations in
    multi-label classification data", 2022. The corpus is one of `hold_out_all`.
    """
    scored = corpus.score(folds, replace(targets, trusted=targets.weights > 0))
    probabilities, _ = calibrate(scored, trusted=targets.trusted[scored.rows])
    quality = np.where(scored.y_true, probabilities, 1 - probabilities)
    quality[np.isnan(scored.scores)] = np.nan  # no training article had the label
    articles = corpus.labelled.articles
    origins = np.array(articles[f"{targets.task}_origin"].to_pylist(), dtype=object)[scored.rows]
    titles = articles["title"].take(pa.array(scored.rows)).to_pylist()
    doubtful = [
        {
            "article_id": corpus.labelled.columns.article_ids[scored.rows[i]],
            "outlet": scored.outlets[i],
            "task": targets.task,
            "label": targets.labels[j],
            "given": bool(scored.y_true[i, j]),
            "origin": origins[i],
            "probability": round(float(probabilities[i, j]), 4),
            "quality": round(float(quality[i, j]), 4),
            "title": titles[i],
        }
        for i, j in np.argwhere(quality < DOUBT)
    ]
    doubtful.sort(key=lambda row: (row["quality"], row["article_id"], row["label"]))
    counts = []
    for origin, (j, label) in product(sorted({*origins}), enumerate(targets.labels)):
        given, doubted = scored.y_true[origins == origin, j], quality[origins == origin, j] < DOUBT
        counts.append(
            {
                "origin": origin, "label": label,
                "n_given": int(given.sum()), "n_given_doubted": int((given & doubted).sum()),
                "n_not_given": int((~given).sum()), "n_not_given_doubted": int((~given & doubted).sum()),
            }
        )  # fmt: skip
    return doubtful, counts
