"""Wrong labels of articles of an outlet left out, with the evidence for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from newsdesk.base.normalization import Normalization, normalize
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.cross_validation import Fold, HeldOutScores, calibrate
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import find_article_mentions, place_feature_names
from newsdesk.inference.text import tokenize
from newsdesk.training.targets import BoolArray, FloatArray, Targets, select_labels

N_EVIDENCE = 8  # terms shown for each error
PLACE_TERM = "@"  # prefix of place features, as "#" is that of character runs


def explain_errors(
    corpus: ValidationCorpus, folds: Sequence[Fold], targets: Targets
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """List wrong labels, the surest first, with their text and evidence, and count the confused pairs.

    The terms of an error are those of the largest coefficient times value.
    """
    scored = corpus.score(folds, targets)
    probabilities, y_pred = calibrate(scored, **corpus.settings.train.decision_of(targets.task))
    places = corpus.weigh_places(targets.task)
    gazetteer = corpus.read_gazetteer(corpus.settings.text)
    place_terms = [] if places is None else place_feature_names(gazetteer.regions)
    wrong = scored.y_true != y_pred
    rows = []
    for fold, coef in zip(folds, scored.coefs, strict=True):
        terms = np.array([*fold.term_names, *(PLACE_TERM + name for name in place_terms)], dtype=object)
        X = fold.join_places(places)
        for i in np.flatnonzero((scored.outlets == fold.outlet) & wrong.any(axis=1)):
            row = int(scored.rows[i])
            (article,) = corpus.labelled.articles.slice(row, 1).to_pylist()
            named = _describe_places(article, gazetteer, corpus.settings.text)
            x = X[row]
            for j in np.flatnonzero(wrong[i]):
                contributions = x.data * coef[j, x.indices]
                strongest = np.argsort(-np.abs(contributions), kind="stable")[:N_EVIDENCE]
                rows.append(
                    {
                        "article_id": article["article_id"], "outlet": fold.outlet, "task": targets.task,
                        "truth": ";".join(select_labels(targets.labels, scored.y_true[i])),
                        "said": ";".join(select_labels(targets.labels, y_pred[i])),
                        "probabilities": _join_values(targets.labels, probabilities[i]),
                        "label": targets.labels[j], "error": "spurious" if y_pred[i, j] else "missed",
                        "probability": round(float(probabilities[i, j]), 4),
                        "terms": _join_values(terms[x.indices[strongest]], contributions[strongest]),
                        "places": named, "title": article["title"], "text": article["text"],
                    }
                )  # fmt: skip

    def surest(row: Mapping[str, Any]) -> tuple[Any, ...]:
        of_truth = row["probability"] if row["error"] == "missed" else 1 - row["probability"]
        return of_truth, row["article_id"], row["label"]

    rows.sort(key=surest)
    return rows, count_confusions(scored, y_pred, targets.labels)


def count_confusions(scored: HeldOutScores, y_pred: BoolArray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Count the pairs of a `missed` and a `spurious` label of an article; `none` if it has no such error."""
    pairs: Counter[tuple[str, str]] = Counter()
    for truth, predicted in zip(scored.y_true, y_pred, strict=True):
        missed, spurious = truth & ~predicted, predicted & ~truth
        if missed.any() or spurious.any():
            of_missed, of_spurious = (select_labels(labels, mask) or ["none"] for mask in (missed, spurious))
            pairs.update(product(of_missed, of_spurious))
    return [
        {"missed": missed, "spurious": spurious, "n": n, "pair": f"{missed} / {spurious}"}
        for (missed, spurious), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def _describe_places(article: Mapping[str, Any], gazetteer: Gazetteer, normalization: Normalization) -> str:
    title, text = (tokenize(normalize(article[column], normalization)) for column in ("title", "text"))
    found = zip((title, text), find_article_mentions(title, text, gazetteer), strict=True)
    counts = Counter(
        f"{' '.join(tokens[m.start : m.stop])}={m.place}/{m.region}" for tokens, of in found for m in of
    )
    return "; ".join(f"{name} x{n}" if n > 1 else name for name, n in counts.most_common())


def _join_values(names: Sequence[str], values: FloatArray) -> str:
    return "; ".join(f"{name} {value:+.2f}" for name, value in zip(names, values, strict=True))
