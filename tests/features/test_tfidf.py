"""The vectorizer against scikit-learn's own composition, and its contract."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from Stemmer import Stemmer

from newsdesk import readers
from newsdesk.base.normalization import Normalization, normalize
from newsdesk.features.feature_matrix import place_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.mentions import place_feature_names, place_features
from newsdesk.inference.text import take_tokens, tokenize, tokenize_sentences, word_ngrams
from tests.inference.articles import hostile

STARTER = Path(__file__).parents[2] / "data/starter"
TEXTS = [
    json.loads(line)["text"] for f in sorted(STARTER.glob("*.jsonl")) for line in f.open(encoding="utf-8")
]
stem = Stemmer("arabic").stemWords


def folded(text: str) -> str:
    return normalize(text, Normalization())


def words(**settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(lowercase=False, preprocessor=folded, **settings)


def chars(**settings: object) -> TfidfVectorizer:
    """`char_wb` of the words alone: scikit-learn counts punctuation too."""
    return TfidfVectorizer(
        lowercase=False,
        analyzer="char_wb",
        preprocessor=lambda text: " ".join(tokenize(folded(text))),
        **settings,
    )


def analyzed(analyzer: Callable[[str], list[str]], **settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=analyzer, **settings)


def aligned(ours: ArabicTfidfVectorizer, *theirs: TfidfVectorizer) -> list[int]:
    """Scikit-learn's columns in our order; fails where the terms are not the same."""
    names = ours.get_feature_names_out().tolist()
    expected, start = {}, 0
    for kind, vectorizer in zip(
        ("", "#") if len(theirs) == 2 or names[0][0] != "#" else ("#",), theirs, strict=False
    ):
        expected |= {kind + term: start + column for term, column in vectorizer.vocabulary_.items()}
        start += len(vectorizer.vocabulary_)
    assert set(names) == set(expected)
    assert len(names) == len(expected)
    return [expected[name] for name in names]


def assert_equal(ours: ArabicTfidfVectorizer, theirs: TfidfVectorizer, texts: list[str]) -> None:
    X, Y = ours.fit_transform(texts), sp.csr_matrix(theirs.fit_transform(texts))
    columns = aligned(ours, theirs)
    assert abs(X - Y[:, columns]).max() < 1e-12
    assert abs(ours.transform(texts[:50]) - Y[:50, columns]).max() < 1e-12
    assert X.has_canonical_format


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, words()),
        ({"ngram_max": 2, "min_df": 2}, words(ngram_range=(1, 2), min_df=2)),
        ({"ngram_max": 3, "norm": "l1"}, words(ngram_range=(1, 3), norm="l1")),
        ({"sublinear_tf": True, "max_df": 0.3}, words(sublinear_tf=True, max_df=0.3)),
        ({"min_df": 0.01, "max_df": 200, "norm": None}, words(min_df=0.01, max_df=200, norm=None)),
        ({"ngram_max": 0, "char_ngrams": (2, 5)}, chars(ngram_range=(2, 5))),
        ({"ngram_max": 0, "char_ngrams": (5, 7), "sublinear_tf": True}, chars(ngram_range=(5, 7), sublinear_tf=True)),
        ({"stem": "snowball"}, analyzed(lambda text: stem(tokenize(folded(text))))),
        (
            {"stem": "snowball", "ngram_max": 2},
            analyzed(lambda text: word_ngrams(stem(tokenize(folded(text))), ngram_max=2)),
        ),
        (
            {"ngram_max": 2, "ngram_scope": "sentence"},
            analyzed(
                lambda text: [
                    run for part in tokenize_sentences(folded(text), scope="sentence") for run in word_ngrams(part, ngram_max=2)
                ]
            ),
        ),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)  # fmt: skip
def test_equal_to_scikit_learn(ours: dict[str, object], theirs: TfidfVectorizer) -> None:
    assert_equal(ArabicTfidfVectorizer(**ours), theirs, TEXTS)


