"""Lexical fields: words that share weights, and no trace of them in what is scored."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization
from newsdesk.features.lexical_fields import add_fields, field_matrix, read_fields, spread_fields
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.training.classifiers import build_classifier, fit_linear

ROOT = Path(__file__).parents[2]


def test_ours_is_read() -> None:
    fields = read_fields(ROOT / "data/fields.tsv")
    assert "الزلزال" in fields["natural_disasters"]
    assert len(fields) >= 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# a comment\n\nfield\n", "line 3: expected 2 cells separated by tabs, found 1"),
        ("\tكلمة\n", "line 1: expected 2 cells separated by tabs, found 1"),
        ("field\tكلمة,,أخرى\n", "line 1: expected words separated by commas"),
        ("field\tكلمة\nfield\tأخرى\n", "line 2: expected each field once, found 'field' again"),
    ],
)
def test_wrong_table(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "fields.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NewsdeskError, match=message):
        read_fields(path)


def test_table_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(NewsdeskError, match=r"fields\.tsv: expected a table, found: No such file"):
        read_fields(tmp_path / "fields.tsv")
    (tmp_path / "fields.tsv").write_bytes("field\tكلمة\n".encode("cp1256"))
    with pytest.raises(NewsdeskError, match=r"fields\.tsv: expected UTF-8 text"):
        read_fields(tmp_path / "fields.tsv")


def test_terms_of_the_lead_have_fields_of_their_own() -> None:
    terms = ["شرطه", "كره", "^شرطه", "^كره"]
    found = field_matrix(
        {"police": ["شرطة"], "sport": ["كرة"]}, terms, normalization=Normalization(), stem=None
    )
    assert found.toarray().tolist() == np.eye(4).tolist()


def test_words_are_spelled_and_stemmed_as_terms() -> None:
    fields = {"quakes": ["الزِّلزال", "هزّة أرضية", "قرأ"], "none": ["كلمة"]}
    terms = ["زلزال", "هزه", "ارض", "رلم"]
    matrix = field_matrix(fields, terms, normalization=Normalization(), stem="snowball").toarray()
    assert matrix[:, 0].tolist() == [1, 1, 1, 0], "marks, article, endings; a name of two words is two words"
    assert not matrix[:, 1].any()
    unstemmed = field_matrix(fields, ["الزلزال", "زلزال"], normalization=Normalization(), stem=None)
    assert unstemmed.toarray()[:, 0].tolist() == [1, 0]


def test_a_field_teaches_words_that_were_never_labelled() -> None:
    """«هزة» trains nothing; it learns from «زلزال», and scores by terms alone equal those with fields."""
    texts = ["زلزال قوي اليوم", "زلزال مدمر اليوم", "برلمان جديد اليوم", "برلمان قديم اليوم", "هزة هزة هزة"]
    vectorizer = ArabicTfidfVectorizer(normalization=Normalization(), min_df=1)
    X = vectorizer.fit_transform(texts)
    terms = vectorizer.get_feature_names_out().tolist()
    words = {"quakes": ["زلزال", "هزة"]}
    fields = field_matrix(words, terms, normalization=Normalization(), stem=None)
    places = sp.csr_matrix(np.eye(5)[:, :1])
    y = np.array([[1], [1], [0], [0], [0]], dtype=bool)
    known = np.array([1.0, 1, 1, 1, 0])  # the last is unlabelled
    score = {}
    for weight in (0.0, 2.0):
        beside = sp.hstack([X, places], format="csr")
        design = add_fields(beside, X, fields, weight)
        classifier = build_classifier("logistic_regression", C=10.0, balanced=False)
        coef, intercept = fit_linear(classifier, design, y, sample_weight=known, n_jobs=1)
        spread = spread_fields(coef, fields, weight)
        np.testing.assert_allclose(beside @ spread.T, design @ coef.T, atol=1e-6)
        assert spread.shape == (1, beside.shape[1])
        score[weight] = (beside @ spread.T + intercept)[4, 0]
    assert score[0.0] < score[2.0]
