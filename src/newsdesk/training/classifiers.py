"""Linear one-vs-rest classifiers: one binary classifier a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from newsdesk.training.targets import BoolArray, FloatArray

ClassifierName = Literal["logistic_regression", "nb_logistic_regression", "linear_svc"]
SMOOTHING = 0.05  # added to the sum of a feature over the articles of a class; a TF-IDF value is about 0.1


class NBLogisticRegression(LogisticRegression):  # type: ignore[misc]
    """Logistic regression on features that are scaled by what naive Bayes says of them.

    A feature is multiplied by the square root of its absolute log-count ratio, so words that tell the label
    from the others are penalized less than words of all articles. `coef_` belongs to the features as given.

    References
    ----------
    S. Wang and C. Manning, "Baselines and bigrams: simple, good sentiment and topic classification", 2012.
    Their features are multiplied by the ratio itself, without a root.

    Examples
    --------
    >>> X, y = sp.csr_matrix([[1.0, 1.0], [0.0, 1.0]]), np.array([True, False])
    >>> classifier = NBLogisticRegression().fit(X, y)
    >>> classifier.coef_.round(2).tolist()
    [[0.66, 0.0]]
    """

    def fit(
        self, X: sp.csr_matrix, y: BoolArray, sample_weight: FloatArray | None = None
    ) -> NBLogisticRegression:
        """Fit to X of shape (n_articles, n_features) and one binary label."""
        scale = log_count_scale(X, y, np.ones(len(y)) if sample_weight is None else sample_weight)
        super().fit((X @ sp.diags(scale)).tocsr(), y, sample_weight)
        self.coef_: FloatArray = self.coef_ * scale
        return self


def log_count_scale(X: sp.csr_matrix, y: BoolArray, sample_weight: FloatArray) -> FloatArray:
    """Compute the square roots of absolute log-count ratios, shape (n_features,), of quadratic mean 1."""
    # `abs(X)` would sort in place, but the large matrices that joblib maps can only be read
    absolute = sp.csr_matrix((np.abs(X.data), X.indices, X.indptr), shape=X.shape)
    positive, negative = (
        absolute.T @ np.where(of_class, sample_weight, 0.0) + SMOOTHING for of_class in (y, ~y)
    )
    ratio = np.log((positive / positive.sum()) / (negative / negative.sum()))
    scale: FloatArray = np.sqrt(np.abs(ratio))
    mean = np.sqrt(np.mean(np.square(scale)))
    return scale / mean if mean else np.ones_like(scale)


# the fastest of scikit-learn's solvers whose scores are right to 0.01 on our matrices
SOLVER = {"solver": "newton-cg", "max_iter": 1000, "tol": 1e-5}
CLASSIFIERS: dict[ClassifierName, Callable[..., Any]] = {
    "logistic_regression": lambda **kw: LogisticRegression(**SOLVER, **kw),
    "nb_logistic_regression": lambda **kw: NBLogisticRegression(**SOLVER, **kw),
    "linear_svc": lambda **kw: LinearSVC(max_iter=20_000, random_state=0, **kw),
}
NEVER_INTERCEPT = -20.0  # of a label without a training example: a probability of 2e-9


def build_classifier(name: ClassifierName, *, C: float, balanced: bool) -> Any:
    """Build the unfitted binary classifier of a label."""
    return CLASSIFIERS[name](C=C, class_weight="balanced" if balanced else None)


def fit_linear(
    classifier: Any, X: sp.csr_matrix, y: BoolArray, *, sample_weight: FloatArray, n_jobs: int = -1
) -> tuple[FloatArray, FloatArray]:
    """Fit a copy of the classifier to each label, without calibration.

    Parameters
    ----------
    X : sparse matrix of shape (n_articles, n_features)
    y : bool ndarray of shape (n_articles, n_labels)
    sample_weight : ndarray of shape (n_articles,)
        Articles of weight 0 are left out.

    Returns
    -------
    coef : ndarray of shape (n_labels, n_features)
    intercept : ndarray of shape (n_labels,)

    Examples
    --------
    >>> X, y = sp.csr_matrix([[1.0, 0.0], [0.0, 1.0]]), np.array([[True], [False]])
    >>> classifier = build_classifier("linear_svc", C=1.0, balanced=False)
    >>> coef, intercept = fit_linear(classifier, X, y, sample_weight=np.ones(2), n_jobs=1)
    >>> (X @ coef.T + intercept > 0).ravel().tolist()
    [True, False]
    """
    subsets = [sample_weight > 0]
    return fit_subsets(classifier, X, y, subsets, sample_weight=sample_weight, n_jobs=n_jobs)[0]


def fit_subsets(
    classifier: Any, X: sp.csr_matrix, y: BoolArray, subsets: Sequence[BoolArray], *,
    sample_weight: FloatArray, n_jobs: int = -1,
) -> list[tuple[FloatArray, FloatArray]]:  # fmt: skip
    """Fit the classifiers of all labels on each subset of the articles."""
    n_labels = y.shape[1]
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_fit_label)(classifier, X_subset, y[rows, j], sample_weight[rows])
        for rows, X_subset in ((rows, X[rows]) for rows in subsets)
        for j in range(n_labels)
    )
    return [_stack(fitted[i : i + n_labels]) for i in range(0, len(fitted), n_labels)]


def _stack(fitted: Sequence[tuple[FloatArray, float]]) -> tuple[FloatArray, FloatArray]:
    """Stack coefficients, rounded as the model stores them: thresholds are chosen for these scores."""
    coefs, intercepts = zip(*fitted, strict=True)
    return np.vstack(coefs).astype(np.float32).astype(np.float64), np.array(intercepts)


def _fit_label(
    classifier: Any, X: sp.csr_matrix, y: BoolArray, sample_weight: FloatArray
) -> tuple[FloatArray, float]:
    if not y.any():
        return np.zeros(X.shape[1]), NEVER_INTERCEPT
    if y.all():
        return np.zeros(X.shape[1]), -NEVER_INTERCEPT
    with threadpool_limits(1):  # sums in one order on any number of cores
        fitted = clone(classifier).fit(X, y, sample_weight=sample_weight)
    return fitted.coef_.ravel().astype(np.float64), float(fitted.intercept_[0])
