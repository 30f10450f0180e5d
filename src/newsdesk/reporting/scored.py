"""Truth and probabilities of tested articles by head, and the wrong labels among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.leave_one_outlet_out import OURS
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.blocks import Mistake
from newsdesk.training.targets import BoolArray, FloatArray, indicator


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model says of the trusted articles of one head.

    Attributes
    ----------
    article_ids, outlets, groups : sequence of str, shape (n_articles,)
    y_true, y_pred : bool ndarray of shape (n_articles, n_labels)
    scores : ndarray of shape (n_articles, n_labels)
        Probabilities; 0 where the model said nothing.
    truth, said : sequence of sequence of str, shape (n_articles,)
        The same labels by name, the main one first.
    """

    labels: tuple[str, ...]
    article_ids: Sequence[str]
    outlets: Sequence[str]
    groups: Sequence[str]
    y_true: BoolArray
    y_pred: BoolArray
    scores: FloatArray
    truth: Sequence[Sequence[str]]
    said: Sequence[Sequence[str]]


def read_predictions(table: pa.Table, *, origins: Sequence[str]) -> dict[str, Scored]:
    """What stage `evaluate` wrote, by head: its articles whose label is of a trusted origin."""
    found = {}
    for task in TASKS:
        rows = table.filter(pc.is_in(table[f"{task}_origin"], pa.array(origins, pa.string())))
        names = {"truth": f"{task}_true", "said": f"{task}_predicted", "scores": f"{task}_scores"}
        if rows.num_rows:
            found[task] = _build(rows, outlet="source", **names)
    return found


def read_outlet_predictions(table: pa.Table) -> dict[str, Scored]:
    """What stage `outlets` wrote of our system, by head: by models that never read the outlet."""
    ours = table.filter(pc.and_(pc.equal(table["protocol"], "outlet"), pc.equal(table["system"], OURS)))
    found = {}
    for task in TASKS:
        rows = ours.filter(pc.equal(ours["task"], task))
        if rows.num_rows:
            found[task] = _build(rows, outlet="split", truth="true", said="predicted", scores="scores")
    return found


def score_anew(
    scored: Mapping[str, Scored], texts: Mapping[str, tuple[str, str]], scorer: Scorer
) -> dict[str, Scored]:
    """What another model says of the same articles; those without a text are left out."""
    found = {}
    heads = {head.task: head for head in scorer.heads}
    for task, own in scored.items():
        rows = [i for i, article in enumerate(own.article_ids) if article in texts]
        if task not in heads or not rows:
            continue
        pairs = [texts[own.article_ids[i]] for i in rows]
        predicted = scorer.predict([title for title, _ in pairs], [text for _, text in pairs])
        labels = tuple(dict.fromkeys((*own.labels, *heads[task].labels)))
        said = [p.labels[task] for p in predicted]
        found[task] = Scored(
            labels,
            [own.article_ids[i] for i in rows],
            [own.outlets[i] for i in rows],
            [own.groups[i] for i in rows],
            indicator([own.truth[i] for i in rows], labels),
            indicator(said, labels),
            np.array([[p.scores[task].get(label, 0.0) for label in labels] for p in predicted]),
            [own.truth[i] for i in rows],
            said,
        )
    return found


def list_mistakes(
    scored: Mapping[str, Scored], thresholds: Mapping[str, Mapping[str, float]]
) -> list[Mistake]:
    """Every wrong label, the surest first: the one whose truth had the lowest probability."""
    found = []
    for task, of_task in scored.items():
        for i, j in np.argwhere(of_task.y_true != of_task.y_pred).tolist():
            label = of_task.labels[j]
            found.append(
                Mistake(
                    of_task.article_ids[i],
                    task,
                    label,
                    of_task.outlets[i],
                    "missed" if of_task.y_true[i, j] else "spurious",
                    float(of_task.scores[i, j]),
                    thresholds.get(task, {}).get(label),
                    of_task.truth[i],
                    of_task.said[i],
                )
            )
    return sorted(found, key=lambda m: (_rightness(m), m.article_id, m.task, m.label))


def confidence(scored: Scored) -> FloatArray:
    """The probability that the whole label set is right, were labels independent, shape (n_articles,)."""
    return np.asarray(np.where(scored.y_pred, scored.scores, 1 - scored.scores).prod(axis=1))


def _rightness(mistake: Mistake) -> float:
    return mistake.probability if mistake.kind == "missed" else 1 - mistake.probability


def _build(rows: pa.Table, *, outlet: str, truth: str, said: str, scores: str) -> Scored:
    probabilities: list[dict[str, Any]] = [dict(pairs or []) for pairs in rows[scores].to_pylist()]
    of_truth, of_said = rows[truth].to_pylist(), rows[said].to_pylist()
    # a row that the model said nothing of has no scores; all others have every label, in the model's order
    labels = tuple(dict.fromkeys(name for each in (*probabilities, *of_truth) for name in each))
    return Scored(
        labels,
        rows["article_id"].to_pylist(),
        rows[outlet].to_pylist(),
        rows["group_id"].to_pylist(),
        indicator(of_truth, labels),
        indicator(of_said, labels),
        np.array([[each.get(label, 0.0) for label in labels] for each in probabilities]),
        of_truth,
        of_said,
    )
