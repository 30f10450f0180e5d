"""Targets: label matrices, weights and trust by origin."""

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.settings import Settings
from newsdesk.training.targets import (
    build_targets,
    indicator,
    outlet_by_source,
    select_labels,
    weigh_origins,
)


def test_select_labels_inverts_indicator() -> None:
    lists = [["b"], [], ["a", "c"]]
    assert [select_labels("abc", row) for row in indicator(lists, "abc")] == lists


def test_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="'mars' is not in the taxonomy"):
        indicator([["mars"]], ["europe"])


def test_weights_and_trust_by_origin() -> None:
    origins = ["gold", "editor", None, "weak"]
    settings = {"origin_weights": {"gold": 1.0, "editor": 0.5, "weak": 0.0}}
    weights, trusted = weigh_origins(origins, trusted=["gold"], **settings)
    assert weights.tolist() == [1, 0.5, 0, 0]
    assert trusted.tolist() == [True, False, False, False]
    assert weigh_origins(origins[1:], trusted=["gold"], **settings)[1].tolist() == [True, False, False]


def test_targets_are_built_from_columns_and_filtered() -> None:
    columns = {"region": [["us"], None, []], "region_origin": ["gold", None, "section"]}
    targets = build_targets("region", pa.table(columns), labels=["asia", "us"], settings=Settings())
    assert targets.y.tolist() == [[False, True], [False, False], [False, False]]
    assert targets.weights.tolist() == [1.0, 0.0, 0.3]
    last = targets.filter(np.array([False, False, True]))
    assert (last.weights.tolist(), last.trusted.tolist(), last.labels) == ([0.3], [False], ("asia", "us"))


def test_sources_to_outlets() -> None:
    assert outlet_by_source({"saudi": ["okaz", "sabq"]}) == {"okaz": "saudi", "sabq": "saudi"}
