"""Which labels hold: thresholds, at most so many labels, the likeliest from a floor on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.settings import Train
from newsdesk.inference.decision import Head, decide
from newsdesk.inference.scorer import Scorer

P = np.array([[0.9, 0.6, 0.5], [0.3, 0.1, 0.3], [0.1, 0.05, 0.0], [np.nan, np.nan, np.nan], [0.1, 0.7, 0.7]])
THRESHOLDS = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("most", "floor", "expected"),
    [
        (None, None, [[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]]),
        (2, None, [[1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]]),
        (1, None, [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]),  # of equal ones the first
        (None, 0.2, [[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]]),
        (2, 0.1, [[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1]]),
    ],
)
def test_decide(most: int | None, floor: float | None, expected: list[list[int]]) -> None:
    before = P.copy()
    assert decide(P, THRESHOLDS, most=most, floor=floor).astype(int).tolist() == expected
    assert np.array_equal(P, before, equal_nan=True)


def test_a_label_that_holds_by_its_own_threshold_needs_no_floor() -> None:
    held = decide(np.array([[0.4, 0.3]]), (0.5, 0.2), most=None, floor=0.1)
    assert held.tolist() == [[False, True]], "the likeliest is added only where none holds"


def test_no_article() -> None:
    assert decide(np.empty((0, 3)), THRESHOLDS, most=2, floor=0.2).shape == (0, 3)


def test_settings_name_the_heads() -> None:
    train = Train(most_labels={"topic": 2}, floors={"topic": 0.2})
    assert train.decision_of("topic") == {"most": 2, "floor": 0.2}
    assert train.decision_of("region") == {"most": None, "floor": None}


def test_a_model_follows_its_rule_and_a_wrong_one_is_named(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))

    def load(**rule: float) -> Scorer:
        for head in info["heads"]:
            head["thresholds"] = [1.0] * len(head["labels"])
            head.update(rule)
        (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
        return Scorer.load(folder)

    text = "قال وزير الخارجية إن الحكومة في بغداد تتابع المفاوضات مع الجيش بعد هجوم على المدينة أمس."
    (prediction,) = load(most=1, floor=0.0001).predict(["الحكومة العراقية"], [text])
    for task, labels in prediction.labels.items():
        assert labels == [max(prediction.scores[task], key=lambda label: prediction.scores[task][label])]
    with pytest.raises(ValueError, match="labels at most, found 0"):
        load(most=0)
    with pytest.raises(ValueError, match="expected a floor from 0 to 1, found 2"):
        load(most=1, floor=2)


def test_a_profile_s_rule_keeps_its_promise() -> None:
    """At most one label, its likeliest from 0.2 on: recall is not capped, precision is given nothing unsure."""
    profiles = {"balanced": (0.5, 0.5), "high_precision": (0.9, 0.9), "high_recall": (0.3, 0.3)}
    head = Head("topic", ("a", "b"), profiles["balanced"], slice(0, 2), profiles, most=1, floor=0.2)
    rows = np.array([[0.8, 0.7], [0.95, 0.92], [0.25, 0.1]])
    assert head.decide(rows).tolist() == [[True, False], [True, False], [True, False]]
    assert head.decide(rows, "high_precision").tolist() == [[False, False], [True, False], [False, False]]
    assert head.decide(rows, "high_recall").tolist() == [[True, True], [True, True], [True, False]]
