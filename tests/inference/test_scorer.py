"""The scorer: equal to the matrix path, one answer a row, and silent with a reason."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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
from newsdesk.features.tfidf import ArabicTfidfVectorizer, place_matrix
from newsdesk.inference.gazetteer import Gazetteer
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.storage import FORMAT, PLACES, TERMS
from newsdesk.inference.text import is_arabic
from newsdesk.training.heads import TrainedHead
from tests.inference.test_engine import ARTICLES, hostile

ARABIC = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Scorer:
    return Scorer.load(tiny_model)


def test_equals_the_matrix_path(tiny_run: Path, scorer: Scorer, gazetteer: Gazetteer) -> None:
    """The matrix of terms and places and a matrix product against the scorer's own sums."""
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
            head.labels, arrays["coef"].astype(np.float64), arrays["intercept"], arrays["slope"],
            arrays["offset"], np.array(head.thresholds), profiles={},
        )  # fmt: skip
        expected = trained.predict_proba(X)
        found = np.array([list(p.scores[head.task].values()) for p in predictions])
        assert np.abs(expected - found).max() < 1e-9


def test_main_label_first_and_scores_of_all_labels(scorer: Scorer) -> None:
    (prediction,) = scorer.predict(["غارة أميركية"], [ARABIC])
    for head in scorer.heads:
        scores = prediction.scores[head.task]
        assert tuple(scores) == head.labels
        held = [label for label, t in zip(head.labels, head.thresholds, strict=True) if scores[label] >= t]
        assert prediction.labels[head.task] == sorted(held, key=lambda label: -scores[label])


@pytest.mark.parametrize(
    ("title", "text", "reason"),
    [
        (None, None, "too_short"),
        ("", "  \n", "too_short"),
        ("خبر", "عاجل الآن", "too_short"),
        ("", "The government said that the summit would be held next week.", "not_arabic"),
        (
            "",
            "دولت ایران اعلام کرد که نشست سران هفتهٔ آینده برگزار می‌شود و چند وزیر شرکت می‌کنند.",
            "not_arabic",
        ),
        ("", "1 2 33 444 5 6 777", "too_short"),
        ("", "11 22 33 444 5555 66666 777777", "not_arabic"),
        ("", "غغغغ ضضضض ظظظظ ثثثث ذذذذ ؤؤؤؤ", "no_evidence"),
    ],
)
def test_silent_with_a_reason(scorer: Scorer, title: str | None, text: str | None, reason: str) -> None:
    (prediction,) = scorer.predict([title], [text])
    assert prediction.reason == reason
    assert prediction.labels == {"region": [], "topic": []}


