"""The frozen test set: its hash, and the dates of its sources."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from newsdesk.evaluation.test_set import hash_test_set, select_test_set, source_spans
from tests.recorded_runs import make_predictions


def test_hash_of_ids_groups_and_trusted_labels() -> None:
    predictions = make_predictions(errors=0.1, seed=1)

    def sha256(table: pa.Table, *origins: str) -> str:
        return hash_test_set(select_test_set(table, origins=origins))

    first = sha256(predictions, "gold")
    shuffled = predictions.take(np.random.default_rng(0).permutation(len(predictions)))
    assert first == sha256(shuffled, "gold") == sha256(make_predictions(errors=0.3, seed=2), "gold")
    assert first != sha256(predictions.slice(1), "gold")
    assert first != sha256(make_predictions(errors=0.1, seed=1, test_seed=1), "gold")
    for column, value in (("group_id", "g"), ("topic_true", ["sport"])):
        at = predictions.schema.get_field_index(column)
        changed = [value, *predictions[column].to_pylist()[1:]]
        assert first != sha256(predictions.set_column(at, predictions.schema.field(at), [changed]), "gold")
    untrusted = predictions.set_column(
        predictions.schema.get_field_index("topic_origin"),
        "topic_origin",
        pa.array(["silver"] * len(predictions)),
    )
    assert select_test_set(untrusted, origins=["gold"])[0]["topic_true"] is None
    assert sha256(untrusted, "gold") != sha256(untrusted, "gold", "silver") == first


def test_dates_of_sources() -> None:
    day = pa.array([None, 86_400_000_000, 0], pa.timestamp("us", tz="UTC"))
    spans = source_spans(pa.table({"source": ["b", "a", "a"], "published": day}))
    assert spans == {
        "a": {"n": 2, "first": "1970-01-01", "last": "1970-01-02"},
        "b": {"n": 1, "first": None, "last": None},
    }