def test_both_analyzers_with_their_weights() -> None:
    ours = ArabicTfidfVectorizer(char_ngrams=(3, 5), word_weight=0.5, char_weight=2.0, min_df=2)
    theirs = [("words", words(min_df=2)), ("chars", chars(ngram_range=(3, 5), min_df=2))]
    union = FeatureUnion(theirs, transformer_weights={"words": 0.5, "chars": 2.0})
    X, Y = ours.fit_transform(TEXTS), union.fit_transform(TEXTS)
    assert abs(X - Y[:, aligned(ours, *(v for _, v in union.transformer_list))]).max() < 1e-12


@pytest.mark.parametrize("scope", ["text", "sentence"])
def test_lead_is_counted_once_more(scope: str) -> None:
    """The columns behind those of the whole article are those of title and first words, times their weight."""
    settings = {"ngram_max": 2, "ngram_scope": scope, "char_ngrams": (3, 4), "title_weight": 2}
    articles = pd.DataFrame({"title": [text[:30] for text in TEXTS], "text": TEXTS})
    leads = [
        " . ".join(
            " ".join(tokens) for tokens in take_tokens(tokenize_sentences(folded(text), scope=scope), 9)
        )
        for text in TEXTS
    ]
    plain = ArabicTfidfVectorizer(**settings).fit(articles)
    both = ArabicTfidfVectorizer(**settings, lead_tokens=9, lead_weight=0.7).fit(articles)
    expected = sp.hstack([plain.transform(articles), 0.7 * plain.transform(articles.assign(text=leads))])
    for X in (both.transform(articles), both.fit_transform(articles)):
        assert abs(X - expected).max() < 1e-12
    names, own = both.get_feature_names_out(), plain.get_feature_names_out()
    assert names.tolist() == [*own, *("^" + name for name in own)]
    assert both.transform([]).shape == (0, len(names))


def test_max_features_are_the_commonest() -> None:
    """Which of equally common terms stay is chance in scikit-learn; here none of these is."""
    ours, theirs = ArabicTfidfVectorizer(max_features=300).fit(TEXTS), words(max_features=300).fit(TEXTS)
    counts = {
        t: sum(tokenize(folded(text)).count(t) for text in TEXTS)
        for t in set(ours.vocabulary_) ^ set(theirs.vocabulary_)
    }
    assert len(ours.vocabulary_) == 300
    assert len(set(counts.values())) <= 1


@settings(max_examples=100)
@given(texts=st.lists(hostile, min_size=1, max_size=6))
def test_hostile_texts(texts: list[str]) -> None:
    theirs = analyzed(lambda text: word_ngrams(tokenize(folded(text)), ngram_max=2))
    if any(tokenize(folded(text)) for text in texts):
        assert_equal(ArabicTfidfVectorizer(ngram_max=2), theirs, texts)
    else:
        with pytest.raises(ValueError, match="empty vocabulary"):
            ArabicTfidfVectorizer().fit(texts)


N_SHARED = 4_000  # scikit-learn counts characters of 350 articles a second; the benchmark compares all 31,030


@pytest.mark.shared
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"ngram_max": 2, "sublinear_tf": True, "min_df": 2}, words(ngram_range=(1, 2), sublinear_tf=True, min_df=2)),
        ({"ngram_max": 0, "char_ngrams": (2, 5), "min_df": 2}, chars(ngram_range=(2, 5), min_df=2)),
    ],
    ids=["words", "chars"],
)  # fmt: skip
def test_equal_on_thousands_of_articles(
    shared: Path, ours: dict[str, object], theirs: TfidfVectorizer
) -> None:
    read = (
        item for item in readers.read([shared / "raw/saudinewsnet"], sections=()) if hasattr(item, "text")
    )
    texts = [article.text for _, article in zip(range(N_SHARED), read, strict=False)]
    assert len(texts) == N_SHARED
    assert_equal(ArabicTfidfVectorizer(n_jobs=2, **ours), theirs, texts)


