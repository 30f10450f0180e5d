"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    coverage_at_precision,
    draw_f1,
    draw_first,
    evaluate_head,
    main_label_pairs,
    precision_recall_points,
    reliability_points,
    risk_coverage_points,
    summarize_draws,
)

LABELS = ("a", "b", "c", "empty")


def made_up(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.random((n, 4)) < [0.5, 0.2, 0.1, 0.0]
    return y, y ^ (rng.random((n, 4)) < 0.1)


def first_true(y: np.ndarray) -> np.ndarray:
    return np.where(y.any(axis=1), y.argmax(axis=1), -1)


def measure(y: np.ndarray, p: np.ndarray, groups: list[str]) -> dict:
    measured, labels = evaluate_head(
        y, p, main=first_true(y), first=first_true(p), labels=LABELS, groups=groups, n_bootstrap=500, seed=0
    )
    return measured | {"labels": labels}


def test_equals_scikit_learn() -> None:
    y, p = made_up()
    measured = measure(y, p, [str(i) for i in range(len(y))])
    precision, recall, f1, support = precision_recall_fscore_support(y, p, zero_division=0)
    for j, label in enumerate(LABELS):
        of_label = measured["labels"][label]
        assert of_label["precision"] == pytest.approx(precision[j], abs=1e-6)
        assert of_label["recall"] == pytest.approx(recall[j], abs=1e-6)
        assert of_label["f1"] == pytest.approx(f1[j], abs=1e-6)
        assert of_label["support"] == support[j]
    assert measured["f1_macro"] == pytest.approx(f1[:3].mean(), abs=1e-6), (
        "a label without support is left out"
    )
    micro = precision_recall_fscore_support(y, p, average="micro")[2]
    assert measured["f1_micro"] == pytest.approx(micro, abs=1e-6)
    assert measured["exact_match"] == pytest.approx((y == p).all(axis=1).mean(), abs=1e-6)


def test_first_labels_by_hand() -> None:
    """Of five articles one has no label; two of the others begin with the main label, three with a true one."""
    y = np.array([[1, 1], [1, 1], [1, 0], [0, 1], [0, 0]], dtype=bool)
    main, first = np.array([0, 0, 0, 1, -1]), np.array([0, 1, 0, -1, 0])
    options = {"groups": list("abcde"), "n_bootstrap": 200, "seed": 0}
    draws = draw_first(y, main, first, **options)
    assert draws[0].tolist() == [0.5, 0.75]
    measured = summarize_draws(draws, ("main_label", "first_label"))
    assert 0 <= measured["main_label_low"] < 0.5 < measured["main_label_high"] <= 1
    none = draw_first(y[4:], main[4:], first[4:], groups=["e"], n_bootstrap=10, seed=0)
    assert summarize_draws(none, ("main_label", "first_label"))["main_label"] is None


def test_interval_holds_the_value_and_copies_widen_it() -> None:
    y, p = made_up()
    alone = measure(y, p, [str(i) for i in range(len(y))])
    assert alone["f1_micro_low"] < alone["f1_micro"] < alone["f1_micro_high"]
    # each article four times, as copies of one story: as wide as without the copies, not half as wide
    copies = [m.repeat(4, axis=0) for m in (y, p)]
    grouped = measure(*copies, [str(i // 4) for i in range(4 * len(y))])
    naive = measure(*copies, [str(i) for i in range(4 * len(y))])

    def width(m: dict) -> float:
        return m["f1_micro_high"] - m["f1_micro_low"]

    assert width(grouped) == pytest.approx(width(alone), rel=0.15)
    assert width(naive) < 0.6 * width(grouped)


def test_perfect_predictions_are_perfect_in_every_resample() -> None:
    y = np.zeros((120, 4), dtype=bool)
    y[:60, 0] = y[60:, 1] = y[5, 2] = True  # one label with a single positive
    measured = measure(y, y, [str(i) for i in range(120)])
    assert [measured[f"f1_macro{s}"] for s in ("_low", "", "_high")] == [1, 1, 1]


def test_points_end_where_all_is_recalled() -> None:
    y = np.array([[1, 0], [0, 0], [1, 0]], dtype=bool)
    points = precision_recall_points(y, np.array([[0.9, 0.1], [0.5, 0.2], [0.4, 0.1]]))
    assert {"recall": 1.0, "precision": 0.666667} in points


def test_main_labels() -> None:
    assert main_label_pairs([["a", "b"], []], [[], ["b"]]) == [
        {"actual": "a", "predicted": "none"},
        {"actual": "none", "predicted": "b"},
    ]


ONE = np.ones((2, 1), dtype=bool)
FIRST, SECOND = np.array([[True], [False]]), np.array([[False], [True]])


@pytest.mark.parametrize(
    ("p", "q", "difference"),
    [
        # of two articles a resample holds the first twice (1/4), both (1/2) or the second twice (1/4):
        # F1 of ONE is 1, 1, 1; of FIRST 1, 2/3, 0; of SECOND 0, 2/3, 1
        (ONE, FIRST, (1 / 3, 0, 1)),
        (FIRST, SECOND, (0, -1, 1)),
        (FIRST, FIRST, (0, 0, 0)),
    ],
)
def test_paired_bootstrap_by_hand(p: np.ndarray, q: np.ndarray, difference: tuple[float, ...]) -> None:
    draws = [draw_f1(ONE, y_pred, groups=["g", "h"], n_bootstrap=400, seed=1) for y_pred in (p, q)]
    measured = summarize_draws(draws[0] - draws[1])
    for name in ("f1_macro", "f1_micro"):
        assert [measured[f"{name}{s}"] for s in ("", "_low", "_high")] == pytest.approx(difference, abs=1e-6)


def test_a_group_is_drawn_as_a_whole() -> None:
    draws = draw_f1(ONE, FIRST, groups=["g", "g"], n_bootstrap=50, seed=1)
    assert np.allclose(draws, 2 / 3)


def test_mean_of_outlets_is_narrower_than_each() -> None:
    """Draws of independent outlets even out: of four alike, the interval of the mean is half as wide."""
    y, p = made_up()
    groups = [str(i) for i in range(len(y))]
    draws = [draw_f1(y, p, groups=groups, n_bootstrap=1000, seed=(0, i)) for i in range(4)]
    one, mean = summarize_draws(draws[0]), summarize_draws(np.mean(draws, axis=0))
    assert mean["f1_micro"] == one["f1_micro"]
    ratio = (mean["f1_micro_high"] - mean["f1_micro_low"]) / (one["f1_micro_high"] - one["f1_micro_low"])
    assert ratio == pytest.approx(0.5, abs=0.1)


def test_macro_is_over_labels_with_support() -> None:
    y = np.array([[1, 0], [1, 0], [1, 1]], dtype=bool)
    p = np.array([[1, 0], [1, 0], [1, 0]], dtype=bool)
    assert [
        draw_f1(y, p, groups=["a", "b", "c"], n_bootstrap=10, seed=0, min_support=n)[0, 0] for n in (1, 2)
    ] == [0.5, 1.0]
    none = summarize_draws(draw_f1(y, p, groups=["a", "b", "c"], n_bootstrap=10, seed=0, min_support=4))
    assert none["f1_macro"] is None
    assert none["f1_micro"] == pytest.approx(6 / 7, abs=1e-6)


def test_calibration_by_hand() -> None:
    """30 probabilities in 15 bins of two: one bin of 0.5 with one true, one of 0.9 with none, 13 right ones."""
    p = np.array([0.0] * 26 + [0.5, 0.5] + [0.9, 0.9]).reshape(15, 2)
    y = np.array([0] * 26 + [1, 0] + [0, 0], dtype=bool).reshape(15, 2)
    assert calibration_error(y, p) == pytest.approx(2 * 0.9 / 30, abs=1e-6)
    assert brier_score(y, p) == pytest.approx((2 * 0.25 + 2 * 0.81) / 30, abs=1e-6)
    assert reliability_points(y, p)[-2:] == [
        {"predicted": 0.5, "observed": 0.5, "n": 2},
        {"predicted": 0.9, "observed": 0.0, "n": 2},
    ]


def test_risk_coverage_by_hand() -> None:
    right = np.array([True, False, True, True])
    points = risk_coverage_points(right, np.array([0.9, 0.5, 0.8, 0.5]))
    assert points == [
        {"coverage": 0.25, "risk": 0.0},
        {"coverage": 0.5, "risk": 0.0},
        {"coverage": 1.0, "risk": 0.25},  # articles of equal confidence enter together
    ]


def test_coverage_at_precision_by_hand() -> None:
    y = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]], dtype=bool)
    p = np.array([[0.9, 0, 0.9], [0.8, 0, 0.8], [0.7, 0, 0.1], [0.6, 0, 0.2]])
    assert coverage_at_precision(y, p, precision=0.95) == [pytest.approx(2 / 3, abs=1e-6), None, 0.0]
    assert coverage_at_precision(y, p, precision=0.75)[0] == 1.0
