"""Measures of the headline comparison by hand."""

from dataclasses import replace

import numpy as np
import pytest

from newsdesk.evaluation.leave_one_outlet_out import SplitPredictions, SystemPredictions
from newsdesk.evaluation.outlet_comparison import (
    compare_systems,
    f1_rows,
    join_splits,
    measure_systems_by_label,
    measure_unnamed,
    prediction_table,
    reliability_rows,
    risk_rows,
)
from newsdesk.evaluation.tables import comparison_rows


def predictions(split: str, ours: list[int], other: list[int]) -> SplitPredictions:
    """Four articles that all have the only label."""
    probabilities = np.array([[0.9], [0.8], [0.7], [0.6]])
    by_system = {
        "newsdesk": SystemPredictions(
            np.array(ours, dtype=bool)[:, None], probabilities, probabilities, np.array(ours) - 1
        ),
        "other": SystemPredictions(np.array(other, dtype=bool)[:, None]),
    }
    names = np.array([f"{split}{i}" for i in range(4)], dtype=object)
    truth, unnamed = np.ones((4, 1), dtype=bool), np.array([False, True, True, True])
    return SplitPredictions(
        split, "region", ("us",), 9, names, names, truth, np.zeros(4, dtype=int), by_system, unnamed
    )


TWO = [predictions("a", [1, 1, 1, 1], [1, 1, 0, 0]), predictions("b", [1, 1, 0, 0], [1, 1, 1, 1])]


def test_mean_and_difference() -> None:
    """F1 of k of four found is 2k / (4 + k)."""
    found = compare_systems(TWO, n_bootstrap=200, seed=0, min_support=4)
    assert found["splits"]["a"]["difference"]["other"]["f1_macro"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["splits"]["a"]["difference"]["other"]["f1_macro_low"] >= 0
    assert found["mean"]["difference"]["other"]["f1_macro"] == 0
    assert found["mean"]["systems"]["newsdesk"]["f1_micro"] == pytest.approx(5 / 6, abs=1e-6)
    assert found["mean"]["best_baseline"] == "other"
    assert found["mean"]["systems"]["newsdesk"]["brier"] == pytest.approx(0.075, abs=1e-6)
    assert "brier" not in found["mean"]["systems"]["other"], "it gives no probabilities"
    assert found["mean"]["systems"]["newsdesk"]["main_label"] == 0.75
    assert found["splits"]["b"]["systems"]["newsdesk"]["first_label"] == 0.5
    assert found["mean"]["systems"]["newsdesk"]["main_label_low"] < 0.75
    assert found["mean"]["systems"]["other"]["main_label"] is None, "its labels have no order"


def test_a_system_of_some_splits_is_compared_on_these() -> None:
    partial = SystemPredictions(np.array([1, 1, 0, 0], dtype=bool)[:, None])
    three = [*TWO, predictions("c", [1, 0, 0, 0], [0] * 4)]
    known = [replace(each, by_system=each.by_system | {"peer": partial}) for each in three[1:]]
    mixed, options = [three[0], *known], {"n_bootstrap": 200, "seed": 0, "min_support": 4}
    found, alone = compare_systems(mixed, **options), compare_systems(three, **options)
    assert "peer" not in found["splits"]["a"]["systems"]
    assert found["mean"]["difference"]["peer"]["f1_micro"] == pytest.approx((0 + 0.4 - 2 / 3) / 2, abs=1e-6)
    assert found["mean"]["best_baseline"] == "other", "the mean of a peer on some outlets is another mean"
    for system in ("newsdesk", "other"):
        assert found["mean"]["systems"][system] == alone["mean"]["systems"][system]
    peer, other = comparison_rows("region", **found)[::-1][:2]
    assert (peer["system"], peer["a"], peer["b"]) == ("peer (2 outlets)", "-", "0.667")
    assert other["system"] == "other"
    by_label = measure_systems_by_label(mixed)
    assert [*by_label["peer"]] == ["b", "c", "all"]
    assert by_label["peer"]["all"]["us"]["support"] == 8
    assert by_label["newsdesk"]["all"]["us"]["support"] == 12


def test_joining_and_filtering_keep_main_and_first_labels() -> None:
    """A filter that left `main` as it was would compare labels of different articles."""
    joined = join_splits([replace(TWO[0], main=np.array([0, -1, -1, -1])), TWO[1]])
    assert joined.main.tolist() == [0, -1, -1, -1, 0, 0, 0, 0]
    assert joined.by_system["newsdesk"].first.tolist() == [0, 0, 0, 0, 0, 0, -1, -1]
    assert joined.by_system["other"].first is None
    kept = joined.filter(np.arange(8) % 4 == 1)
    assert kept.main.tolist() == [-1, 0]
    assert kept.by_system["newsdesk"].first.tolist() == [0, 0]


def test_articles_without_a_place_are_measured_without_and_with_home() -> None:
    """Of the three unnamed articles without home one is found, with home all."""
    [plain] = [predictions("a", [1, 1, 0, 0], [1, 1, 1, 1])]
    with_home = replace(plain, by_system=plain.by_system | {"newsdesk_home": plain.by_system["other"]})
    options = {"n_bootstrap": 20, "seed": 0, "min_support": 1}
    assert measure_unnamed([plain], **options) == {}
    found = measure_unnamed([with_home], **options)["unnamed"]["a"]
    assert found["n_articles"] == 3
    assert found["systems"]["newsdesk"]["f1_micro"] == 0.5
    assert found["systems"]["newsdesk_home"]["f1_micro"] == 1
    assert found["difference"]["f1_micro"] == 0.5
    compared = compare_systems([with_home], **options)
    assert compared["mean"]["best_baseline"] == "other", "ours with home is no baseline"
    unnamed = replace(with_home, unnamed=np.zeros(4, dtype=bool))
    assert measure_unnamed([unnamed], **options) == {"unnamed": {}}


def test_rows_of_plots() -> None:
    found = compare_systems(TWO, n_bootstrap=20, seed=0, min_support=4)
    assert [(row["split"], row["system"]) for row in f1_rows(found)] == [
        (split, system) for split in ("a", "b", "mean") for system in ("newsdesk", "other")
    ]
    assert {row["calibrated"] for row in reliability_rows(join_splits(TWO))} == {False, True}
    points = risk_rows(predictions("a", [1, 1, 1, 0], [0] * 4))
    assert points[0] == {"coverage": 0.25, "risk": 0.0}
    assert points[-1] == {"coverage": 1.0, "risk": 0.25}


def test_labels_of_all_splits_are_counted_together() -> None:
    both = [predictions("a", [1, 1, 1, 1], [0] * 4), predictions("b", [1, 0, 0, 0], [0] * 4)]
    found = measure_systems_by_label(both)
    assert found["newsdesk"]["all"]["us"]["recall"] == 0.625
    assert found["newsdesk"]["all"]["us"]["support"] == 8
    assert found["newsdesk"]["a"]["us"]["coverage"] == 1


def test_table_of_predictions() -> None:
    rows = prediction_table(TWO[:1], "outlet").to_pylist()
    assert len(rows) == 8
    assert rows[0] | {"scores": None} == {
        "protocol": "outlet", "split": "a", "task": "region", "system": "newsdesk", "article_id": "a0",
        "group_id": "a0", "true": ["us"], "predicted": ["us"], "scores": None,
    }  # fmt: skip
    assert rows[0]["scores"] == [("us", 0.9)]
    assert rows[-1]["scores"] is None
    assert rows[-1]["predicted"] == []
