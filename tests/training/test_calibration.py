"""Calibration and thresholds against hand-worked and brute-force answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from newsdesk.training.calibration import (
    assign_folds,
    choose_thresholds,
    f1_threshold,
    fit_platt,
    precision_threshold,
    recall_threshold,
)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=12)
)
def test_f1_threshold_is_best(rows: list[tuple[float, bool]]) -> None:
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    if not y.any():
        return
    candidates = [f1_score(y, p >= t, zero_division=0) for t in (0.0, 0.15, 0.3, 0.6, 0.8, 0.95)]
    assert f1_score(y, p >= f1_threshold(p, y), zero_division=0) == pytest.approx(max(candidates))


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=60)
)
def test_profile_thresholds_are_the_lowest_and_the_highest_that_reach_their_target(
    rows: list[tuple[float, bool]],
) -> None:
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    if not y.any():
        return
    candidates = (0.05, 0.15, 0.3, 0.6, 0.8)
    precision = {t: y[p >= t].mean() for t in candidates if (p >= t).any()}
    recall = {t: y[p >= t].sum() / y.sum() for t in candidates}
    wanted = min(0.95, max(precision.values()))
    lowest = min(t for t, found in precision.items() if found >= wanted)
    assert np.array_equal(p >= precision_threshold(p, y), p >= lowest)
    highest = max(t for t, found in recall.items() if found >= 0.95)
    assert np.array_equal(p >= recall_threshold(p, y), p >= highest)


def test_the_most_precise_threshold_if_none_reaches_the_target() -> None:
    p, y = np.array([0.9, 0.8, 0.6, 0.4]), np.array([False, True, True, False])
    assert precision_threshold(p, y) == pytest.approx(0.5)  # 2 of 3; 1 of 2 and 2 of 4 elsewhere


def test_rare_labels_share_a_threshold() -> None:
    p = np.array([[0.9, 0.3], [0.8, 0.2], [0.4, 0.1], [0.1, 0.05]])
    y = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], dtype=bool)
    thresholds = choose_thresholds(p, y, min_positives=2)
    assert thresholds[0] == pytest.approx(0.25)  # between 0.4 and 0.1, the label's own
    assert thresholds[1] == pytest.approx(f1_threshold(p.ravel(), y.ravel()))


def test_without_positives_thresholds_are_half() -> None:
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


def test_sigmoids_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40_000, 1))  # of so many BLAS splits the sums among threads
    y = scores + rng.normal(size=scores.shape) > 1
    fitted = set()
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            fitted.add(np.concatenate(fit_platt(scores, y)).tobytes())
    assert len(fitted) == 1


@pytest.mark.parametrize(
    ("outlets", "n_trusted", "folds"),
    [
        ("aaabbbcd", 8, "11122200"),  # the small ones together
        ("aaabbbcd", 6, "11122200"),
        ("aaaaabcd", 8, "11111000"),
        ("aaaaaaaa", 8, None),
        ("aaaabbbb", 4, None),  # nothing of b can be scored against the truth
    ],
)
def test_folds(outlets: str, n_trusted: int, folds: str | None) -> None:
    trusted = np.arange(8) < n_trusted
    groups = [f"g{i // 2}" for i in range(8)]
    found = assign_folds([*outlets], groups, trusted, min_articles=3)
    if folds:
        assert "".join(map(str, found)) == folds
    else:
        assert len({*found.tolist()}) == 4, "one a group"
        assert (found[::2] == found[1::2]).all()


@pytest.mark.parametrize(
    ("outlets", "folds"),
    [
        ("aaaabbbbccccddddeeee", "aaaa bbbb cccc dddd eeee"),
        ("aaaabbbbccccddddeeeef", "aaaaeeee bbbb cccc dddd f"),
        ("aaabbbcccddddddeeefffggg", "ddddddfff aaaggg bbb ccc eee"),
    ],
)
def test_large_outlets_share_at_most_five_folds(outlets: str, folds: str) -> None:
    """Dealt from the largest on, of equal ones by name; the small ones stay together."""
    names = np.array([*outlets])
    found = assign_folds([*outlets], [*outlets], np.ones(len(outlets), dtype=bool), min_articles=3)
    together = {"".join(names[found == fold]) for fold in np.unique(found)}
    assert together == {"".join(sorted(fold)) for fold in folds.split()}
