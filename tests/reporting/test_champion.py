"""Comparison with another model on the same articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.reporting.champion import compare_with_champion, pair_predictions, read_champion
from newsdesk.reporting.predictions import Champion, HeadPredictions
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
    for task, head in from_table.predictions.items():
        assert head.predicted_labels == from_model.predictions[task].predicted_labels
    first, *blocks = compare_with_champion(replace(run, champion=from_model))
    assert first.text == f"The champion is model, SHA-256 {sha256(tiny_model)[:12]}."  # type: ignore[union-attr]
    assert "region: macro F1 shows no difference" in blocks[0].text  # type: ignore[union-attr]


def predictions(ids: list[str], predicted: list[list[str]]) -> HeadPredictions:
    true = [["sport"]] * len(ids)
    return HeadPredictions(("sport", "culture"), ids, ["paper"] * len(ids), ids, true, predicted, None)  # type: ignore[arg-type]


def test_articles_are_paired_by_their_id() -> None:
    own = predictions(["1", "2", "3"], [["sport"], ["culture"], []])
    pair = pair_predictions(own, predictions(["3", "1"], [["culture"], ["sport"]]))
    assert pair.y_run.tolist() == [[True, False], [False, False]]
    assert pair.y_champion.tolist() == [[True, False], [False, True]]
    assert (pair.groups, pair.n_not_compared) == (["1", "3"], 1)


def test_a_champion_without_these_articles_is_a_warning(run: RunContent) -> None:
    _, *blocks = compare_with_champion(replace(run, champion=Champion("other", "0" * 64, {})))
    assert [block.warning for block in blocks] == [True, True]  # type: ignore[union-attr]


def test_errors_name_the_champion(run: RunContent, run_paths: RunPaths, tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"--champion nowhere: no such folder"):
        read_champion("nowhere", run, run_paths.articles)
    empty = read_run(find_run_paths("starter", tmp_path), with_texts=False)
    with pytest.raises(NewsdeskError, match=r"--champion \.: this run has no predictions"):
        read_champion(".", empty, run_paths.articles)
