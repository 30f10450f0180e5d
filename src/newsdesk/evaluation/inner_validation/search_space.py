"""The settings of a head that a search tries, and the linear classifiers among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast, get_args

import numpy as np
import optuna
import scipy.sparse as sp
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import ComplementNB

from newsdesk.base.schema import Origin
from newsdesk.base.settings import Settings
from newsdesk.training.classifiers import NEVER_INTERCEPT, ClassifierName, build_classifier, fit_linear
from newsdesk.training.targets import BoolArray, FloatArray

# linear classifiers beside those of `fit_linear`, so that a model could hold any of them
OTHER_CLASSIFIERS: dict[str, Callable[[float, str | None], Any]] = {
    "ridge": lambda C, weight: RidgeClassifier(alpha=1 / C, class_weight=weight, solver="sparse_cg"),
    "complement_nb": lambda C, _: ComplementNB(alpha=1 / C),
}
STRENGTHS = {
    "logistic_regression": (1.0, 3.0, 10.0, 30.0, 100.0),
    "nb_logistic_regression": (1.0, 3.0, 10.0, 30.0, 100.0),
    "linear_svc": (0.03, 0.1, 0.3, 1.0, 3.0),
    "ridge": (0.1, 0.3, 1.0, 3.0, 10.0),
    "complement_nb": (1.0, 3.0, 10.0, 30.0, 100.0),
}
PLACE_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
FIELD_WEIGHTS = (0.0, 0.2, 0.5, 1.0)
ORIGIN_WEIGHTS = (0.0, 0.1, 0.3, 0.5, 1.0)
Space = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """Settings of one head; `C` is 1 / alpha for ridge and naive Bayes, and a weight of 0 drops a block."""

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
    def params(self) -> dict[str, Any]:
        """Every setting by name, one `weight.ORIGIN` for each origin."""
        weights = {f"weight.{origin}": weight for origin, weight in self.origin_weights.items()}
        return {name: value for name, value in asdict(self).items() if name != "origin_weights"} | weights

    @classmethod
    def of(cls, settings: Settings, task: str) -> HeadSettings:
        """Take the settings of the head of a task from those of the pipeline."""
        train, features = settings.train, settings.features
        return cls(
            classifier=train.classifier,
            C=train.C,
            balanced=train.balanced,
            place_weight=features.place_weight if features.places and task in train.place_tasks else 0.0,
            field_weight=train.field_weight_of(task),
            origin_weights={origin: train.origin_weights.get(origin, 0.0) for origin in get_args(Origin)},
        )


def build_space(current: HeadSettings, origins: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """List the values of each setting to try, the current ones and weights of these origins among them."""
    space: dict[str, tuple[Any, ...]] = {
        "classifier": tuple(STRENGTHS),
        "balanced": (False, True),
        "place_weight": tuple(sorted({*PLACE_WEIGHTS, current.place_weight})),
        "field_weight": tuple(sorted({*FIELD_WEIGHTS, current.field_weight})),
    }
    for name, strengths in STRENGTHS.items():
        own = {current.C} if name == current.classifier else set()
        space[f"C.{name}"] = tuple(sorted({*strengths, *own}))
    for origin in origins:
        space[f"weight.{origin}"] = tuple(sorted({*ORIGIN_WEIGHTS, current.origin_weights[origin]}))
    return space


def first_params(current: HeadSettings, space: Space) -> list[dict[str, Any]]:
    """List the parameters of the first trials: the current ones, then each other classifier's median C."""
    known = {name: value for name, value in current.params.items() if name in space}
    others = [name for name in STRENGTHS if name != current.classifier]
    return [
        known | {f"C.{current.classifier}": current.C},
        *(known | {"classifier": name, f"C.{name}": STRENGTHS[name][2]} for name in others),
    ]


def suggest_settings(trial: optuna.Trial, space: Space, current: HeadSettings) -> HeadSettings:
    """Let a trial suggest settings from the space; settings that are not searched keep their value."""

    def suggest(name: str) -> Any:
        return trial.suggest_categorical(name, space[name])

    classifier = suggest("classifier")
    searched = {name.removeprefix("weight."): suggest(name) for name in space if name.startswith("weight.")}
    return HeadSettings(
        classifier=classifier,
        C=suggest(f"C.{classifier}"),
        balanced=classifier != "complement_nb" and suggest("balanced"),  # it has no prior to balance
        place_weight=suggest("place_weight"),
        field_weight=suggest("field_weight"),
        origin_weights={**current.origin_weights, **searched},
    )


def fit_settings(
    X: sp.csr_matrix, y: BoolArray, sample_weight: FloatArray, *, settings: HeadSettings, n_jobs: int = -1
) -> tuple[FloatArray, FloatArray]:
    """Fit the linear classifiers of all labels, as `fit_linear` does."""
    if settings.classifier not in OTHER_CLASSIFIERS:
        name = cast(ClassifierName, settings.classifier)
        classifier = build_classifier(name, C=settings.C, balanced=settings.balanced)
        return fit_linear(classifier, X, y, sample_weight=sample_weight, n_jobs=n_jobs)
    coef, intercept = np.zeros((y.shape[1], X.shape[1])), np.full(y.shape[1], NEVER_INTERCEPT)
    for j in np.flatnonzero(y.any(axis=0)):
        weight = "balanced" if settings.balanced else None
        estimator = OTHER_CLASSIFIERS[settings.classifier](settings.C, weight)
        estimator.fit(X, y[:, j], sample_weight=sample_weight)
        if settings.classifier == "complement_nb":
            # the score of each of the two classes is a sum over terms, and so is their difference
            coef[j], intercept[j] = np.diff(estimator.feature_log_prob_, axis=0).ravel(), 0.0
        else:
            coef[j], intercept[j] = estimator.coef_.ravel(), np.ravel(estimator.intercept_)[0]
    return coef, intercept
