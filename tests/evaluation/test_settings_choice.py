"""The choice of settings by inner validation."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from newsdesk.base.settings import Evaluate, Train
from newsdesk.evaluation.settings_choice import describe_choice, inner_f1, score_candidates
from newsdesk.evaluation.splits import SplitColumns
from newsdesk.training.targets import Targets

N = 120
RNG = np.random.default_rng(4)
X = RNG.normal(size=(N, 3))
Y = np.column_stack([X[:, 0] > 0, X[:, 0] <= 0])
NAMES = np.array([str(i) for i in range(N)], dtype=object)
OUTLETS = np.array(["a", "b", "c"] * (N // 3), dtype=object)
EVERY = np.ones(N, dtype=bool)
COLUMNS = SplitColumns(NAMES, OUTLETS, NAMES, np.full(N, None), EVERY, EVERY, ~EVERY)
TARGETS = Targets("topic", ("x", "z"), Y, np.ones(N), EVERY, Y.argmax(axis=1))
TRAIN = Train(min_positives=5, common_thresholds=())


def score(candidates: list[Train], task: str = "topic") -> list:
    return score_candidates(
        candidates, lambda train: sp.csr_matrix(X), replace(TARGETS, task=task), COLUMNS,
        settings=Evaluate(min_support=5), n_jobs=1,
    )  # fmt: skip


def test_candidates_share_classifiers_and_equal_ones_count_once() -> None:
    other, weight, decision = (
        TRAIN.model_copy(update=update)
        for update in ({"C": 0.01}, {"field_weight": 0.3}, {"most_labels": {"topic": 1}})
    )
    found = score([TRAIN, other, weight, decision, TRAIN])
    assert [each.settings for each in found] == [TRAIN, other, weight, decision]
    assert found[3].scores is found[0].scores
    assert not np.array_equal(found[1].scores, found[0].scores)
    assert len(score([TRAIN, weight, decision], "region")) == 1, "fields and the limit are those of topics"


def test_a_choice_names_what_candidates_vary() -> None:
    other = TRAIN.model_copy(update={"C": 0.01, "most_labels": {"region": 1}})
    found = score([TRAIN, other])
    described = describe_choice(found, 1, "topic")
    assert described["chosen"] == {"C": 0.01}
    assert described["candidates"][0] == {"C": 10.0, "f1": round(found[0].f1, 6)}


def test_inner_f1_is_the_mean_over_outlets() -> None:
    """All is right in outlet a; in b every label z is wrong; c has too few articles to count."""
    outlets = np.array(["a"] * 60 + ["b"] * 57 + ["c"] * 3, dtype=object)
    y = np.zeros((N, 2), dtype=bool)
    y[::2, 0], y[1::2, 1] = True, True
    said = y.copy()
    said[60:117, 1] = False
    scores = np.where(said, 4.0, -4.0)
    targets = replace(TARGETS, y=y)
    in_b = (1.0 + 0.0) / 2, 2 * 28 / (2 * 28 + 29)  # macro and micro
    expected = np.mean([1.0, 1.0, *in_b])
    found = inner_f1(scores, targets, outlets, train=TRAIN, min_support=10)
    assert found == pytest.approx(expected, abs=0.01)
    together = inner_f1(scores, targets, outlets, train=TRAIN, min_support=1000)
    assert together == pytest.approx(inner_f1(scores, targets, np.full(N, "a"), train=TRAIN, min_support=1))


def test_a_label_without_a_score_is_not_predicted() -> None:
    scores = np.column_stack([np.where(Y[:, 0], 4.0, -4.0), np.full(N, np.nan)])
    train = TRAIN.model_copy(update={"floors": {"topic": 0.1}})
    assert inner_f1(scores, TARGETS, OUTLETS, train=train, min_support=5) < 1