@pytest.mark.parametrize(
    "options", [{"ngram_max": 2}, {"stem": "snowball", "char_ngrams": (3, 5), "min_df": 2}]
)
def test_same_bytes_for_any_batches_and_threads(options: dict[str, object]) -> None:
    texts = [*TEXTS[:50], " ".join(TEXTS * 3), *TEXTS[50:]]  # one longer than all others together
    table = pa.table({"title": [text[:30] for text in texts], "text": texts})
    expected = ArabicTfidfVectorizer(title_weight=2, **options)
    X = expected.fit_transform(table)
    for size, n_jobs in ((1, 1), (7, 2), (100, 3), (10_000, 2), (10_000, 16)):
        vectorizer = ArabicTfidfVectorizer(title_weight=2, n_jobs=n_jobs, **options)
        vectorizer.fit_batches(table.to_batches(max_chunksize=size))
        blocks = list(vectorizer.transform_batches(table.to_batches(max_chunksize=size)))
        assert vectorizer.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
        assert vectorizer.idf_.tobytes() == expected.idf_.tobytes()
        Y = sp.vstack(blocks, format="csr")
        assert (Y.data.tobytes(), Y.indices.tobytes()) == (X.data.tobytes(), X.indices.tobytes())
        assert np.array_equal(Y.indptr, X.indptr)


def test_input_of_any_kind() -> None:
    texts = [*TEXTS[:20], None]
    expected = ArabicTfidfVectorizer().fit_transform(["" if text is None else text for text in texts])
    frame = pd.DataFrame({"text": texts})
    for X in (
        texts, tuple(texts), iter(texts), np.array(texts, dtype=object), frame, frame["text"], pa.array(texts),
        pa.chunked_array([texts[:5], texts[5:]]), pa.table({"text": texts}), pa.RecordBatch.from_pydict({"text": texts}),
    ):  # fmt: skip
        assert abs(ArabicTfidfVectorizer().fit_transform(X) - expected).max() == 0


def test_nothing_to_transform() -> None:
    vectorizer = ArabicTfidfVectorizer().fit(TEXTS[:20])
    for X in ([], pa.array([], pa.string()), pa.chunked_array([], pa.string()), pd.DataFrame({"text": []})):
        assert vectorizer.transform(X).shape == (0, len(vectorizer.idf_))


def test_words_in_another_order_are_another_run() -> None:
    vectorizer = ArabicTfidfVectorizer(ngram_max=2).fit(["w772973 w866325", "w866325 w772973"])
    assert len(vectorizer.vocabulary_) == 4


def test_a_parameter_set_after_the_fit_holds_at_once() -> None:
    frame = pd.DataFrame({"title": ["قمة برلين"], "text": ["بيان عن قمة"]})
    vectorizer = ArabicTfidfVectorizer().fit(frame)
    vectorizer.transform(frame)
    vectorizer.set_params(title_weight=3)
    copy = pickle.loads(pickle.dumps(vectorizer))
    assert abs(vectorizer.transform(frame) - copy.transform(frame)).max() == 0


def test_title_counts_as_often_as_it_weighs() -> None:
    frame = pd.DataFrame({"title": ["قمة برلين", None], "text": ["بيان", "قمة في باريس"]})
    repeated = ["قمة برلين قمة برلين بيان", "قمة في باريس"]
    weighted = ArabicTfidfVectorizer(title_weight=2, char_ngrams=(3, 3)).fit_transform(frame)
    assert abs(weighted - ArabicTfidfVectorizer(char_ngrams=(3, 3)).fit_transform(repeated)).max() < 1e-12


