"""Heads: what is learned, calibration out of outlet, and near-duplicates."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from newsdesk.base.settings import Train
from newsdesk.training.calibration import fit_platt
from newsdesk.training.heads import TrainedHead, describe_head, fit_head, score_out_of_outlet, train_head
from newsdesk.training.targets import Targets
from tests.training import first_of

SETTINGS = Train(C=10.0, common_thresholds=(), min_positives=5)


def fit(X: np.ndarray, y: np.ndarray, *, n_jobs: int = 1, **changed: object) -> TrainedHead:
    """Fit a head; by default all articles are trusted, of weight one and in groups of their own."""
    n = len(y)
    targets = Targets(
        "topic", tuple(f"l{j}" for j in range(y.shape[1])), y,
        changed.pop("weights", np.ones(n)), changed.pop("trusted", np.ones(n, dtype=bool)),
        changed.pop("main", first_of(y)),
    )  # fmt: skip
    outlets = changed.pop("outlets", ["one"] * n)
    groups = changed.pop("groups", [f"g{i}" for i in range(n)])
    settings = SETTINGS.model_copy(update=changed)
    return fit_head(
        sp.csr_matrix(X), targets, outlets=outlets, groups=groups, settings=settings, n_jobs=n_jobs
    )


def equal(a: TrainedHead, b: TrainedHead) -> bool:
    names = ("coef", "intercept", "slope", "offset", "thresholds")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svc"])
def test_a_head_learns_and_never_predicts_a_label_without_examples(classifier: str) -> None:
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
    for common in ((), ("topic",)):
        head = fit(X, np.hstack([y, ~y]), outlets=outlets, common_thresholds=common)
        precise, complete = head.profiles["high_precision"], head.profiles["high_recall"]
        assert (precise >= head.thresholds).all()
        assert (complete <= head.thresholds).all()
        assert (complete < precise).all()


def two_outlets() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Each outlet has a feature of its own that gives the label; only the weaker third one works in both."""
    rng = np.random.default_rng(2)
    y = rng.random((400, 1)) < 0.5
    outlets = ["a"] * 200 + ["b"] * 200
    sign = np.where(y[:, 0], 1.0, -1.0)
    own = np.array([[1.0, 0.0]] * 200 + [[0.0, 1.0]] * 200) * sign[:, None]
    return np.column_stack([own, 0.3 * sign + rng.normal(size=400)]), y, outlets


def test_calibration_is_out_of_outlet() -> None:
    """The sigmoid equals one fitted to the scores of scikit-learn, trained on one outlet, for the other."""
    X, y, outlets = two_outlets()
    held = np.empty_like(y, dtype=float)
    for own, other in ((slice(200), slice(200, 400)), (slice(200, 400), slice(200))):
        trained = LogisticRegression(C=10.0, tol=1e-6, max_iter=1000).fit(X[own], y[own, 0])
        held[other, 0] = trained.decision_function(X[other])
    head, by_article = fit(X, y, outlets=outlets), fit(X, y)
    assert head.slope == pytest.approx(fit_platt(held, y)[0], rel=5e-3)
    assert head.slope != pytest.approx(by_article.slope, rel=0.1)
    assert np.array_equal(head.coef, by_article.coef), "the classifier itself is trained on all"


def test_scores_may_be_computed_before() -> None:
    """The scores are those of trusted articles, by the classifier of the other outlet."""
    X, y, outlets = two_outlets()
    groups = [f"g{i}" for i in range(400)]
    trusted, main = np.arange(400) % 3 > 0, np.where(y[:, 0], 0, -1)
    targets = Targets("topic", ("a",), y, np.ones(400), trusted, main)
    options = {"outlets": outlets, "groups": groups, "settings": SETTINGS, "n_jobs": 1}
    scores = score_out_of_outlet(sp.csr_matrix(X), targets, **options)
    assert np.array_equal(np.isnan(scores[:, 0]), ~trusted)
    trained = LogisticRegression(C=10.0, tol=1e-6, max_iter=1000).fit(X[200:], y[200:, 0])
    assert scores[1] == pytest.approx(trained.decision_function(X[1:2]), rel=5e-3)
    given, computed = (fit_head(sp.csr_matrix(X), targets, **options, scores=s) for s in (scores, None))
    assert equal(given, computed)


