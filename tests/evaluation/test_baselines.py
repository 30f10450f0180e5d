"""Baselines by hand."""

import numpy as np
import pytest

from newsdesk.evaluation.baselines import PlaceRule, fit_place_rule, majority_set
from newsdesk.inference.mentions import place_feature_names

REGIONS = ("asia", "us")


def places(**values: float) -> np.ndarray:
    names = place_feature_names(REGIONS)
    return np.array([[values.get(name.replace(":", "_"), 0.0) for name in names]])


@pytest.mark.parametrize(
    ("found", "regions"),
    [
        ({"asia_title": 1, "asia_share": 0.6}, [True, False]),
        ({"asia_title": 1, "asia_share": 0.2}, [False, False]),
        ({"us_lead_count": np.log1p(2), "us_share": 0.6}, [False, True]),
        ({"us_lead_count": np.log1p(1), "us_share": 0.6}, [False, False]),
        ({}, [False, False]),
    ],
)
def test_place_rule(found: dict, regions: list[bool]) -> None:
    assert PlaceRule(lead_mentions=2, min_share=0.3).predict(places(**found), REGIONS)[0].tolist() == regions


def test_place_rule_is_fitted_to_the_labels() -> None:
    """Three lead mentions are needed: two of the us are no label here."""
    rows = np.vstack([places(us_lead_count=np.log1p(n), us_share=1) for n in (1, 2, 3, 4)])
    y = np.array([[0, 0], [0, 0], [0, 1], [0, 1]], dtype=bool)
    assert fit_place_rule(rows, y, REGIONS).lead_mentions == 3


def test_majority_is_of_sets() -> None:
    """Each label alone is held more often than not, both together are the commonest set by one."""
    y = np.array([[1, 1], [1, 1], [1, 0], [0, 1]], dtype=bool)
    assert majority_set(y).tolist() == [True, True]
