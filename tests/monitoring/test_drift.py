"""PSI and its intervals: numbers worked by hand or published, quiet without change, drift with one."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from newsdesk.monitoring.counts import PredictionCounts
from newsdesk.monitoring.drift import compare, difference_interval, equal_mass_bins, estimate_psi, psi
from newsdesk.monitoring.reference import LIMITS, build_reference
from tests.monitoring.predictions import HEADS, MODEL, scored, unscored


def test_psi_by_hand() -> None:
    """Shares 0.5, 0.5 against 0.4, 0.6: -0.1 ln 0.8 + 0.1 ln 1.2, in both directions."""
    p, q = np.array([0.5, 0.5]), np.array([0.4, 0.6])
    assert psi(p, q) == pytest.approx(-0.1 * np.log(0.8) + 0.1 * np.log(1.2))
    assert psi(p, q) == pytest.approx(psi(q, p))
    assert psi(p, p) == 0


def test_difference_interval_as_published() -> None:
    """56 of 70 less 48 of 80: 0.0524 to 0.3339 by method 10 (Newcombe 1998, table II)."""
    low, high = difference_interval(48, 80, 56, 70)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_psi_by_chance_is_its_mean_over_samples_of_one_population() -> None:
    """The mean is (n_bins - 1) (1/n + 1/m) (Yurdakul's chi-square)."""
    rng = np.random.default_rng(0)
    shares = np.full(8, 1 / 8)
    estimates = [
        estimate_psi(rng.multinomial(2000, shares), rng.multinomial(500, shares), n_bootstrap=200, seed=[i])
        for i in range(200)
    ]
    expected = 7 * (1 / 2000 + 1 / 500)
    assert np.mean([estimate.psi for estimate in estimates]) == pytest.approx(expected, rel=0.15)
    assert np.mean([estimate.by_chance for estimate in estimates]) == pytest.approx(expected, rel=0.15)
    assert np.mean([np.quantile(estimate.draws, 0.025) > 0 for estimate in estimates]) <= 0.05


def test_bins_of_about_equal_mass() -> None:
    counts = np.array([5, 0, 0, 5, 10, 50, 10, 10, 10])
    bins = equal_mass_bins(counts, 5)
    assert np.diff(bins).min() >= 0, "neighbours stay together"
    assert bins[0] == 0
    assert len(np.unique(bins)) == bins[-1] + 1, "numbered without gaps"
    assert equal_mass_bins(np.zeros(4, np.int64)).tolist() == [0] * 4


def count(rows: Sequence[Any], length: int = 500) -> PredictionCounts:
    counts = PredictionCounts(HEADS)
    counts.update(rows, titles=[""] * len(rows), texts=["ا" * (length + i % 50) for i in range(len(rows))])
    return counts


USUAL = [*[scored(["us"], ["sport"], us=0.8)] * 60, *[scored(["asia"], [], asia=0.9)] * 40] * 4
REFERENCE = build_reference(count(USUAL), model=MODEL, sources={})


@pytest.mark.parametrize(
    ("rows", "length", "drifted"),
    [
        (USUAL, 500, []),
        (USUAL[:100], 500, []),
        (USUAL, 5000, ["length"]),
        ([*USUAL, *[unscored("not_arabic")] * 40], 500, ["language"]),
        ([*USUAL, *[unscored("no_evidence")] * 100], 500, ["abstention", "region"]),
        ([scored(["asia"], [], asia=0.9)] * 300, 500, ["region", "topic", "region_scores"]),
        ([scored(["us"], ["sport"], us=0.8, sport=0.7)] * 240 + USUAL[60:100] * 4, 500, ["topic_scores"]),
    ],
)
def test_changed_quantities_drift(rows: list[Any], length: int, drifted: list[str]) -> None:
    report = compare(REFERENCE, count(rows, length))
    assert report["drifted"] == drifted
    assert report["verdict"] == ("drift" if drifted else "quiet")
    assert [row["quantity"] for row in report["quantities"]] == list(LIMITS)
    assert json.loads(json.dumps(report)) == report


def test_too_few_articles() -> None:
    assert compare(REFERENCE, count(USUAL[-10:]))["verdict"] == "too_few"


def test_damaged_references_raise() -> None:
    with pytest.raises(ValueError, match="expected format 1, found 9"):
        compare(REFERENCE | {"format": 9}, count(USUAL))
    with pytest.raises(ValueError, match=r"no drift reference as .* writes it: 'limits'"):
        compare({name: value for name, value in REFERENCE.items() if name != "limits"}, count(USUAL))
    with pytest.raises(ValueError, match="other labels than the model"):
        compare(REFERENCE, PredictionCounts({"region": ("us",), "topic": ("sport",)}))
