"""Wrong labels, and the words that contributed to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsdesk.base.files import read_table, write_table
from newsdesk.inference.explain import Contribution
from newsdesk.reporting.blocks import Mistake
from newsdesk.reporting.mistakes import list_mistakes, sum_by_word
from newsdesk.reporting.predictions import read_predictions
from newsdesk.reporting.run_files import RunPaths, read_run
from tests.reporting.page import Page


def test_every_wrong_label_is_listed_once_with_its_words(html: str, run_paths: RunPaths) -> None:
    page = Page(html)
    listed = [(a["data-id"], a["data-label"], a["data-kind"]) for a in page.all("li", "mistake")]
    name = read_run(run_paths, with_texts=False).name
    expected = []
    for row in read_table(run_paths.predictions).to_pylist():
        for task in ("region", "topic"):
            if row[f"{task}_origin"] == "gold":
                true, predicted = {*row[f"{task}_true"]}, {*row[f"{task}_predicted"]}
                expected += [(row["article_id"], name(label), "missed") for label in true - predicted]
                expected += [(row["article_id"], name(label), "spurious") for label in predicted - true]
    assert sorted(listed) == sorted(expected)
    assert len(page.all("mark")) > len(listed)
    assert all(a == {"dir": "rtl", "lang": "ar"} for a in page.all("h3") if "dir" in a)


def test_predictions_on_outlets_left_out_are_those_of_newsdesk(tmp_path: Path) -> None:
    row = {
        "protocol": "outlet", "split": "skynews", "task": "topic", "system": "newsdesk", "article_id": "1",
        "group_id": "1", "true": ["sport"], "predicted": ["culture"],
        "scores": [("sport", 0.1), ("culture", 0.9)],
    }  # fmt: skip
    others = [{"system": "majority"}, {"protocol": "contrast"}]
    schema = pa.schema(
        [(name, pa.string()) for name in list(row)[:6]]
        + [("true", pa.list_(pa.string())), ("predicted", pa.list_(pa.string()))]
        + [("scores", pa.map_(pa.string(), pa.float64()))]
    )
    table = pa.Table.from_pylist([row, *(row | other for other in others)], schema=schema)
    write_table(table, tmp_path / "predictions.parquet")
    predictions = read_predictions(tmp_path / "predictions.parquet", origins=["gold"])
    assert [*predictions] == ["topic"]
    assert np.array_equal(predictions["topic"].y_true, [[True, False]])
    expected = [
        Mistake("1", "topic", "culture", "skynews", "spurious", 0.9, None, ["sport"], ["culture"]),
        Mistake("1", "topic", "sport", "skynews", "missed", 0.1, None, ["sport"], ["culture"]),
    ]
    assert list_mistakes(predictions, {}) == expected


def test_contributions_are_summed_by_word() -> None:
    # over "ab cd", over "ab", and one that is of no place in the text
    places = [(0, 5, 1.0), (0, 2, -0.1), (None, None, 9.0)]
    contributions = [
        Contribution("text", start, end, "surface", "word", "term", value) for start, end, value in places
    ]
    spans = sum_by_word("ab cd", contributions)
    assert [(span.start, span.stop) for span in spans] == [(0, 2), (3, 5)]
    assert [span.value for span in spans] == pytest.approx([0.3, 0.4])
