"""Decide from probabilities which labels an article gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]

BALANCED = "balanced"
SCHEMA_VERSION = "1"  # of rows with labels: changes when a column changes its name, type or meaning
PROFILES = (BALANCED, "high_precision", "high_recall")  # names of sets of thresholds


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """The labels of one article.

    Attributes
    ----------
    labels : dict of str to list of str
        By task, the labels assigned, the main one first.
    scores : dict of str to dict of str to float
        By task, the probability of every label; empty if the article was not scored.
    reason : str or None
        Why there is no label: `stub` (a paywall, login form, error or other page in place of an article),
        `not_arabic`, `too_short`, `no_evidence`, or `ambiguous` if the article probably has a label but none
        reaches its threshold.

    Examples
    --------
    >>> Prediction({"topic": ["sport"]}, {"topic": {"sport": 0.9, "culture": 0.1}}, None).labels
    {'topic': ['sport']}
    >>> Prediction({"topic": ["sport"]}, {"topic": {"sport": 0.9, "culture": 0.1}}, None)
    Prediction(topic: sport 0.90)
    """

    labels: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    reason: str | None

    def __repr__(self) -> str:
        shown = [self.reason] if self.reason else []
        for task, labels in self.labels.items():
            scores = self.scores.get(task, {})
            named = [f"{label} {scores[label]:.2f}" if label in scores else label for label in labels]
            shown += [f"{task}: {', '.join(named)}"] if named else []
        return f"Prediction({'; '.join(shown)})"

    @property
    def regions(self) -> list[str]:
        """The regions, the main one first."""
        return self.labels["region"]

    @property
    def topics(self) -> list[str]:
        """The topics, the main one first."""
        return self.labels["topic"]


@dataclass(frozen=True, slots=True)
class Head:
    """The labels of one task and the rule that turns probabilities into labels."""

    task: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]  # the balanced ones; a label's probability must reach its threshold
    columns: slice  # of the labels in the matrix of probabilities
    profiles: Mapping[str, tuple[float, ...]]  # thresholds by profile, for each of `PROFILES`
    most: int | None = None  # as in `decide`; `high_recall` ignores it
    floor: float | None = None  # as in `decide`; `high_precision` ignores it

    def decide(self, probabilities: FloatArray, profile: str = BALANCED) -> BoolArray:
        """Return which labels are assigned, shape (n_articles, n_labels) as `probabilities`."""
        most = None if profile == "high_recall" else self.most
        floor = None if profile == "high_precision" else self.floor
        return decide(probabilities, self.profiles[profile], most=most, floor=floor)

    def rank(self, main_scores: FloatArray) -> IntArray:
        """Return the order of the head's labels, the main one first, shape (n_articles, n_labels)."""
        order: IntArray = np.argsort(-main_scores[:, self.columns], axis=1, kind="stable")
        return order


def decide(
    probabilities: FloatArray,
    thresholds: Sequence[float] | FloatArray,
    *,
    most: int | None,
    floor: float | None,
) -> BoolArray:
    """Return which labels are assigned, given probabilities and thresholds; NaN reaches none.

    Parameters
    ----------
    probabilities : ndarray of shape (n_articles, n_labels)
    thresholds : sequence of float, shape (n_labels,)
    most : int or None
        Maximum number of labels of an article; the most probable are kept.
    floor : float or None
        If no label reaches its threshold, the most probable one is assigned from this probability on.

    Returns
    -------
    bool ndarray of shape (n_articles, n_labels)

    Examples
    --------
    >>> decide(np.array([[0.9, 0.6], [0.3, 0.2]]), [0.5, 0.5], most=1, floor=0.25).tolist()
    [[True, False], [True, False]]
    """
    assigned: BoolArray = probabilities >= np.asarray(thresholds)
    if floor is not None:
        best = probabilities.argmax(axis=1)
        unlabelled = ~assigned.any(axis=1) & (probabilities[np.arange(len(best)), best] >= floor)
        assigned[unlabelled, best[unlabelled]] = True
    if most is not None:
        order = np.argsort(-np.where(assigned, probabilities, -1.0), axis=1, kind="stable")
        np.put_along_axis(assigned, order[:, most:], False, axis=1)
    return assigned


def sigmoid(x: FloatArray) -> FloatArray:
    """Return the logistic function of `x`, without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))