def test_the_main_label_is_learned_apart_from_the_labels() -> None:
    """Each article has both labels, and the first feature tells which is the main one."""
    X = np.random.default_rng(5).normal(size=(100, 3))
    y = np.ones((200, 2), dtype=bool)
    y[100:] = False
    main = np.concatenate([(X[:, 0] > 0).astype(int), np.full(100, -1)])
    head = fit(np.vstack([X, -9 * np.ones((100, 3))]), y, main=main)
    scores = head.main_scores(sp.csr_matrix(X))
    assert np.mean(scores.argmax(axis=1) == main[:100]) > 0.95
    assert np.mean(head.predict_proba(sp.csr_matrix(X)).argmax(axis=1) == main[:100]) < 0.7


def test_near_duplicates_of_held_out_articles_do_not_train() -> None:
    """Noise with copies in the other outlet, which a classifier memorizes unless groups keep them apart."""
    rng = np.random.default_rng(3)
    half, y_half = rng.normal(size=(60, 80)), rng.random((60, 1)) < 0.5
    X, y, outlets = np.vstack([half, half]), np.vstack([y_half, y_half]), ["a"] * 60 + ["b"] * 60
    X, y = np.vstack([X, rng.normal(size=(30, 80))]), np.vstack([y, rng.random((30, 1)) < 0.5])
    outlets += ["c"] * 30
    copies = [f"g{i % 60}" for i in range(120)] + [f"h{i}" for i in range(30)]
    memorized, unknown = fit(X, y, outlets=outlets), fit(X, y, outlets=outlets, groups=copies)
    assert memorized.slope[0] > 0.2
    assert memorized.offset[0] != 0
    share = y.mean()
    assert unknown.slope[0] == 0, "no sigmoid that rises fits"
    assert unknown.offset[0] == pytest.approx(np.log(share / (1 - share)), abs=0.05)


def test_a_label_of_one_outlet_alone_keeps_its_plain_sigmoid() -> None:
    X, y, outlets = two_outlets()
    only_a = y & (np.array(outlets) == "a")[:, None]
    head = fit(X, only_a, outlets=outlets)
    assert (head.slope[0], head.offset[0]) == (1.0, 0.0)


@pytest.mark.integration
def test_any_number_of_jobs_gives_the_same_bits() -> None:
    X, y, outlets = two_outlets()
    y = np.hstack([y, ~y])
    assert equal(fit(X, y, outlets=outlets, n_jobs=1), fit(X, y, outlets=outlets, n_jobs=2))


def test_an_article_of_weight_zero_is_left_out() -> None:
    X, y, outlets = two_outlets()
    weight = np.ones(400)
    weight[100:150] = 0
    kept = weight > 0
    groups = [f"g{i}" for i in range(400)]
    weighted = fit(X, y, outlets=outlets, groups=groups, weights=weight)
    absent = fit(
        X[kept], y[kept],
        outlets=[o for o, k in zip(outlets, kept, strict=True) if k],
        groups=[g for g, k in zip(groups, kept, strict=True) if k],
    )  # fmt: skip
    assert equal(weighted, absent)


@pytest.mark.parametrize(
    "changed", [{"groups": ["g"] * 4}, {"trusted": np.zeros(4, bool)}, {"weights": np.zeros(4)}]
)
def test_nothing_to_calibrate_on_is_an_error(changed: dict) -> None:
    with pytest.raises(ValueError, match="needs at least two groups"):
        fit(np.eye(4), np.array([[1], [0], [1], [0]], dtype=bool), **changed)


def test_a_head_uses_the_features_that_the_settings_give_it() -> None:
    """Three terms and a place: the place tells the label, and one field holds the first two terms."""
    rng = np.random.default_rng(5)
    y = rng.random((80, 1)) < 0.5
    matrix = sp.csr_matrix(np.hstack([rng.random((80, 3)), y]))
    fields = sp.csr_matrix([[1.0], [1.0], [0.0]])
    groups, outlets = [f"g{i}" for i in range(80)], ["a", "b"] * 40
    trained = {}
    for task in ("region", "topic"):
        targets = Targets(task, ("l",), y, np.ones(80), np.ones(80, dtype=bool), first_of(y))
        trained[task] = train_head(
            matrix, targets, n_terms=3, fields=fields, outlets=outlets, groups=groups, settings=SETTINGS
        )
    assert trained["region"].coef.shape == trained["topic"].coef.shape == (1, 4)
    assert trained["region"].coef[0, 3] > 1
    assert trained["topic"].coef[0, 3] == 0, "topics do not use places"
    origins = ["gold"] * 50 + ["silver"] * 30
    described = describe_head(trained["topic"], targets, origins, settings=SETTINGS)
    assert (described["n_train"]["gold"], described["n_train"]["silver"], described["n_trusted"]) == (
        50,
        30,
        80,
    )
    assert described["n_train_positives"] == {"l": int(y.sum())}
