"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from newsdesk.metrics import evaluate_head, main_label_pairs, precision_recall_points

LABELS = ("a", "b", "c", "empty")


def made_up(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.random((n, 4)) < [0.5, 0.2, 0.1, 0.0]
    return y, y ^ (rng.random((n, 4)) < 0.1)


def measure(y: np.ndarray, p: np.ndarray, groups: list[str]) -> dict:
    measured, labels = evaluate_head(y, p, labels=LABELS, groups=groups, n_bootstrap=500, seed=0)
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
