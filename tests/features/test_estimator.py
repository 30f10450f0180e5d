"""The vectorizer as an estimator of scikit-learn: its checks, pipelines, grid search and processes."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from newsdesk import ArabicTfidfVectorizer
from tests import ROOT

RECORDS = [json.loads(line) for line in (ROOT / "data/starter/st1.jsonl").open(encoding="utf-8")]
TEXTS = [record["text"] for record in RECORDS]
SPORT = np.array(["sport" in record["topics"] for record in RECORDS])
# The checks that fit no matrix of numbers. scikit-learn leaves out all but `check_estimator_cloneable` for estimators of texts.
CHECKS_WITHOUT_DATA = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_repr",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]


@parametrize_with_checks([ArabicTfidfVectorizer(char_ngrams=(3, 4))])
def test_checks_for_estimators_of_texts(estimator: BaseEstimator, check: object) -> None:
    check(estimator)  # type: ignore[operator]


@pytest.mark.parametrize("name", CHECKS_WITHOUT_DATA)
def test_checks_without_data(name: str) -> None:
    getattr(estimator_checks, name)("ArabicTfidfVectorizer", ArabicTfidfVectorizer())


def test_checks_with_texts() -> None:
    """What scikit-learn checks with matrices: fit changes no parameter, and the fitted state can be pickled."""
    vectorizer = ArabicTfidfVectorizer(char_ngrams=(3, 4))
    with pytest.raises(NotFittedError):
        vectorizer.transform(TEXTS)
    before = vectorizer.get_params()
    assert vectorizer.fit(TEXTS) is vectorizer
    assert vectorizer.get_params() == before
    matrix = vectorizer.transform(TEXTS)
    assert abs(matrix - pickle.loads(pickle.dumps(vectorizer)).transform(TEXTS)).max() == 0
    assert abs(matrix - vectorizer.fit_transform(TEXTS)).max() == 0
    assert abs(matrix[:5] - vectorizer.transform(TEXTS[:5])).max() == 0, "rows depend on no other row"
    assert len(vectorizer.get_feature_names_out()) == matrix.shape[1]


def test_tags() -> None:
    tags = get_tags(ArabicTfidfVectorizer())
    assert (tags.input_tags.string, tags.input_tags.two_d_array, tags.requires_fit) == (True, False, True)


def test_grid_search_in_a_pipeline() -> None:
    pipeline = Pipeline([("tfidf", ArabicTfidfVectorizer()), ("classify", LogisticRegression(C=100))])
    search = GridSearchCV(
        pipeline, {"tfidf__ngram_max": [1, 2], "tfidf__stem": [None, "snowball"]}, cv=3, n_jobs=1
    )
    search.fit(TEXTS, SPORT)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.score(TEXTS, SPORT) > 0.95
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.integration
def test_processes_of_joblib_give_the_same_matrix() -> None:
    fitted = ArabicTfidfVectorizer().fit(TEXTS)
    expected = fitted.transform(TEXTS)
    found = Parallel(n_jobs=2, backend="loky")(delayed(fitted.transform)(TEXTS[k::2]) for k in (0, 1))
    for k, part in enumerate(found):
        assert abs(part - expected[k::2]).max() == 0
    refitted = Parallel(n_jobs=2, backend="loky")(delayed(clone(fitted).fit)(TEXTS) for _ in range(1))
    assert refitted[0].vocabulary_ == fitted.vocabulary_
