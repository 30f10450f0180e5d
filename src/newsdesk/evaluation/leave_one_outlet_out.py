"""The systems of the headline comparison: trained on one side of a split, measured on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from newsdesk.base.normalization import Normalization
from newsdesk.base.settings import Features, Settings
from newsdesk.evaluation.baselines import fit_place_rule, majority_set
from newsdesk.evaluation.metrics import (
    brier_score,
    calibration_error,
    coverage_at_precision,
    draw_f1,
    measure_labels,
    reliability_points,
    risk_coverage_points,
    summarize_draws,
)
from newsdesk.evaluation.splits import BoolArray, FloatArray, Names, Split
from newsdesk.features.lexical_fields import add_fields, field_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer, place_matrix
from newsdesk.inference.mentions import Gazetteer
from newsdesk.inference.scorer import decide
from newsdesk.training.classifiers import TrainedHead, fit_head

OURS = "newsdesk"
WORDS = Features(stem=None, char_ngrams=None, min_df=2, title_weight=1)  # of the baseline TF-IDF + LinearSVC
PRECISION = 0.95  # at which coverage is told


@dataclass(frozen=True, slots=True)
class Task:
    """The labels of one head, shape (n_articles, n_labels), what each row weighs, and which are the truth."""

    name: str
    labels: tuple[str, ...]
    y: BoolArray
    weights: FloatArray
    trusted: BoolArray


@dataclass(frozen=True, slots=True)
class Said:
    """What a system says of the test articles, shape (n_test, n_labels).

    Attributes
    ----------
    scores, uncalibrated : ndarray or None
        Probabilities, and what they would be without calibration; None of a system that gives none.
    """

    labels: BoolArray
    scores: FloatArray | None = None
    uncalibrated: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One task on one split: the truth, and what each system says."""

    split: str
    task: str
    labels: tuple[str, ...]
    n_train: int
    article_ids: Names
    groups: Names
    y_true: BoolArray
    said: Mapping[str, Said]


def measure_places(articles: pa.Table, gazetteer: Gazetteer, settings: Settings) -> FloatArray:
    """`mentions.place_features` of articles, shape (n_articles, n_place_features)."""
    values = place_matrix(
        articles.select(["title", "text"]),
        gazetteer,
        normalization=settings.text,
        lead_tokens=settings.features.lead_tokens,
        n_jobs=-1,
    )
    return np.asarray(values.toarray())


def build_features(
    articles: pa.Table, train: BoolArray, *, normalization: Normalization, features: Features, n_jobs: int
) -> tuple[sp.csr_matrix, list[str]]:
    """TF-IDF of articles, shape (n_articles, n_terms), and the terms, of the training articles alone."""
    vectorizer = ArabicTfidfVectorizer(normalization=normalization, n_jobs=n_jobs, **features.terms)
    texts = articles.select(["title", "text"])
    matrix = vectorizer.fit(texts.filter(pa.array(train))).transform(texts)
    return matrix, vectorizer.get_feature_names_out().tolist()