def test_ambiguous_where_a_label_is_likely_but_none_is_certain_enough(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    info = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for head in info["heads"]:
        head["thresholds"] = [1.0] * len(head["labels"])
    (folder / "model.json").write_text(json.dumps(info), encoding="utf-8")
    likely, unlikely = Scorer.load(folder).predict(["", ""], [ARABIC, "خيط وإبرة وقماش وزر وجيب"])
    assert (likely.reason, unlikely.reason) == ("ambiguous", "no_evidence")
    assert likely.labels == {"region": [], "topic": []}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=30), st.none() | st.text(max_size=80) | st.just(ARABIC)),
        max_size=5,
    )
)
def test_one_answer_a_row_that_depends_on_no_other(
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
def test_a_place_that_training_need_not_have_named(scorer: Scorer, place: str, region: str) -> None:
    (prediction,) = scorer.predict([f"رحلة إلى {place}"], [f"وصل الكاتب مع أسرته إلى {place} مساء أمس"])
    assert prediction.labels["region"][:1] == [region]


def test_marks_tatweel_digits_and_invisibles_change_nothing(scorer: Scorer) -> None:
    plain = "قتل 14 شخصا في هجوم شنه مسلحون في كابول وسط أفغانستان"
    variants = [
        "قُتِلَ 14 شخصاً في هجومٍ شنّه مسلحون في كابول وسط أفغانستان",
        plain.replace("هجوم", "هجـــوم"),
        plain.replace("14", "١٤"),
        plain.replace("شنه", "\u202bشنه\u202c"),
        plain.replace("أفغانستان", "افغانستان"),
    ]
    expected, *found = scorer.predict([""] * 6, [plain, *variants])
    assert found == [expected] * 5


def test_two_rows_of_one_title_and_unequal_lengths(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="2 titles for 1 texts"):
        scorer.predict(["أ", "ب"], ["نص"])


@cache
def compiled(folder: Path, *, threads: int = 1) -> Scorer:
    scorer = Scorer.load(folder)
    scorer.compile_from, scorer.threads = 0, threads
    return scorer


@cache
def plain(folder: Path) -> Scorer:
    scorer = Scorer.load(folder)
    scorer.compile_from = sys.maxsize
    return scorer


def test_the_compiled_path_gives_the_same_bits(tiny_run: Path, tiny_model: Path, scorer: Scorer) -> None:
    """Of every article of the corpus, in any number of threads, as lists and as Arrow columns."""
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet")
    titles, texts = articles["title"], articles["text"]
    expected, reasons = plain(tiny_model).predict_proba(titles.to_pylist(), texts.to_pylist())
    for threads in (1, 3):
        for columns in ((titles, texts), (titles.to_pylist(), texts.to_pylist())):
            found, why = compiled(tiny_model, threads=threads).predict_proba(*columns)
            assert found.tobytes() == expected.tobytes()
            assert why == reasons


@pytest.mark.parametrize("scope", ["text", "sentence"])
def test_the_compiled_path_finds_the_same_places(tiny_model: Path, tmp_path: Path, scope: str) -> None:
    """Of a model that reads by sentence too: with runs of one word, that changes nothing."""
    shutil.copytree(tiny_model, tmp_path / "model")
    features(ngram_scope=scope)(tmp_path / "model")
    titles, texts = map(list, zip(*ARTICLES.values(), strict=True))
    expected, reasons = plain(tiny_model).predict_proba(titles, texts)
    for threads in (1, 3):
        found, why = compiled(tmp_path / "model", threads=threads).predict_proba(titles, texts)
        assert found.tobytes() == expected.tobytes()
        assert why == reasons


def test_a_model_without_places(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / PLACES).unlink()
    features(places=False)(tmp_path / "model")
    with np.load(tiny_model / "weights.npz") as archive:
        weights = dict(archive)
    weights["coef"] = weights["coef"][: len(weights["idf"])]
    np.savez(tmp_path / "model/weights.npz", **weights)
    given = ["قمة", ""], [ARABIC, "غغغغ ضضضض ظظظظ ثثثث ذذذذ برلين"]
    said = plain(tmp_path / "model").predict(*given)
    assert compiled(tmp_path / "model").predict(*given) == said
    assert said != plain(tiny_model).predict(*given)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(hostile, hostile | st.just(ARABIC) | st.none()), max_size=4))
def test_the_compiled_path_says_the_same_of_hostile_texts(
    tiny_model: Path, rows: list[tuple[str, str]]
) -> None:
    titles, texts = [title for title, _ in rows], [text for _, text in rows]
    assert compiled(tiny_model).predict(titles, texts) == plain(tiny_model).predict(titles, texts)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_long_article_shifts_no_other(tiny_model: Path, place: int) -> None:
    """It fills the parts of several threads by itself."""
    texts = ["مباراة مدريد وبرشلونة في الدوري الإسباني انتهت بالتعادل", ARABIC] * 2
    texts.insert(place, f"{ARABIC} " * 3000)
    expected = plain(tiny_model).predict([""] * 5, texts)
    for threads in (2, 3):
        assert compiled(tiny_model, threads=threads).predict([""] * 5, texts) == expected


def test_what_is_refused_leaves_nothing_behind(tiny_model: Path) -> None:
    expected = plain(tiny_model).predict(["غارة"], [ARABIC])
    for scorer in (plain(tiny_model), compiled(tiny_model)):
        for texts in ([float("nan")], [7], pa.array([20252026]), pa.array([b"x"])):
            with pytest.raises(ValueError, match="expected texts, found"):
                scorer.predict(["كلمات لم ترد من قبل قط"], texts)
        assert scorer.predict(["غارة"], [ARABIC]) == expected


