"""The systems of the headline comparison, trained on one side of a split and applied to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from newsdesk.base.settings import Features, Settings, Train
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.evaluation.baselines import fit_place_rule, majority_set
from newsdesk.evaluation.labelled_corpus import LabelledCorpus
from newsdesk.evaluation.settings_choice import describe_choice, score_candidates
from newsdesk.evaluation.splits import SplitColumns, TrainTestSplit
from newsdesk.features.feature_matrix import home_matrix, place_matrix
from newsdesk.features.lexical_fields import add_fields, field_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.inference.decision import decide
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.home import HomeCountries
from newsdesk.training.calibration import sigmoid
from newsdesk.training.heads import TrainedHead, add_home, fit_head
from newsdesk.training.home import HOME_TASK
from newsdesk.training.targets import BoolArray, FloatArray, IntArray, StringArray, Targets

OURS, OURS_HOME = "newsdesk", "newsdesk_home"  # without and with the home countries of sources
OURS_FIXED = "newsdesk_fixed"  # with the settings of the profile, where ours are chosen in each split
BASELINE_FEATURES = Features(stem=None, char_ngrams=None, min_df=2, title_weight=1)  # of TF-IDF + LinearSVC
BASELINE_CLASSIFIER = {"classifier": "linear_svc", "C": 1.0, "balanced": False}


@dataclass(frozen=True, slots=True)
class SystemPredictions:
    """The predictions of a system for the test articles, each of shape (n_test, n_labels)."""

    labels: BoolArray
    probabilities: FloatArray | None = None  # of a system that has them
    uncalibrated: FloatArray | None = None  # the probabilities without calibration
    first: IntArray | None = None  # number of the first label, -1 for none; of a system that orders them

    def filter(self, kept: BoolArray) -> SystemPredictions:
        """Keep the articles of a mask."""
        probabilities, uncalibrated = (
            None if each is None else each[kept] for each in (self.probabilities, self.uncalibrated)
        )
        first = None if self.first is None else self.first[kept]
        return SystemPredictions(self.labels[kept], probabilities, uncalibrated, first)


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
    main: IntArray  # number of the reader's main label, -1 for none
    by_system: Mapping[str, SystemPredictions]
    unnamed: BoolArray  # whether the article has a home and names no place
    choice: Mapping[str, Any] = field(default_factory=dict)  # as `describe_choice`, if settings were chosen

    def filter(self, kept: BoolArray) -> SplitPredictions:
        """Keep the test articles of a mask."""
        return replace(
            self,
            article_ids=self.article_ids[kept],
            groups=self.groups[kept],
            y_true=self.y_true[kept],
            main=self.main[kept],
            by_system={system: of_system.filter(kept) for system, of_system in self.by_system.items()},
            unnamed=self.unnamed[kept],
        )


def compute_places(
    articles: pa.Table, gazetteer: Gazetteer, settings: Settings, *, n_jobs: int = -1
) -> FloatArray:
    """Compute the place features of articles, shape (n_articles, n_place_features)."""
    values = place_matrix(
        articles.select(["title", "text"]), gazetteer,
        normalization=settings.text, lead_tokens=settings.features.lead_tokens, n_jobs=n_jobs,
    )  # fmt: skip
    return np.asarray(values.toarray())


def compute_homes(
    articles: pa.Table, places: FloatArray, taxonomy: Taxonomy, settings: Settings
) -> sp.csr_matrix | None:
    """Compute the home features of articles, as `home_matrix` does; None without `features.home`."""
    if not settings.features.home:
        return None
    return home_matrix(sp.csr_matrix(places), articles["home"].to_pylist(), HomeCountries(taxonomy.as_dict()))


def build_terms(
    articles: pa.Table, train: BoolArray, settings: Settings, *, n_jobs: int
) -> tuple[sp.csr_matrix, list[str]]:
    """Compute TF-IDF of articles with the vocabulary of the training articles; return it with the terms."""
    options = settings.features.terms
    vectorizer = ArabicTfidfVectorizer(normalization=settings.text, n_jobs=n_jobs, **options)
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
    homes: sp.csr_matrix | None = None,
    nested: bool = False,
    n_jobs: int = -1,
) -> list[SplitPredictions]:
    """Train every system on one side of a split and apply it to the other, for each task with test articles.

    `places` and `homes` are the features of `compute_places` and `compute_homes`, `fields` the words by
    lexical field. `nested` chooses the settings of our heads from `evaluate.candidates`, by inner validation
    on the training articles.
    """
    taken = split.train | split.test
    corpus, split, places = corpus.filter(taken), split.filter(taken), places[taken]
    homes = None if homes is None else homes[taken]
    of_baseline = settings.model_copy(update={"features": BASELINE_FEATURES})
    terms, names = build_terms(corpus.articles, split.train, settings, n_jobs=n_jobs)
    baseline, _ = build_terms(corpus.articles, split.train, of_baseline, n_jobs=n_jobs)
    with_places = sp.hstack([terms, settings.features.place_weight * places], format="csr")
    of_fields = field_matrix(fields, names, normalization=settings.text, stem=settings.features.stem)
    baseline_train = settings.train.model_copy(update=BASELINE_CLASSIFIER)
    has_home = corpus.articles["home"].is_valid().to_numpy()
    unnamed = has_home & ~places.any(axis=1)
    predictions = []
    for targets in corpus.targets:
        train, test = split.train & (targets.weights > 0), split.test & targets.trusted
        if not test.any():
            continue
        blocks = with_places if targets.task in settings.train.place_tasks else terms
        side = HeadSide(targets, corpus.columns, train, test, n_jobs)
        by_system, choice = _predict_ours(
            side, partial(_add_fields, blocks, terms, of_fields, targets.task), homes, settings, nested=nested
        )
        head = side.fit(baseline, baseline_train)
        decision = baseline_train.decision_of(targets.task)
        by_system["tfidf_svc"] = _apply_head(head, baseline[test], decision)
        by_system |= _predict_without_classifier(targets, places, train, test)
        tested = corpus.columns.filter(test)
        predictions.append(
            SplitPredictions(
                split.name, targets.task, targets.labels, int(train.sum()),
                tested.article_ids, tested.groups, targets.y[test], targets.main[test], by_system,
                unnamed[test], choice,
            )
        )  # fmt: skip
    return predictions


@dataclass(frozen=True, slots=True)
class HeadSide:
    """The articles that train and test the heads of one task on a split."""

    targets: Targets
    columns: SplitColumns
    train: BoolArray
    test: BoolArray
    n_jobs: int

    def fit(self, X: sp.csr_matrix, options: Train, *, scores: FloatArray | None = None) -> TrainedHead:
        """Train a head, given the features of all articles."""
        columns = self.columns.filter(self.train)
        return fit_head(
            X[self.train], self.targets.filter(self.train), settings=options, scores=scores,
            outlets=columns.outlets.tolist(), groups=columns.groups.tolist(), n_jobs=self.n_jobs,
        )  # fmt: skip


def _predict_ours(
    side: HeadSide,
    build_features: Callable[[Train], sp.csr_matrix],
    homes: sp.csr_matrix | None,
    settings: Settings,
    *,
    nested: bool,
) -> tuple[dict[str, SystemPredictions], dict[str, Any]]:
    """Apply our head, with its settings chosen on training articles if `nested`, and describe the choice."""
    targets, train, test = side.targets, side.train, side.test
    candidates = settings.evaluate.train_candidates(settings.train) if nested else [settings.train]
    scored = score_candidates(
        candidates, lambda options: build_features(options)[train], targets.filter(train),
        side.columns.filter(train), settings=settings.evaluate, n_jobs=side.n_jobs,
    )  # fmt: skip
    best = int(np.argmax([candidate.f1 for candidate in scored]))  # of equals the first: the settings' own
    options = scored[best].settings
    X, decision = build_features(options), options.decision_of(targets.task)
    head = side.fit(X, options, scores=scored[best].scores)
    by_system = {OURS: _apply_head(head, X[test], decision)}
    if homes is not None and targets.task == HOME_TASK:
        of_home = add_home(head, homes[train], targets.y[train])
        by_system[OURS_HOME] = _apply_head(of_home, sp.hstack([X[test], homes[test]], format="csr"), decision)
    if len(scored) == 1:
        return by_system, {}
    if best:
        X, decision = build_features(settings.train), settings.train.decision_of(targets.task)
        head = side.fit(X, settings.train, scores=scored[0].scores)
    by_system[OURS_FIXED] = _apply_head(head, X[test], decision)
    return by_system, describe_choice(scored, best, targets.task)


def _add_fields(
    blocks: sp.csr_matrix, terms: sp.csr_matrix, fields: sp.csr_matrix, task: str, options: Train
) -> sp.csr_matrix:
    return add_fields(blocks, terms, fields, options.field_weight_of(task))


def _apply_head(head: TrainedHead, X: sp.csr_matrix, decision: Mapping[str, Any]) -> SystemPredictions:
    """Predict the labels of articles with a head."""
    probabilities = head.predict_proba(X)
    labels = decide(probabilities, head.thresholds, **decision)
    first = choose_first(labels, head.main_scores(X))
    return SystemPredictions(labels, probabilities, sigmoid(head.decision_function(X)), first)


def choose_first(labels: BoolArray, main_scores: FloatArray) -> IntArray:
    """Return the number of the assigned label with the largest score of each article, -1 for none.

    Parameters
    ----------
    labels : bool ndarray of shape (n_articles, n_labels)
    main_scores : ndarray of shape (n_articles, n_labels)

    Examples
    --------
    >>> choose_first(np.array([[True, True], [False, False]]), np.array([[0.1, 0.2], [0.3, 0.4]])).tolist()
    [1, -1]
    """
    first = np.where(labels, main_scores, -np.inf).argmax(axis=1)
    return np.where(labels.any(axis=1), first, -1)


def _predict_without_classifier(
    targets: Targets, places: FloatArray, train: BoolArray, test: BoolArray
) -> dict[str, SystemPredictions]:
    """Apply the rule on places, for regions, and the most frequent label set of the training articles."""
    by_system = {}
    truth = train & targets.trusted
    if targets.task == "region":
        rule = fit_place_rule(places[truth], targets.y[truth], targets.labels)
        by_system["places"] = SystemPredictions(rule.predict(places[test], targets.labels))
    majority = np.tile(majority_set(targets.y[truth]), (int(test.sum()), 1))
    return by_system | {"majority": SystemPredictions(majority)}
