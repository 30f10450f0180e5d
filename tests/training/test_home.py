"""Home features: invented weights are found again, and heads are as before without them."""

import numpy as np
import pytest
import scipy.sparse as sp

from newsdesk.base.settings import Train
from newsdesk.inference.home import HOME_NAMES
from newsdesk.training.calibration import sigmoid
from newsdesk.training.heads import train_head
from newsdesk.training.home import fit_home, home_coef
from newsdesk.training.targets import Targets
from tests.training import first_of

N_NAMES, N_REGIONS = len(HOME_NAMES), 3


def made(n: int, *, seed: int = 0) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    """Home features of random articles, the numbers of their home regions, and log-odds without homes."""
    rng = np.random.default_rng(seed)
    homes = rng.integers(0, N_REGIONS, n)
    values = np.zeros((n, N_REGIONS, N_NAMES))
    situation = rng.integers(0, 3, n)
    values[np.arange(n), homes, 0] = situation == 0
    values[np.arange(n), homes, 1] = situation == 1
    values[np.arange(n), homes, 2] = (situation == 1) & (rng.random(n) < 0.5)
    return sp.csr_matrix(values.reshape(n, -1)), homes, rng.normal(-1, 2, (n, N_REGIONS))


def test_invented_weights_are_found_again() -> None:
    values, homes, log_odds = made(40_000)
    rng = np.random.default_rng(1)
    own, other = rng.normal(0, 1.5, (2, N_NAMES))
    is_home = homes[:, None] == np.arange(N_REGIONS)
    weights = np.where(is_home[:, :, None], own, other)
    by_article = values.toarray().reshape(len(homes), N_REGIONS, N_NAMES).sum(axis=1)
    y = rng.random(log_odds.shape) < sigmoid(log_odds + (weights * by_article[:, None]).sum(axis=2))
    found = fit_home(values, log_odds, y)
    assert np.abs(found[0] - own).max() < 0.15
    assert np.abs(found[1] - other).max() < 0.15


def test_coefficients_times_slope_add_the_weights() -> None:
    own, other, slope = np.arange(1.0, N_NAMES + 1), -np.arange(1.0, N_NAMES + 1), np.array([2.0, 0.5, 0.0])
    values, homes, _ = made(20)
    by_article = values.toarray().reshape(20, N_REGIONS, N_NAMES).sum(axis=1)
    added = slope * (values @ home_coef(own, other, slope).T)
    for i, home in enumerate(homes):
        for label in range(2):
            expected = by_article[i] @ (own if label == home else other)
            assert added[i, label] == pytest.approx(expected)
    assert (added[:, 2] == 0).all()


def test_articles_without_a_home_or_log_odds_take_no_part() -> None:
    values, _, log_odds = made(300)
    y = np.random.default_rng(2).random(log_odds.shape) < 0.3
    expected = fit_home(values, log_odds, y)
    more = sp.vstack([values, sp.csr_matrix((50, values.shape[1])), values[:50]], format="csr")
    more_odds = np.vstack([log_odds, log_odds[:50], np.full((50, N_REGIONS), np.nan)])
    found = fit_home(more, more_odds, np.vstack([y, y[:50], y[:50]]))
    assert np.array_equal(found, expected)
    none = fit_home(more[300:], more_odds[300:], np.vstack([y[:50], y[:50]]))
    assert not np.any(none)


@pytest.mark.parametrize("task", ["region", "topic"])
def test_a_head_with_home_features_is_as_before_in_all_other_columns(task: str) -> None:
    homes, _, _ = made(300)
    rng = np.random.default_rng(4)
    X = sp.csr_matrix(rng.normal(size=(300, 4)))
    y = (X[:, :3].toarray() + rng.normal(size=(300, 3))) > 0
    targets = Targets(task, ("a", "b", "c"), y, np.ones(300), np.ones(300, dtype=bool), first_of(y))
    options = {
        "n_terms": 3, "fields": sp.csr_matrix((3, 0)), "outlets": ["a"] * 150 + ["b"] * 150,
        "groups": [f"g{i}" for i in range(300)], "settings": Train(field_tasks=()),
    }  # fmt: skip
    plain = train_head(X, targets, **options)
    head = train_head(sp.hstack([X, homes], format="csr"), targets, n_home=homes.shape[1], **options)
    assert np.array_equal(head.coef[:, :4], plain.coef)
    for name in ("intercept", "slope", "offset", "thresholds"):
        assert np.array_equal(getattr(head, name), getattr(plain, name))
    assert head.coef[:, 4:].any() == (task == "region")
