"""The vectorizer against scikit-learn's own composition, and its contract."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from newsdesk.features import ArabicTfidfVectorizer
from newsdesk.text import Normalization, normalize

STARTER = Path(__file__).parents[1] / "data/starter"


def starter_texts() -> list[str]:
    return [
        json.loads(line)["text"] for f in sorted(STARTER.glob("*.jsonl")) for line in f.open(encoding="utf-8")
    ]


def oracle(**settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        lowercase=False, preprocessor=lambda text: normalize(text, Normalization()), **settings
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"ngram_max": 2, "min_df": 2}, {"ngram_range": (1, 2), "min_df": 2}),
        ({"sublinear_tf": True, "max_df": 0.3}, {"sublinear_tf": True, "max_df": 0.3}),
        ({"max_features": 500}, {"max_features": 500}),
    ],
)
def test_words_equal_scikit_learn(ours: dict[str, object], theirs: dict[str, object]) -> None:
    texts = starter_texts()
    vectorizer, expected = ArabicTfidfVectorizer(**ours), oracle(**theirs)
    X, Y = vectorizer.fit_transform(texts), expected.fit_transform(texts)
    assert vectorizer.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
    assert abs(X - Y).max() < 1e-12
    assert abs(vectorizer.transform(texts[:50]) - Y[:50]).max() < 1e-12


def test_characters_equal_scikit_learn() -> None:
    """`char_wb` of a text of words alone: scikit-learn keeps punctuation, we count within words."""
    texts = [" ".join(oracle().build_analyzer()(text)) for text in starter_texts()[:100]]
    ours = ArabicTfidfVectorizer(char_ngrams=(3, 5)).fit(texts)
    theirs = TfidfVectorizer(lowercase=False, analyzer="char_wb", ngram_range=(3, 5)).fit(texts)
    characters = {term[1:] for term in ours.vocabulary_ if term.startswith("#")}
    assert characters == set(theirs.vocabulary_)


def test_title_counts_as_often_as_it_weighs() -> None:
    frame = pd.DataFrame({"title": ["قمة برلين", None], "text": ["بيان", "قمة في باريس"]})
    repeated = ["قمة برلين قمة برلين بيان", "قمة في باريس"]
    weighted = ArabicTfidfVectorizer(title_weight=2).fit_transform(frame)
    assert abs(weighted - ArabicTfidfVectorizer().fit_transform(repeated)).max() < 1e-12


def test_estimator_contract() -> None:
    vectorizer = ArabicTfidfVectorizer(ngram_max=2, normalization=Normalization(fold_alef=False))
    copy = clone(vectorizer)
    assert copy.get_params() == vectorizer.get_params()
    texts = ["قمة في برلين", "مباراة في مدريد", "قمة برلين", "مباراة مدريد"]
    model = make_pipeline(copy, LogisticRegression()).fit(texts, [0, 1, 0, 1])
    assert model.predict(["قمة"]).tolist() == [0]
    assert np.allclose(copy.fit(texts).transform(texts).power(2).sum(axis=1), 1)


def test_errors() -> None:
    with pytest.raises(ValueError, match="expected a frame or a sequence of texts, found one string"):
        ArabicTfidfVectorizer().fit("نص")
    with pytest.raises(ValueError, match="column 'text', found \\['body'\\]"):
        ArabicTfidfVectorizer().fit(pd.DataFrame({"body": ["نص"]}))