def try_split(
    articles: pa.Table,
    split: Split,
    tasks: Sequence[Task],
    places: FloatArray,
    *,
    fields: Mapping[str, Sequence[str]],
    groups: Names,
    outlets: Names,
    settings: Settings,
    n_jobs: int = -1,
) -> list[Trial]:
    """Train every system on the training articles and ask it of the test ones, for each task with a test.

    Parameters
    ----------
    articles : table of shape (n_articles,)
    places : ndarray of shape (n_articles, n_place_features)
    fields : mapping
        Words by lexical field.
    groups, outlets : object ndarray of shape (n_articles,)
    """
    taken = split.train | split.test
    train = split.train[taken]
    build = partial(
        build_features, articles.filter(pa.array(taken)), train, normalization=settings.text, n_jobs=n_jobs
    )
    terms, names = build(features=settings.features)
    shared = field_matrix(fields, names, normalization=settings.text, stem=settings.features.stem)
    placed = sp.hstack([terms, settings.features.place_weight * places[taken]], format="csr")
    words, _ = build(features=WORDS)
    trials = []
    for task in tasks:
        test = (split.test & task.trusted)[taken]
        learn = train & (task.weights[taken] > 0)
        truth = learn & task.trusted[taken]
        if not test.any():
            continue
        y = task.y[taken]
        fit = partial(
            fit_head,
            y=y[learn],
            labels=task.labels,
            sample_weight=task.weights[taken][learn],
            outlets=outlets[taken][learn].tolist(),
            groups=groups[taken][learn].tolist(),
            trusted=truth[learn],
            min_positives=settings.train.min_positives,
            common_threshold=task.name in settings.train.common_thresholds,
            n_jobs=n_jobs,
        )
        choice = settings.train
        own = add_fields(
            placed if task.name in choice.place_tasks else terms,
            terms,
            shared,
            choice.field_weight_of(task.name),
        )
        decision = choice.decision_of(task.name)  # ours and the baseline's, as is the threshold in common
        head = fit(own[learn], classifier=choice.classifier, C=choice.C, balanced=choice.balanced)
        baseline = fit(words[learn], classifier="linear_svc", C=1.0, balanced=False)
        said = {
            OURS: _ask(head, own[test], **decision),
            "tfidf_svc": _ask(baseline, words[test], **decision),
        }
        if task.name == "region":
            rule = fit_place_rule(places[taken][truth], y[truth], task.labels)
            said["places"] = Said(rule.predict(places[taken][test], task.labels))
        said["majority"] = Said(np.tile(majority_set(y[truth]), (int(test.sum()), 1)))
        ids = np.array(articles["article_id"].to_pylist(), dtype=object)[taken]
        trials.append(
            Trial(
                split.name, task.name, task.labels, int(learn.sum()),
                ids[test], groups[taken][test], y[test], said,
            )
        )  # fmt: skip
    return trials


def _ask(head: TrainedHead, X: sp.csr_matrix, *, most: int | None, floor: float | None) -> Said:
    scores = head.predict_proba(X)
    plain = 1.0 / (1.0 + np.exp(-head.decision_function(X)))
    return Said(decide(scores, head.thresholds, most=most, floor=floor), scores, plain)


def compare(trials: Sequence[Trial], *, n_bootstrap: int, seed: int, min_support: int) -> dict[str, Any]:
    """Measure the systems of one task: on each split, and the mean over the splits.

    Returns
    -------
    dict
        `splits` by name and `mean`, each with `systems` (macro F1 over labels with `min_support` test
        articles, micro F1, intervals; Brier score and calibration error of those that give probabilities),
        the `best_baseline`, and the `difference` of ours to each other system with its paired interval.
    """
    draws = {
        system: [
            draw_f1(
                trial.y_true, trial.said[system].labels, groups=trial.groups.tolist(),
                n_bootstrap=n_bootstrap, seed=(seed, i), min_support=min_support,
            )
            for i, trial in enumerate(trials)
        ]
        for system in trials[0].said
    }  # fmt: skip
    calibration = {system: [_calibration(trial, system) for trial in trials] for system in draws}
    splits: dict[str, Any] = {}
    for i, trial in enumerate(trials):
        sizes = {
            "n_articles": len(trial.y_true),
            "n_groups": len({*trial.groups.tolist()}),
            "n_train": trial.n_train,
        }
        measured = _summarize(
            {system: each[i] for system, each in draws.items()},
            {system: each[i] for system, each in calibration.items()},
        )
        splits[trial.split] = sizes | measured
    mean = _summarize(
        {system: np.mean(each, axis=0) for system, each in draws.items()},
        {
            system: {name: round(float(np.mean([found[name] for found in each])), 6) for name in each[0]}
            for system, each in calibration.items()
        },
    )
    return {"splits": splits, "mean": mean}


def _calibration(trial: Trial, system: str) -> dict[str, float]:
    said = trial.said[system]
    if said.scores is None or said.uncalibrated is None:
        return {}
    return {
        f"{name}{suffix}": measure(trial.y_true, scores)
        for name, measure in (("ece", calibration_error), ("brier", brier_score))
        for suffix, scores in (("_before", said.uncalibrated), ("", said.scores))
    }