def test_threads_share_a_scorer(tiny_model: Path) -> None:
    texts = [f"{ARABIC} كلمة{i}" for i in range(400)]
    expected = plain(tiny_model).predict([""] * len(texts), texts)
    for scorer in (plain(tiny_model), compiled(tiny_model, threads=2)):
        with ThreadPoolExecutor(8) as pool:
            said = pool.map(lambda lo, s=scorer: s.predict([""] * 50, texts[lo : lo + 50]), range(0, 400, 50))
            assert [p for part in said for p in part] == expected


def test_a_model_without_its_compiled_path(tiny_run: Path, tiny_model: Path, tmp_path: Path) -> None:
    """It says so once and goes on as before."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model, ignore=shutil.ignore_patterns("__pycache__", "kernel.py"))
    done, _ = predict_packaged(tiny_run, str(model), "0")
    assert done.stdout.splitlines()[1] == "plain"
    assert done.stderr.count("no compiled path") == 1


def test_a_model_without_its_finder_of_places(tiny_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model, ignore=shutil.ignore_patterns("__pycache__", "mentions.py"))
    done = subprocess.run(
        [sys.executable, "-B", "-c", PACKAGED, str(model), "0"], input="[]", capture_output=True, text=True
    )
    assert "no readable model (ModuleNotFoundError" in done.stderr.splitlines()[-1]


def test_the_plain_path_until_there_is_enough_to_do(tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    scorer.compile_from = 3
    scorer.predict(["أ", "ب"], [ARABIC, ARABIC])
    assert scorer.compiled is None
    scorer.predict(["أ"], [ARABIC])
    assert scorer.compiled is not None


PACKAGED = """
import builtins, importlib.util, json, sys
real = builtins.__import__
def guarded(name, *a, **k):
    if name.startswith(("newsdesk", "sklearn", "scipy", "pandas", "pyarrow", "dvc", "mlflow")):
        raise ImportError(name)
    return real(name, *a, **k)
builtins.__import__ = guarded
if "--no-numba" in sys.argv:
    sys.modules["numba"] = None
sys.path.insert(0, sys.argv[1])
import scorer
rows = json.load(sys.stdin)
model = scorer.Scorer.load(sys.argv[1])
model.compile_from = int(sys.argv[2])
said = model.predict([r[0] for r in rows], [r[1] for r in rows])
print(json.dumps([[p.labels, p.scores] for p in said]))
print("compiled" if model.compiled else "plain")
"""


def predict_packaged(tiny_run: Path, *args: str, **env: str) -> tuple[subprocess.CompletedProcess[str], list]:
    """Labels by the model's own code, in a process that can't import newsdesk, and those evaluated."""
    evaluated = pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()[:20]
    articles = {
        r["article_id"]: r for r in pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    }
    rows = [articles[e["article_id"]] for e in evaluated]
    done = subprocess.run(
        [sys.executable, "-B", "-c", PACKAGED, *args], check=True, capture_output=True, text=True,
        input=json.dumps([(r["title"], r["text"]) for r in rows]), cwd=tiny_run.parent, env=os.environ | env,
    )  # fmt: skip
    for (labels, scores), e in zip(json.loads(done.stdout.splitlines()[0]), evaluated, strict=True):
        for task in ("region", "topic"):
            assert labels[task] == e[f"{task}_predicted"]
            assert scores[task] == dict(e[f"{task}_scores"])
    return done, evaluated


@pytest.mark.parametrize(
    ("args", "path"), [(["0"], "compiled"), (["0", "--no-numba"], "plain"), (["1000"], "plain")]
)
def test_packaged_code_runs_without_the_project(
    tiny_run: Path, tiny_model: Path, tmp_path: Path, args: list[str], path: str
) -> None:
    done, _ = predict_packaged(tiny_run, str(tiny_model), *args, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stdout.splitlines()[1] == path
    assert not done.stderr


def test_no_folder_for_compiled_code(tiny_run: Path, tiny_model: Path, tmp_path: Path) -> None:
    """It says so and works all the same."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model, ignore=shutil.ignore_patterns("__pycache__"))
    (model / "__pycache__").write_text("a file where a folder would be")
    done, _ = predict_packaged(tiny_run, str(model), "0", HOME="/dev/null", XDG_CACHE_HOME="/dev/null")
    assert done.stdout.splitlines()[1] == "compiled"
    assert done.stderr.count("set NUMBA_CACHE_DIR") == 1


def places(content: bytes) -> Callable[[Path], None]:
    return lambda model: (model / PLACES).write_bytes(gzip.compress(content))


