"""One head a task: linear one-vs-rest classifiers, calibration and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
ClassifierName = Literal["logistic_regression", "linear_svc"]

CLASSIFIERS: dict[ClassifierName, Callable[..., Any]] = {
    "logistic_regression": lambda **kw: LogisticRegression(max_iter=1000, tol=1e-6, **kw),
    "linear_svc": lambda **kw: LinearSVC(max_iter=20_000, random_state=0, **kw),
}
NEVER = -20.0  # intercept of a label without a training example: a probability of 2e-9


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A trained head.

    Attributes
    ----------
    coef : ndarray of shape (n_labels, n_features)
    intercept, slope, offset, thresholds : ndarray of shape (n_labels,)
        The probability of a label is sigmoid(slope * (coef @ x + intercept) + offset).
    """

    labels: tuple[str, ...]
    coef: FloatArray
    intercept: FloatArray
    slope: FloatArray
    offset: FloatArray
    thresholds: FloatArray

    def decision_function(self, X: sp.csr_matrix) -> FloatArray:
        """Linear scores, shape (n_articles, n_labels)."""
        return np.asarray(X @ self.coef.T + self.intercept)

    def predict_proba(self, X: sp.csr_matrix) -> FloatArray:
        """Probabilities of each label by itself, shape (n_articles, n_labels)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * self.decision_function(X) + self.offset))))


def indicator(label_lists: Sequence[Sequence[str]], labels: Sequence[str]) -> BoolArray:
    """Label lists as a matrix of shape (n_articles, n_labels).

    Raises
    ------
    ValueError
        If an article carries a label that the taxonomy lacks.
    """
    column = {label: i for i, label in enumerate(labels)}
    y = np.zeros((len(label_lists), len(labels)), dtype=bool)
    for row, held in enumerate(label_lists):
        for label in held:
            if label not in column:
                raise ValueError(f"label {label!r} is not in the taxonomy; add it there or mend the row")
            y[row, column[label]] = True
    return y


def fit_head(
    X: sp.csr_matrix,
    y: BoolArray,
    *,
    labels: Sequence[str],
    sample_weight: FloatArray,
    X_valid: sp.csr_matrix,
    y_valid: BoolArray,
    classifier: ClassifierName,
    C: float,
    balanced: bool,
    min_positives: int,
    n_jobs: int = -1,
) -> TrainedHead:
    """Train a head on labelled articles; calibrate and set thresholds on held-out ones.

    Parameters
    ----------
    X, X_valid : csr matrix of shape (n_articles, n_features)
    y, y_valid : bool ndarray of shape (n_articles, n_labels)
    sample_weight : ndarray of shape (n_articles,)
    """
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_fit_label)(X, y[:, j], sample_weight, classifier, C, balanced) for j in range(len(labels))
    )
    # rounded as the model stores them, so that thresholds are set on the very scores that it will give
    coef = np.vstack([c for c, _ in fitted]).astype(np.float32).astype(np.float64)
    intercept = np.array([b for _, b in fitted])
    # margins are no probabilities, and regularization shrinks the scores of rare labels most
    # (of a label never seen in training there is nothing to calibrate)
    slope, offset = fit_platt(np.asarray(X_valid @ coef.T + intercept), y_valid & y.any(axis=0))
    head = TrainedHead(tuple(labels), coef, intercept, slope, offset, np.full(len(labels), 0.5))
    thresholds = choose_thresholds(head.predict_proba(X_valid), y_valid, min_positives=min_positives)
    return TrainedHead(head.labels, coef, intercept, slope, offset, np.where(y.any(axis=0), thresholds, 1.0))


def _fit_label(
    X: sp.csr_matrix,
    y: BoolArray,
    sample_weight: FloatArray,
    classifier: ClassifierName,
    C: float,
    balanced: bool,
) -> tuple[FloatArray, float]:
    if not y.any():
        return np.zeros(X.shape[1]), NEVER
    if y.all():
        return np.zeros(X.shape[1]), -NEVER
    estimator = CLASSIFIERS[classifier](C=C, class_weight="balanced" if balanced else None)
    with threadpool_limits(1):  # sums in one order, whatever the machine's number of cores
        estimator.fit(X, y, sample_weight=sample_weight)
    return estimator.coef_.ravel().astype(np.float64), float(estimator.intercept_[0])


def fit_platt(scores: FloatArray, y: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Slope and offset of Platt's sigmoid for each label, with his smoothed targets.

    Source: J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    slopes, offsets = np.ones(scores.shape[1]), np.zeros(scores.shape[1])
    for j in range(scores.shape[1]):
        n_pos = int(y[:, j].sum())
        n_neg = len(y) - n_pos
        if not n_pos or not n_neg:
            continue
        high, low = (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2)
        target = np.where(y[:, j], high, low)
        # a target t is t positives and 1 - t negatives
        x = np.concatenate([scores[:, j], scores[:, j]])[:, None]
        labels = np.concatenate([np.ones(len(y)), np.zeros(len(y))])
        model = LogisticRegression(C=1e6, max_iter=1000).fit(
            x, labels, sample_weight=np.concatenate([target, 1 - target])
        )
        slopes[j], offsets[j] = model.coef_[0, 0], model.intercept_[0]
    return slopes, offsets


def choose_thresholds(probabilities: FloatArray, y: BoolArray, *, min_positives: int) -> FloatArray:
    """Probability thresholds that maximize each label's F1 on held-out articles.

    A label with fewer than `min_positives` positives takes the threshold that is best for all labels
    counted together (micro-F1): an own one would be fitted to chance. Shape (n_labels,).
    """
    if not y.any():
        return np.full(y.shape[1], 0.5)
    common = best_threshold(probabilities.ravel(), y.ravel())
    return np.array(
        [
            best_threshold(probabilities[:, j], y[:, j]) if y[:, j].sum() >= min_positives else common
            for j in range(y.shape[1])
        ]
    )


def best_threshold(probabilities: FloatArray, y: BoolArray) -> float:
    """The threshold of the highest F1, halfway to the next lower probability."""
    order = np.argsort(-probabilities, kind="stable")
    p, hits = probabilities[order], np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    cut = np.append(p[1:] < p[:-1], True)  # a threshold can't part equal probabilities
    best = int(np.argmax(np.where(cut, f1, -1.0)))
    below = p[best + 1] if best + 1 < len(p) else 0.0
    return float((p[best] + below) / 2)
