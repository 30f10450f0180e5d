"""Search of a head's settings by inner validation, and the choice within one standard error of the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.settings import Settings
from newsdesk.evaluation.inner_validation.corpus import ValidationCorpus
from newsdesk.evaluation.inner_validation.cross_validation import calibrate, draw_mean_f1, score_folds
from newsdesk.evaluation.inner_validation.search_space import (
    HeadSettings,
    Space,
    first_params,
    fit_settings,
    suggest_settings,
)
from newsdesk.evaluation.metrics import summarize_draws
from newsdesk.training.targets import FloatArray, weigh_origins

N_RANDOM = 8  # trials before the sampler learns from earlier ones


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The scores of a head's settings."""

    settings: HeadSettings
    draws: FloatArray  # the mean of macro and micro F1, then of each resample
    measured: Mapping[str, Any]
    seconds: float  # of fitting and scoring, without features

    @property
    def score(self) -> float:
        """The mean of macro and micro F1."""
        return float(self.draws[0])


def use_origins(settings: Settings, task: str, origins: Sequence[str]) -> Settings:
    """Train on labels of these origins, each with weight 1, and give the head unweighted place features."""
    weights = dict.fromkeys(origins, 1.0)
    train = settings.train.model_copy(update={"origin_weights": weights, "place_tasks": (task,)})
    features = settings.features.model_copy(update={"places": True, "place_weight": 1.0})
    return settings.model_copy(update={"train": train, "features": features})


def build_measure(
    read: Callable[[Settings], ValidationCorpus], settings: Settings, task: str
) -> Callable[[HeadSettings], TrialResult]:
    """Build a function that measures settings of a head on the corpora that `read` returns."""

    @cache
    def prepare(origins: tuple[str, ...]) -> tuple[Any, ...]:
        """Read the articles that labels of these origins select: they determine the vocabulary too."""
        corpus = read(use_origins(settings, task, origins))
        return corpus, corpus.build_folds(), corpus.weigh_places(task)

    def measure(head: HeadSettings) -> TrialResult:
        corpus, folds, places = prepare(head.origins)
        started = time.monotonic()
        (targets,) = corpus.labelled.targets
        weights, _ = weigh_origins(
            corpus.labelled.articles[f"{task}_origin"].to_pylist(),
            origin_weights=head.origin_weights, trusted=settings.evaluate.origins,
        )  # fmt: skip
        scored = score_folds(
            folds,
            replace(targets, weights=weights),
            partial(fit_settings, settings=head, n_jobs=corpus.n_jobs),
            groups=corpus.labelled.columns.groups,
            places=head.place_weight * places if head.place_weight else None,
            field_weight=head.field_weight,
        )
        _, y_pred = calibrate(scored, **settings.train.decision_of(task))
        draws = draw_mean_f1(scored, y_pred, settings)
        seconds = round(time.monotonic() - started, 1)
        result = TrialResult(head, draws.mean(axis=1).round(6), summarize_draws(draws), seconds)
        if np.isnan(result.score):
            raise NewsdeskError(
                f"{task}: no label has evaluate.min_support = {settings.evaluate.min_support} trusted "
                "articles of an outlet; lower it or label more articles"
            )
        return result

    return measure


def open_study(storage: Path, name: str) -> optuna.Study:
    """Open an Optuna study in an SQLite file, which is created if it is missing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{storage.absolute()}"
        return optuna.create_study(study_name=name, storage=url, direction="maximize", load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise NewsdeskError(f"{storage}: not usable as the search's SQLite file: {reason}") from None


def run_trials(
    study: optuna.Study,
    measure: Callable[[HeadSettings], TrialResult],
    *,
    current: HeadSettings,
    space: Space,
    n_trials: int,
    seed: int,
) -> Iterator[TrialResult]:
    """Run trials until the study has `n_trials` finished ones, and store each result in the study."""
    first = first_params(current, space)
    for n_finished in range(len(_finished(study)), n_trials):
        # a trial depends on the seed and the finished trials only, so that a search can resume
        sampler_seed = int(np.random.SeedSequence([seed, n_finished]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=N_RANDOM, seed=sampler_seed)
        if n_finished < len(first):
            study.enqueue_trial(first[n_finished])
        trial = study.ask()
        result = measure(suggest_settings(trial, space, current))
        trial.set_user_attr("choice", asdict(result.settings))
        trial.set_user_attr("draws", result.draws.tolist())
        trial.set_user_attr("measured", result.measured)
        trial.set_user_attr("seconds", result.seconds)
        study.tell(trial, result.score)
        yield result


def read_results(study: optuna.Study) -> list[TrialResult]:
    """Read the results of the finished trials, in their order."""
    return [
        TrialResult(
            HeadSettings(**found["choice"]), np.array(found["draws"]), found["measured"], found["seconds"]
        )
        for found in (trial.user_attrs for trial in _finished(study))
    ]


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])


def compare_results(best: TrialResult, other: TrialResult) -> tuple[float, float]:
    """Compute how much better the best is, and the standard error of that over paired resamples."""
    difference = best.draws - other.draws
    return float(difference[0]), float(difference[1:].std())


def find_best(results: Sequence[TrialResult]) -> TrialResult:
    """Find the result of the highest score, of equal ones the earliest."""
    return max(results, key=lambda result: result.score)


def choose_simplest(results: Sequence[TrialResult], current: HeadSettings) -> TrialResult:
    """Choose the simplest settings within one standard error of the best, of equal ones the current.

    Source: L. Breiman et al., "Classification and Regression Trees", 1984. The error here is that of the
    paired difference.
    """
    best = find_best(results)
    near = [result for result in results if np.less_equal(*compare_results(best, result))]

    def complexity(result: TrialResult) -> tuple[Any, ...]:
        head = result.settings
        return (
            head.classifier != "logistic_regression", len(head.origins), head.balanced, head.C,
            head != current, -result.score,
        )  # fmt: skip

    return min(near, key=complexity)


def describe_choice(results: Sequence[TrialResult], current: HeadSettings) -> dict[str, Any]:
    """Describe the chosen settings, their scores and how much better the best are, for a JSON file."""
    chosen = choose_simplest(results, current)
    difference, error = compare_results(find_best(results), chosen)
    return {
        "choice": asdict(chosen.settings),
        "measured": dict(chosen.measured),
        "gap_to_best": {"difference": round(difference, 6), "standard_error": round(error, 6)},
        "settings_today": asdict(current),
    }


def trial_rows(results: Sequence[TrialResult], current: HeadSettings) -> list[dict[str, Any]]:
    """List settings and scores of each trial, and its difference to the best with the standard error."""
    best, chosen = find_best(results), choose_simplest(results, current)
    rows: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        difference, error = compare_results(best, result)
        marks = {"best": result is best, "today": result.settings == current, "chosen": result is chosen}
        rows.append(
            {"trial": number} | result.settings.params | {"score": result.score} | dict(result.measured)
            | {"gap_to_best": round(difference, 6), "standard_error": round(error, 6)}
            | marks | {"seconds": result.seconds}
        )  # fmt: skip
    return rows
