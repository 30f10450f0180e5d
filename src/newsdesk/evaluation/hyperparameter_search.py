"""Search of a head's settings on inner validation, and the simplest of those within one standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, get_args

import numpy as np
import optuna
import scipy.sparse as sp
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import ComplementNB

from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings
from newsdesk.evaluation.audits import Study
from newsdesk.evaluation.cross_validation import Fold, calibrate, draw_mean_f1, score_outlets
from newsdesk.evaluation.metrics import summarize_draws
from newsdesk.evaluation.splits import BoolArray, FloatArray, weigh
from newsdesk.training.classifiers import NEVER, fit_linear

# beside those of `heads`, of each label by itself; all are linear, so that any of them could be served
OTHERS: dict[str, Callable[[float, str | None], Any]] = {
    "ridge": lambda C, weight: RidgeClassifier(alpha=1 / C, class_weight=weight, solver="sparse_cg"),
    "complement_nb": lambda C, _: ComplementNB(alpha=1 / C),
}
STRENGTHS = {
    "logistic_regression": (1.0, 3.0, 10.0, 30.0, 100.0),
    "linear_svc": (0.03, 0.1, 0.3, 1.0, 3.0),
    "ridge": (0.1, 0.3, 1.0, 3.0, 10.0),
    "complement_nb": (1.0, 3.0, 10.0, 30.0, 100.0),
}
PLACE_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
FIELD_WEIGHTS = (0.0, 0.2, 0.5, 1.0)
ORIGIN_WEIGHTS = (0.0, 0.1, 0.3, 0.5, 1.0)
N_RANDOM = 8  # trials before the sampler learns from earlier ones


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings of one head.

    Attributes
    ----------
    C : float
        Of ridge and naive Bayes 1 / alpha.
    place_weight, field_weight : float
        0 where the head is not told places, where fields share no weights.
    """

    classifier: str
    C: float
    balanced: bool
    place_weight: float
    field_weight: float
    origin_weights: Mapping[str, float]

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins of the labels that train."""
        return tuple(origin for origin, weight in self.origin_weights.items() if weight)

    @property
    def values(self) -> dict[str, Any]:
        """Every setting under a name of its own."""
        weights = {f"weight.{origin}": weight for origin, weight in self.origin_weights.items()}
        return {name: value for name, value in asdict(self).items() if name != "origin_weights"} | weights


@dataclass(frozen=True, slots=True)
class Tried:
    """A choice and its score, the mean of macro and micro F1, as measured and by resample of groups.

    Attributes
    ----------
    draws : ndarray of shape (1 + n_bootstrap,)
    measured : mapping
        Macro and micro F1, each with its interval.
    seconds : float
        Of fitting and scoring, without features.
    """

    choice: Choice
    draws: FloatArray
    measured: Mapping[str, Any]
    seconds: float

    @property
    def score(self) -> float:
        """The mean of macro and micro F1."""
        return float(self.draws[0])


def read_choice(settings: Settings, task: str) -> Choice:
    """The choice that the settings make for a head."""
    train, features = settings.train, settings.features
    return Choice(
        classifier=train.classifier,
        C=train.C,
        balanced=train.balanced,
        place_weight=features.place_weight if features.places and task in train.place_tasks else 0.0,
        field_weight=train.field_weight_of(task),
        origin_weights={origin: train.origin_weights.get(origin, 0.0) for origin in get_args(Origin)},
    )


def build_space(today: Choice, origins: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """The values of each setting that are tried, those of today among them.

    Parameters
    ----------
    origins : sequence of str
        Those whose weights are searched.
    """
    space: dict[str, tuple[Any, ...]] = {
        "classifier": tuple(STRENGTHS),
        "balanced": (False, True),
        "place_weight": tuple(sorted({*PLACE_WEIGHTS, today.place_weight})),
        "field_weight": tuple(sorted({*FIELD_WEIGHTS, today.field_weight})),
    }
    for name, strengths in STRENGTHS.items():
        own = {today.C} if name == today.classifier else set()
        space[f"C.{name}"] = tuple(sorted({*strengths, *own}))
    for origin in origins:
        space[f"weight.{origin}"] = tuple(sorted({*ORIGIN_WEIGHTS, today.origin_weights[origin]}))
    return space


def first_trials(today: Choice, space: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Today's settings, then these with each other classifier at the middle of its strengths."""
    known = {name: value for name, value in today.values.items() if name in space}
    others = [name for name in STRENGTHS if name != today.classifier]
    return [
        known | {f"C.{today.classifier}": today.C},
        *(known | {"classifier": name, f"C.{name}": STRENGTHS[name][2]} for name in others),
    ]


def suggest(trial: optuna.Trial, space: Mapping[str, tuple[Any, ...]], today: Choice) -> Choice:
    """A choice from the space; what is not searched is as today."""

    def pick(name: str) -> Any:
        return trial.suggest_categorical(name, space[name])

    classifier = pick("classifier")
    searched = {name.removeprefix("weight."): pick(name) for name in space if name.startswith("weight.")}
    return Choice(
        classifier=classifier,
        C=pick(f"C.{classifier}"),
        balanced=classifier != "complement_nb" and pick("balanced"),  # it has no prior to balance
        place_weight=pick("place_weight"),
        field_weight=pick("field_weight"),
        origin_weights={**today.origin_weights, **searched},
    )


