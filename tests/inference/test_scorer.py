"""The scorer: one prediction for each article, equal by both implementations and by scikit-learn's matrices."""

import json
import shutil
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.base.settings import read_settings
from newsdesk.features.feature_matrix import place_matrix
from newsdesk.features.tfidf import ArabicTfidfVectorizer
from newsdesk.inference import scorer as scorer_module
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import PLACES
from newsdesk.training.heads import TrainedHead
from tests.inference.articles import (
    ARABIC,
    DISGUISES,
    MENTIONS,
    NEWS,
    OTHER_LANGUAGES,
    PERSIAN,
    SPELLINGS,
    hostile,
)
from tests.inference.test_storage import features


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Scorer:
    return Scorer.load(tiny_model)


def test_equal_to_matrix_product(tiny_run: Path, scorer: Scorer, gazetteer: Gazetteer) -> None:
    """The matrix of terms and places times the coefficients, as in training, is the oracle."""
    params = read_settings(tiny_run / "params.yaml")
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet").to_pandas()
    vectorizer = ArabicTfidfVectorizer(normalization=params.text, **params.features.terms)
    labelled = articles[articles["region"].notna() | articles["topic"].notna()]
    vectorizer.fit(labelled[labelled["split"].isin(["train", "valid"])])
    sample = articles.sample(60, random_state=0)
    lead_tokens = params.features.lead_tokens
    places = place_matrix(sample, gazetteer, normalization=params.text, lead_tokens=lead_tokens)
    X = sp.hstack([vectorizer.transform(sample), params.features.place_weight * places], format="csr")
    predictions = scorer.predict(sample["title"], sample["text"])
    for head in scorer.heads:
        arrays = np.load(tiny_run / "data/heads" / head.task / "weights.npz")
        trained = TrainedHead(
            head.labels, arrays["coef"].astype(np.float64), arrays["intercept"],
            arrays["main_coef"].astype(np.float64), arrays["main_intercept"], arrays["slope"],
            arrays["offset"], np.array(head.thresholds), profiles={}, out_of_outlet=np.empty((0, len(head.labels))),
        )  # fmt: skip
        expected = trained.predict_proba(X)
        found = np.array([list(p.scores[head.task].values()) for p in predictions])
        assert np.abs(expected - found).max() < 1e-9
        for prediction, main in zip(predictions, trained.main_scores(X), strict=True):
            ranked = [main[head.labels.index(label)] for label in prediction.labels[head.task]]
            assert ranked == sorted(ranked, reverse=True)


def test_labels_reach_their_thresholds_and_all_labels_have_scores(scorer: Scorer) -> None:
    (prediction,) = scorer.predict(["غارة أميركية"], [ARABIC])
    for head in scorer.heads:
        scores = prediction.scores[head.task]
        assert tuple(scores) == head.labels
        assigned = {
            label for label, t in zip(head.labels, head.thresholds, strict=True) if scores[label] >= t
        }
        assert {*prediction.labels[head.task]} == assigned


@pytest.mark.parametrize(
    ("title", "text", "reason"),
    [
        (None, None, "too_short"),
        ("", "  \n", "too_short"),
        ("خبر", "عاجل الآن", "too_short"),
        ("", "The government predictions that the summit would be held next week.", "not_arabic"),
        ("", PERSIAN, "not_arabic"),
        ("", "1 2 33 444 5 6 777", "too_short"),
        ("", "11 22 33 444 5555 66666 777777", "not_arabic"),
        ("", "غغغغ ضضضض ظظظظ ثثثث ذذذذ ؤؤؤؤ", "no_evidence"),
    ],
)
def test_reason_why_there_is_no_label(
    scorer: Scorer, title: str | None, text: str | None, reason: str
) -> None:
    (prediction,) = scorer.predict([title], [text])
    assert prediction.reason == reason
    assert prediction.labels == {"region": [], "topic": []}