def _summarize(
    draws: Mapping[str, FloatArray], calibration: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    others = [system for system in draws if system != OURS]
    return {
        "systems": {
            system: summarize_draws(each) | dict(calibration[system]) for system, each in draws.items()
        },
        "best_baseline": max(others, key=lambda system: tuple(np.nan_to_num(draws[system][0]))),
        "difference": {system: summarize_draws(draws[OURS] - draws[system]) for system in others},
    }


def tell_labels(trials: Sequence[Trial]) -> dict[str, Any]:
    """Precision, recall, F1 and support by system, split and label; `all` counts the splits together.

    Of systems with probabilities also `coverage`: the recall at a precision of `PRECISION`.
    """
    told: dict[str, Any] = {}
    for system in trials[0].said:
        of_split = {trial.split: _labels_of([trial], system) for trial in trials}
        told[system] = of_split | {"all": _labels_of(trials, system)}
    return told


def _labels_of(trials: Sequence[Trial], system: str) -> dict[str, dict[str, Any]]:
    y_true = np.vstack([trial.y_true for trial in trials])
    said = np.vstack([trial.said[system].labels for trial in trials])
    by_label = measure_labels(y_true, said, labels=trials[0].labels)
    if trials[0].said[system].scores is not None:
        coverage = coverage_at_precision(y_true, _scores(trials, system), precision=PRECISION)
        for of_label, share in zip(by_label.values(), coverage, strict=True):
            of_label["coverage"] = share
    return by_label


def _scores(trials: Sequence[Trial], system: str, *, calibrated: bool = True) -> FloatArray:
    said = [trial.said[system] for trial in trials]
    found = [each.scores if calibrated else each.uncalibrated for each in said]
    return np.vstack([scores for scores in found if scores is not None])


def plot_f1(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Macro and micro F1 with intervals, a row a split (and their mean) and system."""
    measures = [f"f1_{name}{suffix}" for name in ("macro", "micro") for suffix in ("", "_low", "_high")]
    return [
        {"split": split, "system": system} | {name: measured[name] for name in measures}
        for split, found in (*compared["splits"].items(), ("mean", compared["mean"]))
        for system, measured in found["systems"].items()
    ]


def plot_reliability(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Reliability of our probabilities on all splits together, before and after calibration."""
    y_true = np.vstack([trial.y_true for trial in trials])
    return [
        {"calibrated": calibrated} | point
        for calibrated in (False, True)
        for point in reliability_points(y_true, _scores(trials, OURS, calibrated=calibrated))
    ]


def plot_risk(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Share of articles whose label set is wrong, among those whose set is likeliest right."""
    y_true = np.vstack([trial.y_true for trial in trials])
    said = np.vstack([trial.said[OURS].labels for trial in trials])
    scores = _scores(trials, OURS)
    confidence = np.where(said, scores, 1 - scores).prod(axis=1)
    return risk_coverage_points((y_true == said).all(axis=1), confidence)


def tabulate(trials: Sequence[Trial], protocol: str) -> pa.Table:
    """Truth and predictions without text: a row an article, task and system."""
    rows = [
        {
            "protocol": protocol, "split": trial.split, "task": trial.task, "system": system,
            "article_id": trial.article_ids[i], "group_id": trial.groups[i],
            "true": _named(trial.labels, trial.y_true[i]), "predicted": _named(trial.labels, said.labels[i]),
            "scores": None if said.scores is None else _paired(trial.labels, said.scores[i]),
        }
        for trial in trials
        for system, said in trial.said.items()
        for i in range(len(trial.y_true))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


PREDICTIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("protocol", "split", "task", "system", "article_id", "group_id")),
        ("true", pa.list_(pa.string())),
        ("predicted", pa.list_(pa.string())),
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)


def _paired(labels: Sequence[str], scores: FloatArray) -> list[tuple[str, float]]:
    return list(zip(labels, scores.tolist(), strict=True))


def _named(labels: Sequence[str], held: BoolArray) -> list[str]:
    return [label for label, is_held in zip(labels, held, strict=True) if is_held]


def print_cells(task: str, compared: Mapping[str, Any], *, kind: str) -> list[dict[str, str]]:
    """A row a system: macro F1 by split, the means, and how much ours is above it."""
    show: Callable[[float | None], str] = lambda value: "-" if value is None else f"{value:.3f}"  # noqa: E731
    rows = []
    for system, mean in compared["mean"]["systems"].items():
        difference = compared["mean"]["difference"].get(system)
        rows.append(
            {"head": task, "protocol": kind, "system": system}
            | {
                split: show(found["systems"][system]["f1_macro"])
                for split, found in compared["splits"].items()
            }
            | {
                "macro": _interval(mean, "f1_macro", show),
                "micro": _interval(mean, "f1_micro", show),
                "ours above it": _interval(difference, "f1_macro", show) if difference else "",
            }
        )
    return rows


def _interval(measured: Mapping[str, Any], name: str, show: Callable[[float | None], str]) -> str:
    value, low, high = (show(measured[f"{name}{suffix}"]) for suffix in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"