def next_trial(study: optuna.Study, first: Sequence[dict[str, Any]], *, seed: int) -> optuna.Trial:
    """Ask for a trial; it depends on the seed and the finished trials alone, so a search may be resumed."""
    done = len(study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]))
    rng = int(np.random.SeedSequence([seed, done]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=N_RANDOM, seed=rng)
    if done < len(first):
        study.enqueue_trial(first[done])
    return study.ask()


def try_choice(choice: Choice, study: Study, folds: Sequence[Fold], places: sp.csr_matrix) -> Tried:
    """Fit a choice without each outlet in turn, and measure it on the outlet's trusted articles.

    Parameters
    ----------
    study : Study
        Of one task, its articles those that the choice's origins label.
    folds : sequence of Fold
        Of that study.
    places : csr matrix of shape (n_articles, n_values)
        Unweighted.
    """
    started = time.monotonic()
    (task,) = study.tasks
    weights, _ = weigh(
        study.articles[f"{task.name}_origin"].to_pylist(),
        origin_weights=choice.origin_weights, trusted=study.settings.evaluate.origins,
    )  # fmt: skip
    scored = score_outlets(
        folds,
        replace(task, weights=weights),
        partial(fit, choice=choice, n_jobs=study.n_jobs),
        groups=study.rows.groups,
        beside=choice.place_weight * places if choice.place_weight else None,
        field_weight=choice.field_weight,
    )
    _, said = calibrate(scored, **study.settings.train.decision_of(task.name))
    draws = draw_mean_f1(scored, said, study.settings)
    seconds = round(time.monotonic() - started, 1)
    return Tried(choice, draws.mean(axis=1).round(6), summarize_draws(draws), seconds)


def fit(
    X: sp.csr_matrix, y: BoolArray, sample_weight: FloatArray, *, choice: Choice, n_jobs: int = -1
) -> tuple[FloatArray, FloatArray]:
    """Linear classifiers of all labels: `coef` (n_labels, n_features) and `intercept` (n_labels,)."""
    if choice.classifier not in OTHERS:
        return fit_linear(
            X, y, sample_weight=sample_weight,
            classifier=choice.classifier,  # type: ignore[arg-type]
            C=choice.C, balanced=choice.balanced, n_jobs=n_jobs,
        )  # fmt: skip
    coef, intercept = np.zeros((y.shape[1], X.shape[1])), np.full(y.shape[1], NEVER)
    for j in np.flatnonzero(y.any(axis=0)):
        estimator = OTHERS[choice.classifier](choice.C, "balanced" if choice.balanced else None)
        estimator.fit(X, y[:, j], sample_weight=sample_weight)
        if choice.classifier == "complement_nb":
            # of two classes the score of each is a sum over terms, and so is their difference
            coef[j], intercept[j] = np.diff(estimator.feature_log_prob_, axis=0).ravel(), 0.0
        else:
            coef[j], intercept[j] = estimator.coef_.ravel(), np.ravel(estimator.intercept_)[0]
    return coef, intercept


def gap(best: Tried, other: Tried) -> tuple[float, float]:
    """How much better the best is, and the standard error of that: its spread over paired resamples."""
    difference = best.draws - other.draws
    return float(difference[0]), float(difference[1:].std())


def find_best(tried: Sequence[Tried]) -> Tried:
    """The choice of the highest score, of equal ones the earliest."""
    return max(tried, key=lambda each: each.score)


def choose(tried: Sequence[Tried], today: Choice) -> Tried:
    """The simplest of those within one standard error of the best.

    Simpler is, in this order: logistic regression, fewer label origins, no balancing, a smaller C; of equally
    simple ones today's settings, then the better.

    Source of the rule: L. Breiman et al., "Classification and Regression Trees", 1984; the error is that of
    the paired difference here.
    """
    best = find_best(tried)
    near = [each for each in tried if np.less_equal(*gap(best, each))]

    def complexity(each: Tried) -> tuple[Any, ...]:
        choice = each.choice
        return (
            choice.classifier != "logistic_regression", len(choice.origins), choice.balanced, choice.C,
            choice != today, -each.score,
        )  # fmt: skip

    return min(near, key=complexity)


def tabulate(tried: Sequence[Tried], today: Choice) -> list[dict[str, Any]]:
    """A row a trial: settings, figures, and its distance to the best with the standard error of that."""
    best, chosen = find_best(tried), choose(tried, today)
    rows: list[dict[str, Any]] = []
    for number, each in enumerate(tried):
        difference, error = gap(best, each)
        marks = {"best": each is best, "today": each.choice == today, "chosen": each is chosen}
        rows.append(
            {"trial": number} | each.choice.values | {"score": each.score} | dict(each.measured)
            | {"gap_to_best": round(difference, 6), "standard_error": round(error, 6)}
            | marks | {"seconds": each.seconds}
        )  # fmt: skip
    return rows
