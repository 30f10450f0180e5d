"""Heads: calibration and thresholds against hand-worked and brute-force answers."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from newsdesk.heads import best_threshold, choose_thresholds, fit_head, fit_platt, indicator


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=12)
)
def test_best_threshold_is_best(rows: list[tuple[float, bool]]) -> None:
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    if not y.any():
        return
    candidates = [f1_score(y, p >= t, zero_division=0) for t in (0.0, 0.15, 0.3, 0.6, 0.8, 0.95)]
    assert f1_score(y, p >= best_threshold(p, y), zero_division=0) == pytest.approx(max(candidates))


def test_rare_labels_share_a_threshold() -> None:
    p = np.array([[0.9, 0.3], [0.8, 0.2], [0.4, 0.1], [0.1, 0.05]])
    y = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], dtype=bool)
    thresholds = choose_thresholds(p, y, min_positives=2)
    assert thresholds[0] == pytest.approx(0.25)  # between 0.4 and 0.1, the label's own
    assert thresholds[1] == pytest.approx(best_threshold(p.ravel(), y.ravel()))


def test_no_positive_at_all_is_half() -> None:
    assert choose_thresholds(np.full((3, 2), 0.2), np.zeros((3, 2), bool), min_positives=1).tolist() == [
        0.5,
        0.5,
    ]


def test_platt_recovers_a_known_sigmoid() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 1))
    y = rng.random((20_000, 1)) < 1 / (1 + np.exp(-(3 * scores - 1)))
    slope, offset = fit_platt(scores, y)
    assert slope[0] == pytest.approx(3, abs=0.15)
    assert offset[0] == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svc"])
def test_fit_head_learns_and_knows_what_it_never_saw(classifier: str) -> None:
    rng = np.random.default_rng(1)
    X = sp.csr_matrix(rng.normal(size=(200, 3)))
    y = np.column_stack([X[:, [0]].toarray().ravel() > 0, np.arange(200) >= 160])  # the second only held out
    head = fit_head(
        X[:150], y[:150], labels=("a", "never"), sample_weight=np.ones(150), X_valid=X[150:], y_valid=y[150:],
        classifier=classifier, C=10.0, balanced=False, min_positives=5, n_jobs=1,
    )  # fmt: skip
    p = head.predict_proba(X[150:])
    assert ((p[:, 0] >= head.thresholds[0]) == y[150:, 0]).mean() > 0.95
    assert p[:, 1].max() < 1e-6 < head.thresholds[1] == 1.0, (
        "never said, however often it is in the held-out rows"
    )


def test_a_weight_of_zero_is_as_if_absent() -> None:
    X = sp.csr_matrix(np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]]))
    y = np.array([[1], [0], [0], [1]], dtype=bool)
    settings = {
        "labels": ("a",),
        "classifier": "logistic_regression",
        "C": 1.0,
        "balanced": False,
        "n_jobs": 1,
    }
    held = {"X_valid": X[:2], "y_valid": y[:2], "min_positives": 1}
    weighted = fit_head(X, y, sample_weight=np.array([1.0, 1, 0, 0]), **held, **settings)
    absent = fit_head(X[:2], y[:2], sample_weight=np.ones(2), **held, **settings)
    assert np.allclose(weighted.coef, absent.coef, atol=1e-5)


def test_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="'mars' is not in the taxonomy"):
        indicator([["mars"]], ["europe"])
