"""The search space of a head, and its classifiers."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
import scipy.sparse as sp

from newsdesk.evaluation.inner_validation.search_space import (
    STRENGTHS,
    HeadSettings,
    build_space,
    first_params,
    fit_settings,
    suggest_settings,
)
from tests.evaluation.made import SETTINGS

CURRENT = HeadSettings.of(SETTINGS, "region")


def test_current_settings_come_first_and_suggestions_are_of_the_space() -> None:
    own = replace(CURRENT, C=7.0)
    space = build_space(own, ["silver", "editor"])
    study = optuna.create_study()
    study.enqueue_trial(first_params(own, space)[0])
    assert suggest_settings(study.ask(), space, CURRENT) == own
    for _ in range(30):
        found = suggest_settings(study.ask(), space, CURRENT)
        assert found.C in space[f"C.{found.classifier}"]
        assert found.origin_weights["section"] == CURRENT.origin_weights["section"], "it is not searched"
        assert not (found.classifier == "complement_nb" and found.balanced)


def test_params_name_each_weight() -> None:
    params = CURRENT.params
    assert params["weight.editor"] == 0.5
    assert "origin_weights" not in params
    assert replace(CURRENT, origin_weights={"gold": 1.0, "weak": 0.0}).origins == ("gold",)


@pytest.mark.parametrize("classifier", STRENGTHS)
def test_every_classifier_is_linear(classifier: str) -> None:
    """A label that follows its column is found, one without articles is never predicted."""
    X = sp.csr_matrix(np.eye(3)[[0, 0, 1, 1, 2, 2]])
    y = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)
    settings = replace(CURRENT, classifier=classifier, C=STRENGTHS[classifier][-1])
    coef, intercept = fit_settings(X, y, np.ones(6), settings=settings, n_jobs=1)
    scores = X @ coef.T + intercept
    assert coef.shape == (3, 3)
    for label in (0, 1):
        assert scores[y[:, label], label].min() > scores[~y[:, label], label].max()
    assert scores[:, 2].max() < -10
