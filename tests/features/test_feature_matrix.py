"""Rows and columns of the training matrix."""

import pyarrow as pa
import pytest

from newsdesk.features.feature_matrix import select_training_rows


@pytest.mark.parametrize("splits", [["train", "valid"], ["train", "valid", "test"]])
def test_rows_are_of_the_splits_and_of_an_origin_with_a_weight(splits: list[str]) -> None:
    articles = pa.table(
        {
            "split": ["train", "valid", "test", "evaluation"] * 3,
            "region_origin": ["gold"] * 4 + [None] * 4 + ["weak"] * 4,
            "topic_origin": pa.array([None] * 12, pa.string()),
        }
    )
    rows = select_training_rows(articles, splits=splits, origin_weights={"gold": 1.0, "weak": 0.0})
    assert rows["split"].to_pylist() == splits
