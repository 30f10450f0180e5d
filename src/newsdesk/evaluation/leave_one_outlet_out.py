"""The systems of the headline comparison, trained on one side of a split and applied to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from newsdesk.base.normalization import Normalization
from newsdesk.base.settings import Features, Settings, Train
from newsdesk.evaluation.baselines import fit_place_rule, majority_set
from newsdesk.evaluation.labelled_corpus import LabelledCorpus
from newsdesk.evaluation.splits import SplitColumns, TrainTestSplit
from newsdesk.features.lexical_fields import add_fields, field_matrix
from newsdesk.features.place_matrix import place_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.inference.decision import decide
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.training.calibration import sigmoid
from newsdesk.training.heads import fit_head
from newsdesk.training.targets import BoolArray, FloatArray, StringArray, Targets

OURS = "newsdesk"
BASELINE_FEATURES = Features(stem=None, char_ngrams=None, min_df=2, title_weight=1)  # of TF-IDF + LinearSVC
BASELINE_CLASSIFIER = {"classifier": "linear_svc", "C": 1.0, "balanced": False}


@dataclass(frozen=True, slots=True)
class SystemPredictions:
    """The predictions of a system for the test articles, each of shape (n_test, n_labels).

    Systems without probabilities have None; `uncalibrated` are the probabilities without calibration.
    """

    labels: BoolArray
    probabilities: FloatArray | None = None
    uncalibrated: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class SplitPredictions:
    """The true labels of the test articles of one split for one task, and the predictions of each system."""

    split: str
    task: str
    labels: tuple[str, ...]
    n_train: int
    article_ids: StringArray
    groups: StringArray
    y_true: BoolArray
    by_system: Mapping[str, SystemPredictions]


@dataclass(frozen=True, slots=True)
class SplitFeatures:
    """Features of the articles of a split; vocabularies are of the training articles."""

    terms: sp.csr_matrix
    baseline: sp.csr_matrix  # the terms of the baseline
    places: FloatArray
    with_places: sp.csr_matrix  # terms, then weighted places
    fields: sp.csr_matrix  # of shape (n_terms, n_fields)

    def of_task(self, task: str, train: Train) -> sp.csr_matrix:
        """Select the features that the settings give to the head of a task."""
        blocks = self.with_places if task in train.place_tasks else self.terms
        return add_fields(blocks, self.terms, self.fields, train.field_weight_of(task))


def compute_places(articles: pa.Table, gazetteer: Gazetteer, settings: Settings) -> FloatArray:
    """Compute the place features of articles, shape (n_articles, n_place_features)."""
    values = place_matrix(
        articles.select(["title", "text"]),
        gazetteer,
        normalization=settings.text,
        lead_tokens=settings.features.lead_tokens,
        n_jobs=-1,
    )
    return np.asarray(values.toarray())


def build_terms(
    articles: pa.Table, train: BoolArray, *, normalization: Normalization, features: Features, n_jobs: int
) -> tuple[sp.csr_matrix, list[str]]:
    """Compute TF-IDF of articles with the vocabulary of the training articles; return it with the terms."""
    vectorizer = ArabicTfidfVectorizer(normalization=normalization, n_jobs=n_jobs, **features.terms)
    texts = articles.select(["title", "text"])
    matrix = vectorizer.fit(texts.filter(pa.array(train))).transform(texts)
    return matrix, vectorizer.get_feature_names_out().tolist()


def predict_split(
    corpus: LabelledCorpus,
    split: TrainTestSplit,
    *,
    places: FloatArray,
    fields: Mapping[str, Sequence[str]],
    settings: Settings,
    n_jobs: int = -1,
) -> list[SplitPredictions]:
    """Train every system on the training articles of a split, and apply it to the test articles.

    `places` are the features of `compute_places`, and `fields` the words by lexical field. There are
    predictions for each task with a test article.
    """
    taken = split.train | split.test
    corpus, train, test = corpus.filter(taken), split.train[taken], split.test[taken]
    build = partial(build_terms, corpus.articles, train, normalization=settings.text, n_jobs=n_jobs)
    terms, names = build(features=settings.features)
    features = SplitFeatures(
        terms=terms,
        baseline=build(features=BASELINE_FEATURES)[0],
        places=places[taken],
        with_places=sp.hstack([terms, settings.features.place_weight * places[taken]], format="csr"),
        fields=field_matrix(fields, names, normalization=settings.text, stem=settings.features.stem),
    )
    predictions = []
    for targets in corpus.targets:
        train_rows, test_rows = train & (targets.weights > 0), test & targets.trusted
        if test_rows.any():
            by_system = _predict_task(
                targets, features, train_rows, test_rows,
                columns=corpus.columns.filter(train_rows), settings=settings.train, n_jobs=n_jobs,
            )  # fmt: skip
            columns = corpus.columns.filter(test_rows)
            predictions.append(
                SplitPredictions(
                    split.name, targets.task, targets.labels, int(train_rows.sum()),
                    columns.article_ids, columns.groups, targets.y[test_rows], by_system,
                )
            )  # fmt: skip
    return predictions


def _predict_task(
    targets: Targets,
    features: SplitFeatures,
    train: BoolArray,
    test: BoolArray,
    *,
    columns: SplitColumns,
    settings: Train,
    n_jobs: int,
) -> dict[str, SystemPredictions]:
    """Train every system of a task, and apply it to the test articles; `columns` are of those that train."""
    by_system = {}
    for system, X, options in (
        (OURS, features.of_task(targets.task, settings), settings),
        ("tfidf_svc", features.baseline, settings.model_copy(update=BASELINE_CLASSIFIER)),
    ):
        head = fit_head(
            X[train], targets.filter(train),
            outlets=columns.outlets.tolist(), groups=columns.groups.tolist(), settings=options, n_jobs=n_jobs,
        )  # fmt: skip
        probabilities = head.predict_proba(X[test])
        labels = decide(probabilities, head.thresholds, **settings.decision_of(targets.task))
        uncalibrated = sigmoid(head.decision_function(X[test]))
        by_system[system] = SystemPredictions(labels, probabilities, uncalibrated)
    truth = train & targets.trusted
    if targets.task == "region":
        rule = fit_place_rule(features.places[truth], targets.y[truth], targets.labels)
        by_system["places"] = SystemPredictions(rule.predict(features.places[test], targets.labels))
    majority = np.tile(majority_set(targets.y[truth]), (int(test.sum()), 1))
    by_system["majority"] = SystemPredictions(majority)
    return by_system