def terms(content: bytes) -> Callable[[Path], None]:
    return lambda model: (model / TERMS).write_bytes(gzip.compress(content))


def features(**changed: object) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        info = json.loads((model / "model.json").read_text())
        info["features"] |= changed
        (model / "model.json").write_text(json.dumps(info))

    return damage


def profiles(chosen: object) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        info = json.loads((model / "model.json").read_text())
        info["heads"][0]["profiles"] = chosen
        (model / "model.json").write_text(json.dumps(info))

    return damage


def test_a_profile_that_there_is_not_is_refused(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match=r"profile: expected one of balanced, .*, found 'precise'"):
        scorer.predict([""], [ARABIC], profile="precise")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (profiles({"high_precision": [0.5] * 7}), "no readable model .KeyError: 'high_recall'"),
        (
            profiles({"high_precision": [2.0] * 7, "high_recall": [0.1] * 7}),
            "one high_precision threshold from 0",
        ),
        (
            profiles({"high_precision": [0.5] * 7, "high_recall": [0.1]}),
            "region: expected one high_recall threshold",
        ),
        (lambda m: (m / "weights.npz").unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / "weights.npz").write_bytes(b"PK\x03\x04 cut"), "no readable model .BadZipFile"),
        (lambda m: (m / "model.json").write_text("{"), "no readable model .JSONDecodeError"),
        (
            lambda m: (m / "model.json").write_text('{"format": 99}'),
            f"model format 99, this code reads {FORMAT}",
        ),
        (lambda m: (m / "model.json").write_text("[" * 100_000), "no readable model .RecursionError"),
        (lambda m: (m / "model.json").write_text("[]"), "no readable model .TypeError"),
        (features(ngram_max="x"), "ngram_max: expected an integer from 0 to 10, found 'x'"),
        (features(title_weight=2**31), "title_weight: .* found 2147483648"),
        (features(char_ngrams=[6, 4]), "char_ngrams: expected"),
        (features(norm="l3"), "features.norm"),
        (features(ngram_scope="para"), "features.ngram_scope"),
        (features(sublinear_tf="no"), "features.sublinear_tf"),
        (terms('["#كل", "كلمة"]'.encode()), "a word is listed after a character"),
        (terms('["كلمة", "كلمة"]'.encode()), "a term is listed twice"),
        (terms(b"[7]"), "terms.json.gz: not a list of strings"),
        (lambda m: (m / "model.json").write_text(f'{{"format": {FORMAT}}}'), "no readable model .KeyError"),
        (
            lambda m: (m / "model.json").write_text(f'{{"format": {FORMAT - 1}}}'),
            f"model format {FORMAT - 1}, this code reads {FORMAT}",
        ),
        (lambda m: (m / TERMS).unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / TERMS).write_bytes((m / TERMS).read_bytes()[:-9]), "terms.json.gz: EOFError"),
        (terms('["كلمة"]'.encode()), "coef of shape .* for 1 terms"),
        (features(places="yes"), "features.places"),
        (features(place_weight=-1), "features.place_weight"),
        (features(lead_tokens=1.5), "features.lead_tokens"),
        (features(places=False), "coef of shape .* 0 place features"),
        (lambda m: (m / PLACES).unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / PLACES).write_bytes(b"{}"), "places.json.gz: BadGzipFile"),
        (lambda m: (m / PLACES).write_bytes((m / PLACES).read_bytes()[:-9]), "places.json.gz: EOFError"),
        (places(b"{"), "places.json.gz: JSONDecodeError"),
        (places(b"[]"), "places.json.gz: TypeError"),
        (places(b'{"regions": []}'), "places.json.gz: KeyError"),
        (places(b'{"regions": [7]}'), "places.json.gz: regions .7. are not distinct names"),
        (
            places(b'{"regions": ["europe"], "places": [], "rules": [], "forms": []}'),
            "coef of shape .* 17 place features",
        ),
    ],
)
def test_damaged_models(tiny_model: Path, tmp_path: Path, damage, message: str) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        Scorer.load(tmp_path)


def test_is_arabic_by_share() -> None:
    assert is_arabic("أعلنت شركة Volkswagen AG عن أرباح")
    assert not is_arabic("Volkswagen AG announced profits in الرياض")
    assert not is_arabic("")
