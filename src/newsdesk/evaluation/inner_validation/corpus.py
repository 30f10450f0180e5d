"""A corpus for inner validation, and the comparison of variants of its settings or articles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table, sha256
from newsdesk.base.normalization import Normalization
from newsdesk.base.schema import ARTICLES, TASKS
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation.inner_validation.cross_validation import (
    Fold,
    HeldOutScores,
    calibrate,
    draw_mean_f1,
    score_folds,
)
from newsdesk.evaluation.labelled_corpus import LabelledCorpus, build_labelled_corpus, choose_outlets
from newsdesk.evaluation.leave_one_outlet_out import build_terms, compute_places
from newsdesk.evaluation.metrics import summarize_draws
from newsdesk.evaluation.splits import leave_outlet_out
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import field_matrix, read_fields
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.training.classifiers import build_classifier, fit_linear
from newsdesk.training.targets import BoolArray, FloatArray, Targets

SPLITS = ("train", "valid")  # the test split and evaluation outlets take no part


@dataclass(frozen=True, slots=True)
class ValidationCorpus:
    """The labelled articles of training and validation, with all that training on them needs."""

    settings: Settings
    labelled: LabelledCorpus
    outlets: tuple[str, ...]  # to leave out in turn
    fields: Mapping[str, Sequence[str]]  # words by lexical field
    read_gazetteer: Callable[[Normalization], Gazetteer]
    n_jobs: int = -1

    def build_folds(self) -> list[Fold]:
        """Build a fold for each outlet left out."""
        splits = [leave_outlet_out(self.labelled.columns, outlet) for outlet in self.outlets]
        return [self.build_fold(split.name, split.train, split.test) for split in splits]

    def build_fold(self, outlet: str, train: BoolArray, held_out: BoolArray) -> Fold:
        """Build a fold with the vocabulary of its training articles."""
        settings = self.settings
        terms, names = build_terms(self.labelled.articles, train, settings, n_jobs=self.n_jobs)
        stem = settings.features.stem
        of_fields = field_matrix(self.fields, names, normalization=settings.text, stem=stem)
        return Fold(outlet, train, held_out, names, terms, of_fields)

    def weigh_places(self, task: str) -> sp.csr_matrix | None:
        """Compute the weighted place features of a head; None for a head without."""
        features = self.settings.features
        if not features.places or task not in self.settings.train.place_tasks:
            return None
        gazetteer = self.read_gazetteer(self.settings.text)
        places = compute_places(self.labelled.articles, gazetteer, self.settings, n_jobs=self.n_jobs)
        return features.place_weight * sp.csr_matrix(places)

    def fit(self, X: sp.csr_matrix, y: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fit the classifier of the settings."""
        train = self.settings.train
        classifier = build_classifier(train.classifier, C=train.C, balanced=train.balanced)
        return fit_linear(classifier, X, y, sample_weight=weights, n_jobs=self.n_jobs)

    def score(self, folds: Sequence[Fold], targets: Targets) -> HeldOutScores:
        """Score the trusted articles of every outlet left out, by the classifier of the settings."""
        return score_folds(
            folds, targets, self.fit, groups=self.labelled.columns.groups,
            places=self.weigh_places(targets.task),
            field_weight=self.settings.train.field_weight_of(targets.task),
        )  # fmt: skip


def read_labelled_articles(
    path: Path, taxonomy: Path, settings: Settings, *, tasks: Sequence[str] = TASKS
) -> LabelledCorpus:
    """Read the articles of training and validation, those without a label included."""
    table = read_table(path, ARTICLES)
    articles = table.filter(pc.is_in(table["split"], pa.array(SPLITS)))
    return build_labelled_corpus(articles, read_taxonomy(taxonomy), settings, tasks=tasks or TASKS)


def read_validation_corpus(
    settings: Settings,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    tasks: Sequence[str] = TASKS,
    n_jobs: int = -1,
) -> ValidationCorpus:
    """Read the articles of training and validation that have a label."""
    everything = read_labelled_articles(articles, taxonomy, settings, tasks=tasks)
    labelled = everything.filter(everything.columns.may_train)
    outlets = choose_outlets(labelled.columns, settings)
    if len(outlets) < 2:
        raise NewsdeskError(
            f"{articles}: only outlet {outlets[0]} has articles; two are needed, since the scores of the one "
            "are calibrated on those of the other"
        )
    n_articles, version = labelled.articles.num_rows, sha256(articles)[:12]
    note(f"read {n_articles:,} articles, {len(outlets)} outlets, data {version}")
    read_gazetteer = partial(read_places, places, read_taxonomy(taxonomy))
    return ValidationCorpus(settings, labelled, tuple(outlets), read_fields(fields), read_gazetteer, n_jobs)


@dataclass(frozen=True, slots=True)
class VariantResult:
    """F1 by task as `draw_mean_f1` returns it, with training articles and terms, means over the outlets."""

    draws: dict[str, FloatArray]
    n_train: dict[str, float]
    n_terms: float


def measure_variant(corpus: ValidationCorpus, folds: Sequence[Fold] | None = None) -> VariantResult:
    """Train and measure every head on every outlet left out; `folds` are built unless they are given."""
    folds = corpus.build_folds() if folds is None else folds
    draws, n_train = {}, {}
    for targets in corpus.labelled.targets:
        scored = corpus.score(folds, targets)
        _, y_pred = calibrate(scored, **corpus.settings.train.decision_of(targets.task))
        draws[targets.task] = draw_mean_f1(scored, y_pred, corpus.settings)
        n_train[targets.task] = float(np.mean([(fold.train & (targets.weights > 0)).sum() for fold in folds]))
    return VariantResult(draws, n_train, float(np.mean([fold.terms.shape[1] for fold in folds])))


def variant_rows(results: Mapping[str, VariantResult], task: str, *, base: str) -> list[dict[str, Any]]:
    """List F1 of each variant with intervals, and its change from the `base` with a paired interval."""
    return [
        {"variant": name, "n_train": round(result.n_train[task]), "n_terms": round(result.n_terms)}
        | summarize_draws(result.draws[task])
        | summarize_draws(
            result.draws[task] - results[base].draws[task], ("f1_macro_change", "f1_micro_change")
        )
        for name, result in results.items()
        if task in result.draws
    ]
