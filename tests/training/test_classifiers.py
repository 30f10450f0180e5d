"""Linear classifiers: subsets, weights and labels without examples."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from newsdesk.training.classifiers import (
    CLASSIFIERS,
    NEVER_INTERCEPT,
    build_classifier,
    fit_linear,
    fit_subsets,
    log_count_scale,
)

LOGISTIC = build_classifier("logistic_regression", C=1.0, balanced=False)


def made(n: int = 80) -> tuple[sp.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, 3))
    return sp.csr_matrix(X), np.column_stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 1])


def test_equals_scikit_learn() -> None:
    X, y = made()
    coef, intercept = fit_linear(LOGISTIC, X, y, sample_weight=np.ones(80), n_jobs=1)
    expected = LogisticRegression(C=1.0, tol=1e-8).fit(X, y[:, 1])
    assert coef[1] == pytest.approx(expected.coef_[0], abs=1e-3)
    assert intercept[1] == pytest.approx(expected.intercept_[0], abs=1e-3)


def test_naive_bayes_favours_what_tells_a_label_from_the_others() -> None:
    y = np.arange(80) < 20
    X = sp.csr_matrix(np.column_stack([y, np.ones(80), np.ones(80)]) * [0.1, 1.0, 0.0])
    plain, scaled = (
        build_classifier(name, C=1.0, balanced=False).fit(X, y).coef_[0]
        for name in ("logistic_regression", "nb_logistic_regression")
    )
    assert scaled[0] > 1.2 * plain[0] > 0
    scale = log_count_scale(X, y, np.ones(80))
    assert np.mean(scale**2) == pytest.approx(1.0)
    assert scale[0] == scale.max()
    by_hand = LogisticRegression(C=1.0, tol=1e-8).fit(X @ sp.diags(scale), y).coef_[0] * scale
    assert scaled == pytest.approx(by_hand, rel=1e-2, abs=1e-3)


def test_features_that_are_alike_in_both_classes_are_not_scaled() -> None:
    X, y = sp.csr_matrix(np.zeros((4, 2))), np.array([True, False, True, False])
    assert log_count_scale(X, y, np.ones(4)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_matrix_is_only_read(name: str) -> None:
    X, y = made()
    unsorted = sp.csr_matrix((X.data.copy(), X.indices.copy(), X.indptr.copy()), shape=X.shape)
    unsorted.indices[:3], unsorted.data[:3] = unsorted.indices[2::-1].copy(), unsorted.data[2::-1].copy()
    for array in (unsorted.data, unsorted.indices, unsorted.indptr):
        array.flags.writeable = False  # as joblib maps large arrays
    classifier = build_classifier(name, C=1.0, balanced=False)
    expected = classifier.fit(X, y[:, 0]).coef_.copy()
    assert classifier.fit(unsorted, y[:, 0]).coef_ == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_subset_is_as_if_alone(name: str) -> None:
    X, y = made()
    weight = np.linspace(0.5, 1, 80)
    half = np.arange(80) < 40
    classifier = build_classifier(name, C=1.0, balanced=True)
    first, second = fit_subsets(classifier, X, y, [half, ~half], sample_weight=weight, n_jobs=1)
    alone = fit_linear(classifier, X, y, sample_weight=np.where(half, weight, 0), n_jobs=1)
    assert np.array_equal(first[0], alone[0])
    assert np.array_equal(first[1], alone[1])
    assert not np.array_equal(first[0], second[0])


def test_labels_of_all_articles_and_of_none() -> None:
    X, y = made()
    y = np.column_stack([y, np.zeros(80, dtype=bool), np.ones(80, dtype=bool)])
    coef, intercept = fit_linear(LOGISTIC, X, y, sample_weight=np.ones(80), n_jobs=1)
    assert not coef[2:].any()
    assert intercept[2:].tolist() == [NEVER_INTERCEPT, -NEVER_INTERCEPT]


def test_coefficients_are_those_that_a_model_stores() -> None:
    X, y = made()
    coef, _ = fit_linear(LOGISTIC, X, y, sample_weight=np.ones(80), n_jobs=1)
    assert np.array_equal(coef, coef.astype(np.float32))
