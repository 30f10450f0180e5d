"""Heads: calibration and thresholds against hand-worked and brute-force answers."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from newsdesk.training.classifiers import (
    TrainedHead,
    assign_folds,
    best_threshold,
    choose_thresholds,
    complete_threshold,
    fit_head,
    fit_platt,
    indicator,
    precise_threshold,
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=12)
)
def test_best_threshold_is_best(rows: list[tuple[float, bool]]) -> None:
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    if not y.any():
        return
    candidates = [f1_score(y, p >= t, zero_division=0) for t in (0.0, 0.15, 0.3, 0.6, 0.8, 0.95)]
    assert f1_score(y, p >= best_threshold(p, y), zero_division=0) == pytest.approx(max(candidates))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=60)
)
def test_profiles_are_the_widest_and_the_narrowest_that_keep_their_word(
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
    assert np.array_equal(p >= precise_threshold(p, y), p >= lowest)
    highest = max(t for t, found in recall.items() if found >= 0.95)
    assert np.array_equal(p >= complete_threshold(p, y), p >= highest)


def test_where_no_threshold_is_precise_the_most_precise_is_taken() -> None:
    p, y = np.array([0.9, 0.8, 0.6, 0.4]), np.array([False, True, True, False])
    assert precise_threshold(p, y) == pytest.approx(0.5)  # 2 of 3; 1 of 2 and 2 of 4 elsewhere


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


SETTINGS = {
    "classifier": "logistic_regression", "C": 10.0, "balanced": False, "common_threshold": False, "n_jobs": 1,
}  # fmt: skip


def fit(X: np.ndarray, y: np.ndarray, **changed: object) -> TrainedHead:
    """A head of articles that are all trusted, of weight one and alike no other, but for what is changed."""
    n, labels = y.shape
    defaults = {
        "labels": [f"l{j}" for j in range(labels)],
        "sample_weight": np.ones(n),
        "outlets": ["one"] * n,
        "groups": [f"g{i}" for i in range(n)],
        "trusted": np.ones(n, dtype=bool),
        "min_positives": 5,
    }
    return fit_head(sp.csr_matrix(X), y, **(defaults | SETTINGS | changed))


def equal(a: TrainedHead, b: TrainedHead) -> bool:
    names = ("coef", "intercept", "slope", "offset", "thresholds")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svc"])
def test_fit_head_learns_and_knows_what_it_never_saw(classifier: str) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 3))
    y = np.column_stack([X[:, 0] > 0, np.zeros(200, dtype=bool)])
    head = fit(X[:150], y[:150], classifier=classifier)
    p = head.predict_proba(sp.csr_matrix(X[150:]))
    assert ((p[:, 0] >= head.thresholds[0]) == y[150:, 0]).mean() > 0.95
    assert p[:, 1].max() < 1e-6 < head.thresholds[1] == 1.0
    assert [chosen[1] for chosen in head.profiles.values()] == [1.0, 1.0]


def test_the_labels_of_a_profile_are_among_those_of_the_next() -> None:
    X, y, outlets = two_outlets()
    for common in (False, True):
        head = fit(X, np.hstack([y, ~y]), outlets=outlets, common_threshold=common)
        precise, complete = head.profiles["high_precision"], head.profiles["high_recall"]
        assert (precise >= head.thresholds).all()
        assert (complete <= head.thresholds).all()
        assert (complete < precise).all()


def two_outlets() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Within an outlet its own feature tells the label; only the weaker third one holds in both."""
    rng = np.random.default_rng(2)
    y = rng.random((400, 1)) < 0.5
    outlets = ["a"] * 200 + ["b"] * 200
    sign = np.where(y[:, 0], 1.0, -1.0)
    own = np.array([[1.0, 0.0]] * 200 + [[0.0, 1.0]] * 200) * sign[:, None]
    return np.column_stack([own, 0.3 * sign + rng.normal(size=400)]), y, outlets


def test_calibration_is_out_of_outlet() -> None:
    """The same sigmoid as fitted by hand on what scikit-learn, trained on one outlet, scores the other."""
    X, y, outlets = two_outlets()
    held = np.empty_like(y, dtype=float)
    for own, other in ((slice(200), slice(200, 400)), (slice(200, 400), slice(200))):
        trained = LogisticRegression(C=10.0, tol=1e-6, max_iter=1000).fit(X[own], y[own, 0])
        held[other, 0] = trained.decision_function(X[other])
    head, by_article = fit(X, y, outlets=outlets), fit(X, y)
    assert head.slope == pytest.approx(fit_platt(held, y)[0], rel=5e-3)
    assert head.slope != pytest.approx(by_article.slope, rel=0.1)
    assert np.array_equal(head.coef, by_article.coef), "the classifier itself is trained on all"


def test_near_duplicates_of_the_held_out_do_not_train() -> None:
    """Noise with copies in the other outlet: known by heart, were it not for the groups."""
    rng = np.random.default_rng(3)
    half, y_half = rng.normal(size=(60, 80)), rng.random((60, 1)) < 0.5
    X, y, outlets = np.vstack([half, half]), np.vstack([y_half, y_half]), ["a"] * 60 + ["b"] * 60
    X, y = np.vstack([X, rng.normal(size=(30, 80))]), np.vstack([y, rng.random((30, 1)) < 0.5])
    outlets += ["c"] * 30
    copies = [f"g{i % 60}" for i in range(120)] + [f"h{i}" for i in range(30)]
    by_heart, unknown = fit(X, y, outlets=outlets), fit(X, y, outlets=outlets, groups=copies)
    assert by_heart.slope[0] > 0.2
    assert by_heart.offset[0] != 0
    share = y.mean()
    assert unknown.slope[0] == 0, "no sigmoid that rises fits"
    assert unknown.offset[0] == pytest.approx(np.log(share / (1 - share)), abs=0.05)


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


def test_a_label_of_one_outlet_alone_keeps_its_plain_sigmoid() -> None:
    X, y, outlets = two_outlets()
    only_a = y & (np.array(outlets) == "a")[:, None]
    head = fit(X, only_a, outlets=outlets)
    assert (head.slope[0], head.offset[0]) == (1.0, 0.0)


def test_any_number_of_jobs_gives_the_same_bits() -> None:
    X, y, outlets = two_outlets()
    y = np.hstack([y, ~y])
    assert equal(fit(X, y, outlets=outlets, n_jobs=1), fit(X, y, outlets=outlets, n_jobs=2))


def test_a_weight_of_zero_is_as_if_absent() -> None:
    X, y, outlets = two_outlets()
    weight = np.ones(400)
    weight[100:150] = 0
    kept = weight > 0
    groups = [f"g{i}" for i in range(400)]
    weighted = fit(X, y, outlets=outlets, groups=groups, sample_weight=weight)
    absent = fit(
        X[kept], y[kept],
        outlets=[o for o, k in zip(outlets, kept, strict=True) if k],
        groups=[g for g, k in zip(groups, kept, strict=True) if k],
    )  # fmt: skip
    assert equal(weighted, absent)


@pytest.mark.parametrize(
    "changed", [{"groups": ["g"] * 4}, {"trusted": np.zeros(4, bool)}, {"sample_weight": np.zeros(4)}]
)
def test_nothing_to_calibrate_on_is_told(changed: dict) -> None:
    with pytest.raises(ValueError, match="two are needed"):
        fit(np.eye(4), np.array([[1], [0], [1], [0]], dtype=bool), **changed)


def test_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="'mars' is not in the taxonomy"):
        indicator([["mars"]], ["europe"])
