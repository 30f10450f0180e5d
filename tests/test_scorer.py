"""The scorer: equal to the matrix path, one answer a row, and silent with a reason."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsdesk.features import ArabicTfidfVectorizer
from newsdesk.heads import TrainedHead
from newsdesk.params import read_settings
from newsdesk.scorer import Scorer, is_arabic

ARABIC = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."


@pytest.fixture(scope="module")
def scorer(project: Path) -> Scorer:
    return Scorer.load(project / "model")


def test_equals_the_matrix_path(project: Path, scorer: Scorer) -> None:
    """scikit-learn's vectorizer and a matrix product against the scorer's own sums."""
    params = read_settings(project / "params.yaml")
    articles = pq.read_table(project / "data/clean/articles.parquet").to_pandas()
    vectorizer = ArabicTfidfVectorizer(normalization=params.text, **params.features.model_dump())
    labelled = articles[articles["region"].notna() | articles["topic"].notna()]
    vectorizer.fit(labelled[labelled["split"] == "train"])
    sample = pd.concat([articles.sample(60, random_state=0)])
    X = vectorizer.transform(sample)
    predictions = scorer.predict(sample["title"], sample["text"])
    for head in scorer.heads:
        arrays = np.load(project / "heads" / head.task / "weights.npz")
        trained = TrainedHead(
            head.labels, arrays["coef"].astype(np.float64), arrays["intercept"], arrays["slope"],
            arrays["offset"], np.array(head.thresholds),
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
    with pytest.raises(ValueError, match="shorter"):
        scorer.predict(["أ", "ب"], ["نص"])


def test_packaged_code_runs_without_the_project(project: Path, tmp_path: Path) -> None:
    """The model's own scorer.py, in a process that cannot import newsdesk, gives the evaluated labels."""
    evaluated = pq.read_table(project / "data/predictions.parquet").to_pylist()[:20]
    articles = {
        r["article_id"]: r for r in pq.read_table(project / "data/clean/articles.parquet").to_pylist()
    }
    rows = [articles[e["article_id"]] for e in evaluated]
    code = """
import builtins, importlib.util, json, sys
real = builtins.__import__
def guarded(name, *a, **k):
    assert not name.startswith(("newsdesk", "sklearn", "scipy", "pandas", "dvc", "mlflow")), name
    return real(name, *a, **k)
builtins.__import__ = guarded
spec = importlib.util.spec_from_file_location("scorer", sys.argv[1] + "/scorer.py")
module = importlib.util.module_from_spec(spec)
sys.modules["scorer"] = module
spec.loader.exec_module(module)
rows = json.load(sys.stdin)
said = module.Scorer.load(sys.argv[1]).predict([r[0] for r in rows], [r[1] for r in rows])
print(json.dumps([[p.labels, p.scores] for p in said]))
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(project / "model")], check=True, capture_output=True, text=True,
        input=json.dumps([(r["title"], r["text"]) for r in rows]), cwd=tmp_path,
    )  # fmt: skip
    for (labels, scores), e in zip(json.loads(done.stdout), evaluated, strict=True):
        for task in ("region", "topic"):
            assert labels[task] == e[f"{task}_predicted"]
            assert scores[task] == dict(e[f"{task}_scores"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda m: (m / "weights.npz").unlink(), "no readable model .FileNotFoundError"),
        (lambda m: (m / "weights.npz").write_bytes(b"PK\x03\x04 cut"), "no readable model .BadZipFile"),
        (lambda m: (m / "model.json").write_text("{"), "no readable model .JSONDecodeError"),
        (lambda m: (m / "model.json").write_text('{"format": 99}'), "model format 99, this code reads 1"),
        (lambda m: (m / "terms.json").write_text('["كلمة"]'), "weights of shape .* for 1 terms"),
    ],
)
def test_damaged_models(project: Path, tmp_path: Path, damage, message: str) -> None:
    for file in (project / "model").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        Scorer.load(tmp_path)


def test_is_arabic_by_share() -> None:
    assert is_arabic("أعلنت شركة Volkswagen AG عن أرباح")
    assert not is_arabic("Volkswagen AG announced profits in الرياض")
    assert not is_arabic("")
