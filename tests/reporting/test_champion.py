"""Comparison with another model on the same articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.reporting.champion import compare_with_champion, pair_rows, read_champion
from newsdesk.reporting.predictions import Champion, HeadPredictions
from newsdesk.reporting.render import table_rows
from newsdesk.reporting.run_files import RunContent, RunPaths, find_run_paths, read_run


@pytest.fixture(scope="module")
def run(run_paths: RunPaths) -> RunContent:
    return read_run(run_paths, with_texts=False)


def test_a_model_predicts_as_the_table_of_its_run(
    run: RunContent, run_paths: RunPaths, tiny_run: Path, tiny_model: Path
) -> None:
    from_table = read_champion(str(tiny_run), run, run_paths.articles)
    from_model = read_champion(str(tiny_model), run, run_paths.articles)
    assert (from_model.name, from_model.sha256) == ("model", sha256(tiny_model))
    assert from_table.predictions == from_model.predictions
    first, *blocks = compare_with_champion(replace(run, champion=from_model))
    assert first.text == f"Champion: model, SHA-256 {sha256(tiny_model)[:12]}."  # type: ignore[union-attr]
    assert blocks[0].caption == "region: this run is not shown to differ from the champion"  # type: ignore[union-attr]


def predictions(ids: list[str], predicted: list[list[str]]) -> HeadPredictions:
    true = [["sport"]] * len(ids)
    return HeadPredictions(("sport", "culture"), ids, ["paper"] * len(ids), ids, true, predicted, None)  # type: ignore[arg-type]


def test_articles_are_paired_by_their_id() -> None:
    own = predictions(["1", "2", "3"], [["sport"], ["culture"], []])
    pairs = zip(*pair_rows("topic", own, {"3": ["culture"], "1": ["sport"]}), strict=True)
    assert [(a["group_id"], a["topic_predicted"], b["topic_predicted"]) for a, b in pairs] == [
        ("1", ["sport"], ["sport"]), ("3", ["culture"], []),
    ]  # fmt: skip


def test_a_better_run_is_shown_by_head_and_label(run: RunContent) -> None:
    ids = [str(i) for i in range(40)]
    own = predictions(ids, [["sport"]] * 40)
    champion = Champion("other", "0" * 64, {"topic": {name: ["culture"] for name in ids}})
    _, table, figure = compare_with_champion(replace(run, predictions={"topic": own}, champion=champion))
    assert table.caption == "topic: this run is better than the champion"  # type: ignore[union-attr]
    texts = [[cell.text for cell in row] for row in table_rows(table)]
    assert texts[0] == ["macro F1", "40", "0.000", "1.000", "+1.000 (+1.000 to +1.000)", "better"]
    assert [row[0] for row in texts[1:]] == ["Culture", "Sport"]
    assert "Sport, n=40" in figure.svg  # type: ignore[union-attr]


def test_a_champion_without_these_articles_is_a_warning(run: RunContent) -> None:
    _, *blocks = compare_with_champion(replace(run, champion=Champion("other", "0" * 64, {})))
    assert [block.warning for block in blocks] == [True, True]  # type: ignore[union-attr]


def test_errors_name_the_champion(run: RunContent, run_paths: RunPaths, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"--champion nowhere: no such folder"):
        read_champion("nowhere", run, run_paths.articles)
    empty = read_run(find_run_paths("starter", tmp_path), with_texts=False)
    with pytest.raises(NewsdeskError, match=r"--champion \.: this run has no predictions"):
        read_champion(".", empty, run_paths.articles)