def test_ambiguous_if_a_label_is_probable_but_below_its_threshold(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for head in info["heads"]:
        head["thresholds"] = [1.0] * len(head["labels"])
    (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
    likely, unlikely = Scorer.load(folder).predict(["", ""], [ARABIC, "خيط وإبرة وقماش وزر وجيب"])
    assert (likely.reason, unlikely.reason) == ("ambiguous", "no_evidence")
    assert likely.labels == {"region": [], "topic": []}


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=30), st.none() | st.text(max_size=80) | st.just(ARABIC)),
        max_size=5,
    )
)
def test_prediction_does_not_depend_on_other_rows(
    scorer: Scorer, rows: list[tuple[str | None, str | None]]
) -> None:
    together = scorer.predict([t for t, _ in rows], [t for _, t in rows])
    alone = [scorer.predict([title], [text])[0] for title, text in rows]
    assert together == alone
    assert all((p.reason is None) == any(p.labels.values()) for p in together)


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("برلين", "europe"),
        ("ريكيافيك", "europe"),
        ("أولان باتور", "asia"),
        ("نواكشوط", "africa"),
        ("ليما", "americas"),
    ],
)
def test_place_that_training_articles_need_not_mention(scorer: Scorer, place: str, region: str) -> None:
    (prediction,) = scorer.predict([f"رحلة إلى {place}"], [f"وصل الكاتب مع أسرته إلى {place} مساء أمس"])
    assert prediction.labels["region"][:1] == [region]


def test_marks_tatweel_digits_and_invisible_characters_change_nothing(scorer: Scorer) -> None:
    text = "قتل 14 شخصا في هجوم شنه مسلحون في كابول وسط أفغانستان"
    variants = [
        "قُتِلَ 14 شخصاً في هجومٍ شنّه مسلحون في كابول وسط أفغانستان",
        text.replace("هجوم", "هجـــوم"),
        text.replace("14", "١٤"),
        text.replace("شنه", "\u202bشنه\u202c"),
        text.replace("أفغانستان", "افغانستان"),
    ]
    expected, *found = scorer.predict([""] * 6, [text, *variants])
    assert found == [expected] * 5


def test_unequal_numbers_of_titles_and_texts_are_refused(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="2 titles for 1 texts"):
        scorer.predict(["أ", "ب"], ["نص"])


def test_unknown_profile_is_refused(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match=r"profile: expected one of balanced, .*, found 'precise'"):
        scorer.predict([""], [ARABIC], profile="precise")


# both implementations


@cache
def compiled(folder: Path, *, threads: int = 1) -> Scorer:
    scorer = Scorer.load(folder)
    scorer.compile_from, scorer.threads = 0, threads
    return scorer


@cache
def reference(folder: Path) -> Scorer:
    scorer = Scorer.load(folder)
    scorer.compile_from = sys.maxsize
    return scorer


def test_implementations_give_the_same_bits(tiny_run: Path, tiny_model: Path) -> None:
    """For every article of the corpus, with any number of threads, as lists and as Arrow columns."""
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet")
    titles, texts = articles["title"], articles["text"]
    expected, reasons = reference(tiny_model).predict_proba(titles.to_pylist(), texts.to_pylist())
    for threads in (1, 3):
        for columns in ((titles, texts), (titles.to_pylist(), texts.to_pylist())):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found, why = compiled(tiny_model, threads=threads).predict_proba(*columns)
            assert found.tobytes() == expected.tobytes()
            assert why == reasons


@pytest.mark.parametrize("scope", ["text", "sentence"])
def test_implementations_find_the_same_places(tiny_model: Path, tmp_path: Path, scope: str) -> None:
    """Also with n-grams by sentence: for n-grams of one word, that changes nothing."""
    shutil.copytree(tiny_model, tmp_path / "model")
    features(ngram_scope=scope)(tmp_path / "model")
    titles, texts = map(list, zip(*MENTIONS.values(), strict=True))
    expected, reasons = reference(tiny_model).predict_proba(titles, texts)
    for threads in (1, 3):
        found, why = compiled(tmp_path / "model", threads=threads).predict_proba(titles, texts)
        assert found.tobytes() == expected.tobytes()
        assert why == reasons


def test_model_without_places(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / PLACES).unlink()
    features(places=False)(tmp_path / "model")
    with np.load(tiny_model / "weights.npz") as archive:
        weights = dict(archive)
    weights["coef"] = weights["coef"][: Scorer.load(tiny_model).model.n_term_columns]
    np.savez(tmp_path / "model/weights.npz", **weights)
    given = ["قمة", ""], [ARABIC, "غغغغ ضضضض ظظظظ ثثثث ذذذذ برلين"]
    predictions = reference(tmp_path / "model").predict(*given)
    assert compiled(tmp_path / "model").predict(*given) == predictions
    assert predictions != reference(tiny_model).predict(*given)


