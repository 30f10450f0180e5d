"""The search of settings: resumption, and the simplest settings within one standard error."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.inner_validation.corpus import read_validation_corpus
from newsdesk.evaluation.inner_validation.hyperparameter_search import (
    TrialResult,
    build_measure,
    choose_simplest,
    open_study,
    read_results,
    run_trials,
    trial_rows,
)
from newsdesk.evaluation.inner_validation.search_space import STRENGTHS, HeadSettings, build_space
from tests.evaluation.made import SETTINGS

CURRENT = HeadSettings.of(SETTINGS, "region")
SPACE = build_space(CURRENT, ["editor"])


def measure(settings: HeadSettings) -> TrialResult:
    """A score that depends on the settings only."""
    score = 0.8 + 0.01 * np.log(settings.C) - settings.place_weight / 10 - 0.1 * settings.balanced
    return TrialResult(settings, np.array([score, score + 0.01, score - 0.01]), {"f1_macro": score}, 1.0)


def search(storage: Path, *, n_trials: int) -> list[TrialResult]:
    study = open_study(storage, "s")
    for _ in run_trials(study, measure, current=CURRENT, space=SPACE, n_trials=n_trials, seed=3):
        pass
    return read_results(study)


def test_a_resumed_search_runs_the_same_trials(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole.db", n_trials=12)
    search(tmp_path / "halves.db", n_trials=5)
    resumed = search(tmp_path / "halves.db", n_trials=12)
    assert trial_rows(whole, CURRENT) == trial_rows(resumed, CURRENT)
    assert [result.settings.classifier for result in whole[: len(STRENGTHS)]] == [*STRENGTHS], (
        "current settings with each"
    )
    assert len(search(tmp_path / "whole.db", n_trials=6)) == 12, "nothing is left to run"


def test_rows_mark_the_current_the_best_and_the_chosen_trial() -> None:
    rows = trial_rows([measure(CURRENT), measure(replace(CURRENT, C=30.0))], CURRENT)
    assert [row["today"] for row in rows] == [True, False]
    assert [row["best"] for row in rows] == [False, True]
    assert sum(row["chosen"] for row in rows) == 1
    assert rows[0]["gap_to_best"] == round(0.01 * np.log(3), 6)


def test_settings_are_measured_on_the_outlets_left_out(audit_inputs: dict[str, Path]) -> None:
    read = partial(read_validation_corpus, **audit_inputs, tasks=("region",), n_jobs=1)
    run = build_measure(read, SETTINGS, "region")
    found, again = run(CURRENT), run(CURRENT)
    assert found.score > 0.9
    assert np.array_equal(found.draws, again.draws)
    assert len(found.draws) == 1 + SETTINGS.evaluate.n_bootstrap
    no_support = SETTINGS.evaluate.model_copy(update={"min_support": 500})
    settings = SETTINGS.model_copy(update={"evaluate": no_support})
    with pytest.raises(NewsdeskError, match=r"region: no label has evaluate\.min_support = 500"):
        build_measure(read, settings, "region")(CURRENT)


def result(scores: list[float], **changed: object) -> TrialResult:
    return TrialResult(replace(CURRENT, **changed), np.array(scores), {}, 1.0)


SAME = [0.80, 0.78, 0.82, 0.80]
BEST = result(SAME, classifier="linear_svc")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # the difference is 0.01 with a spread of 0.02; then with none, however wide each spreads by itself
        ([result([0.79, 0.76, 0.78, 0.82], C=30.0)], 1),
        ([result([0.79, 0.77, 0.81, 0.79], C=30.0)], 0),
        ([result(SAME, C=30.0), result(SAME, C=3.0)], 2),
        ([result(SAME, C=3.0), result(SAME, origin_weights={"gold": 1.0})], 2),
        ([result(SAME, place_weight=1.0), result(SAME)], 2),
        ([result(SAME, balanced=True, C=1.0), result(SAME)], 2),
    ],
    ids=["within", "beyond", "smaller C", "fewer origins", "current", "not balanced"],
)
def test_the_simplest_within_one_standard_error(others: list[TrialResult], expected: int) -> None:
    every = [BEST, *others]
    assert choose_simplest(every, CURRENT) is every[expected]


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    other = tmp_path / "search.db"
    other.write_text("this is no database, but a text of some length" * 50)
    with pytest.raises(NewsdeskError, match="not usable as the search's SQLite file"):
        open_study(other, "s")