def test_estimator_contract() -> None:
    vectorizer = ArabicTfidfVectorizer(ngram_max=2, normalization=Normalization(fold_alef=False))
    copy = clone(vectorizer)
    assert copy.get_params() == vectorizer.get_params()
    texts = ["قمة في برلين", "مباراة في مدريد", "قمة برلين", "مباراة مدريد"]
    model = make_pipeline(copy, LogisticRegression()).fit(texts, [0, 1, 0, 1])
    assert model.predict(["قمة"]).tolist() == [0]
    assert np.allclose(copy.fit(texts).transform(texts).power(2).sum(axis=1), 1)
    assert sorted(copy.vocabulary_.values()) == list(range(len(copy.idf_)))
    X = copy.set_params(dtype="float32").fit_transform(texts)
    assert X.dtype == np.float32


def test_pickled_it_is_the_same_and_small() -> None:
    vectorizer = ArabicTfidfVectorizer(stem="snowball", char_ngrams=(3, 5)).fit(TEXTS[:100])
    before = len(pickle.dumps(vectorizer))
    expected = vectorizer.transform(TEXTS)  # remembers many tokens, of which none is written
    written = pickle.dumps(vectorizer)
    assert len(written) < before * 1.01
    copy = pickle.loads(written)
    assert abs(copy.transform(TEXTS) - expected).max() == 0
    assert copy.get_feature_names_out().tolist() == vectorizer.get_feature_names_out().tolist()


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({}, "نص", "expected a frame or a sequence of texts, found one string"),
        ({}, pd.DataFrame({"body": ["نص"]}), r"column 'text' .* found \['body'\]"),
        ({}, ["نص", 7], "expected texts, found int in row 1"),
        ({}, [], "empty vocabulary"),
        ({}, ["", " . ؟"], "empty vocabulary"),
        ({"min_df": 2}, ["قمة برلين", "مباراة مدريد"], "no terms remain"),
        ({"min_df": 2, "max_df": 1}, ["قمة برلين"], "max_df corresponds to < documents than min_df"),
        ({"ngram_max": 0}, ["قمة برلين"], "neither words nor characters"),
        ({"title_weight": 0}, ["قمة برلين"], "title_weight: expected an integer from 1 to 1000, found 0"),
        ({"title_weight": 2.5}, ["قمة برلين"], "title_weight"),
        ({"char_ngrams": (5, 3)}, ["قمة برلين"], "char_ngrams: expected 1 <= shortest <= longest <= 10"),
        ({"stem": "porter"}, ["قمة برلين"], "stem: expected one of None, 'snowball', found 'porter'"),
        ({"norm": "max"}, ["قمة برلين"], "norm: expected one of"),
        ({"min_df": -1}, ["قمة برلين"], "min_df: expected a number above 0"),
        ({}, pd.DataFrame([["أ", "ب"]], columns=["text", "text"]), "perhaps one 'title'"),
    ],
)
def test_errors(options: dict[str, object], X: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ArabicTfidfVectorizer(**options).fit(X)


def test_not_fitted() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        ArabicTfidfVectorizer().transform(["نص"])


def test_places_are_the_plain_path_s(gazetteer: Gazetteer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole starter corpus, in any batches and threads."""
    frame = pd.DataFrame({"title": TEXTS[::-1], "text": TEXTS})
    tokens = [tokenize(folded(text)) for text in TEXTS]
    pairs = zip(tokens[::-1], tokens, strict=True)
    expected = sp.csr_matrix([place_features(*pair, gazetteer, lead_tokens=20) for pair in pairs])
    for size, n_jobs in ((50, 2), (10_000, 1), (10_000, 3)):
        monkeypatch.setattr("newsdesk.features.documents.BATCH", size)
        found = place_matrix(frame, gazetteer, normalization=Normalization(), lead_tokens=20, n_jobs=n_jobs)
        for part in ("data", "indices", "indptr"):
            assert getattr(found, part).tobytes() == getattr(expected, part).tobytes()


def test_places_of_no_articles(gazetteer: Gazetteer) -> None:
    n_values = place_matrix([], gazetteer, normalization=Normalization(), lead_tokens=60).shape[1]
    assert n_values == len(place_feature_names(gazetteer.regions))