@settings(max_examples=100)
@given(rows=st.lists(st.tuples(hostile, hostile | st.just(ARABIC) | st.none()), max_size=4))
def test_implementations_give_the_same_predictions_for_hostile_texts(
    tiny_model: Path, rows: list[tuple[str, str]]
) -> None:
    titles, texts = [title for title, _ in rows], [text for _, text in rows]
    assert compiled(tiny_model).predict(titles, texts) == reference(tiny_model).predict(titles, texts)


def test_implementations_agree_on_the_language(tiny_model: Path) -> None:
    """Of Arabic on any keyboard and of other languages in its script, also with tatweel and marks."""
    written = [spelling(NEWS) for spelling in SPELLINGS.values()]
    texts = [
        disguise(text) for text in (*written, *OTHER_LANGUAGES.values()) for disguise in DISGUISES.values()
    ]
    titles = [""] * len(texts)
    found = compiled(tiny_model).predict(titles, texts)
    assert found == reference(tiny_model).predict(titles, texts)
    n_arabic = len(written) * len(DISGUISES)
    assert "not_arabic" not in {prediction.reason for prediction in found[:n_arabic]}
    assert {prediction.reason for prediction in found[n_arabic:]} == {"not_arabic"}


@pytest.mark.parametrize("place", [0, 2, 4])
def test_long_article_does_not_change_others(tiny_model: Path, place: int) -> None:
    """An article that is longer than the share of a thread."""
    texts = ["مباراة مدريد وبرشلونة في الدوري الإسباني انتهت بالتعادل", ARABIC] * 2
    texts.insert(place, f"{ARABIC} " * 3000)
    expected = reference(tiny_model).predict([""] * 5, texts)
    for threads in (2, 3):
        assert compiled(tiny_model, threads=threads).predict([""] * 5, texts) == expected


def test_refused_values_change_nothing(tiny_model: Path) -> None:
    expected = reference(tiny_model).predict(["غارة"], [ARABIC])
    for scorer in (reference(tiny_model), compiled(tiny_model)):
        for texts in ([float("nan")], [7], pa.array([20252026]), pa.array([b"x"])):
            with pytest.raises(ValueError, match="expected texts, found"):
                scorer.predict(["كلمات لم ترد من قبل قط"], texts)
        assert scorer.predict(["غارة"], [ARABIC]) == expected


def test_threads_share_a_scorer(tiny_model: Path) -> None:
    texts = [f"{ARABIC} كلمة{i}" for i in range(400)]
    expected = reference(tiny_model).predict([""] * len(texts), texts)
    for scorer in (reference(tiny_model), compiled(tiny_model, threads=2)):
        with ThreadPoolExecutor(8) as pool:
            predictions = pool.map(
                lambda lo, s=scorer: s.predict([""] * 50, texts[lo : lo + 50]), range(0, 400, 50)
            )
            assert [p for part in predictions for p in part] == expected


def test_a_call_with_many_articles_loads_the_compiled_implementation(tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    scorer.compile_from = 3
    scorer.predict(["أ", "ب"], [ARABIC, ARABIC])
    assert scorer.compiled is None
    scorer.predict(["أ"] * 3, [ARABIC] * 3)
    assert scorer.compiled is not None


def test_small_calls_are_answered_while_the_compiled_implementation_is_loaded(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, may_load = Scorer.load(tiny_model), threading.Event()
    scorer.compile_from = 3
    monkeypatch.setattr(scorer_module, "_can_compile", may_load.wait)
    expected = reference(tiny_model).predict(["أ"], [ARABIC])
    for _ in range(5):
        assert scorer.predict(["أ"], [ARABIC]) == expected
    [loading] = [thread for thread in threading.enumerate() if thread.name == "newsdesk-compile"]
    assert scorer.compiled is None
    may_load.set()
    loading.join()
    assert scorer.compiled is not None
    assert scorer.predict(["أ"], [ARABIC]) == expected
