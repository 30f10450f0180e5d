"""The model as MLflow loads it: accepted inputs, one row out for each row in, parameters and errors."""

import json
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from newsdesk import __version__
from newsdesk.base.files import sha256
from newsdesk.inference.decision import PROFILES
from newsdesk.inference.explain import explain
from newsdesk.inference.scorer import Scorer
from newsdesk.tracking import mlflow_model
from tests.home_model import UNNAMED
from tests.inference.articles import ARABIC, DIRTY

ENGLISH = "The government said that the summit would be held next week."
PERSIAN = "دولت ایران اعلام کرد که نشست سران هفتهٔ آینده برگزار می‌شود و چند وزیر شرکت می‌کنند."
NOTHING = {
    "regions": [], "topics": [], "region_scores": {}, "topic_scores": {}, "main_region": None, "main_topic": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def model(saved: Path) -> PyFuncModel:
    return mlflow.pyfunc.load_model(str(saved))


def test_predictions_equal_those_of_the_scorer(tiny_model: Path, model: PyFuncModel) -> None:
    rows = [
        ("غارة أميركية", ARABIC),
        (None, ARABIC),
        (None, None),
        ("", "  "),
        ("News", ENGLISH),
        ("", PERSIAN),
    ]
    frame = pd.DataFrame(rows, columns=["title", "text"]).assign(article_id=[*"bbaadd"])
    predicted = model.predict(frame).to_dict("records")
    expected = Scorer.load(tiny_model).predict(*zip(*rows, strict=True))
    assert [row["article_id"] for row in predicted] == [*"bbaadd"]
    assert [row["reason"] for row in predicted] == [
        None,
        None,
        "too_short",
        "too_short",
        "not_arabic",
        "not_arabic",
    ]
    for row, prediction in zip(predicted, expected, strict=True):
        for task in ("region", "topic"):
            assert row[f"{task}s"] == prediction.labels[task]
            assert row[f"{task}_scores"] == prediction.scores[task]
            assert row[f"main_{task}"] == (prediction.labels[task] or [None])[0]
    json.dumps(predicted, allow_nan=False)


def test_articles_are_repaired_as_by_predict(model: PyFuncModel) -> None:
    expected, *found = model.predict([ARABIC, *DIRTY.values()], params={"explain": True}).to_dict("records")
    assert expected["regions"]
    assert found == [expected] * len(DIRTY)


def test_model_version_holds_the_hash_of_the_model(tiny_model: Path, model: PyFuncModel) -> None:
    recorded = sha256(tiny_model)
    assert model.predict([ARABIC])["model_version"].tolist() == [f"{__version__}+{recorded[:12]}"]
    assert model.metadata.metadata["model_sha256"] == recorded


@pytest.mark.parametrize(
    "rows",
    [
        [ARABIC, None, ENGLISH],
        np.array([ARABIC, None, ENGLISH], dtype=object),
        pd.Series([ARABIC, None, ENGLISH]),
        pd.Series([ARABIC, None, ENGLISH], name="text"),
        [{"text": ARABIC}, {"title": "خبر"}, {"text": ENGLISH, "title": None, "other": 1}],
        {"text": np.array([ARABIC, "", ENGLISH])},
        pd.DataFrame({"text": [ARABIC, float("nan"), ENGLISH]}, index=[7, 7, 0]),
        pd.DataFrame({"text": [ARABIC, pd.NA, ENGLISH], "title": np.nan, "article_id": None}),
        pd.DataFrame({"text": pd.array([ARABIC, None, ENGLISH], dtype="string")}, index=[*"cab"]),
    ],
)
def test_each_row_in_gives_one_row_out(model: PyFuncModel, rows: Any) -> None:
    predicted = model.predict(rows)
    assert predicted["regions"].tolist() == [["us"], [], []]
    assert predicted["reason"].tolist() == [None, "too_short", "not_arabic"]
    assert predicted["article_id"].tolist() == [None] * 3
    if isinstance(rows, pd.DataFrame):
        assert predicted.index.equals(rows.index)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", " \n"])
def test_one_row_without_text(model: PyFuncModel, missing: Any) -> None:
    predicted = model.predict(pd.DataFrame({"text": [missing], "article_id": [7]})).to_dict("records")
    version = predicted[0].pop("model_version")
    assert predicted == [{"article_id": 7, **NOTHING, "reason": "too_short"}]
    assert version


def test_an_empty_frame_gives_an_empty_frame(model: PyFuncModel) -> None:
    predicted = model.predict(pd.DataFrame({"text": [], "title": []}))
    assert len(predicted) == 0
    assert list(predicted) == [column.name for column in model.metadata.get_output_schema()]


def test_entities_and_control_characters_are_repaired(model: PyFuncModel) -> None:
    plain, hurt = model.predict([f"«القاعدة» {ARABIC}", f" &laquo;القا\x07عدة&raquo; {ARABIC}"])[
        "topic_scores"
    ]
    assert plain == hurt


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"body": [ARABIC] * 3}), "no column `text`: give a DataFrame that has one, or a list"),
        (pd.DataFrame({"title": [ARABIC]}), "no column `text`"),
        (pd.Series([ARABIC], name="body"), "no column `text`"),
        (pd.DataFrame({"text": [ARABIC, 7]}), "text: expected strings or nulls, found int in row 1"),
        (pd.DataFrame({"text": [b"x"]}), "text: expected strings or nulls, found bytes in row 0"),
        (pd.DataFrame({"text": [[ARABIC]]}), "text: expected strings or nulls, found list in row 0"),
        (pd.DataFrame({"text": [1.5, 2.5]}), "text: expected strings or nulls, found float in row 0"),
        (pd.DataFrame({"text": [ARABIC], "title": [True]}), "title: expected strings or nulls, found bool"),
        ([ARABIC, {"text": ARABIC}], "list: expected strings or nulls, found dict in row 1"),
        ({"text": [ARABIC, ENGLISH]}, "text: expected strings or nulls, found list in row 0"),
        (pd.DataFrame({0: [ARABIC], "text": ["خبر"]}), "columns without names: pass them by name"),
    ],
)
def test_input_without_texts_is_refused_in_one_line(model: PyFuncModel, rows: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message) as raised:
        model.predict(rows)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_applies_its_thresholds(
    tiny_run: Path, tiny_model: Path, model: PyFuncModel, profile: str
) -> None:
    articles = pd.read_parquet(tiny_run / "data/clean/articles.parquet").head(30)
    predicted = model.predict(articles[["title", "text"]], params={"profile": profile})
    scorer = Scorer.load(tiny_model)
    for row, prediction in zip(
        predicted.to_dict("records"), scorer.predict(articles["title"], articles["text"]), strict=True
    ):
        for head in scorer.heads:
            scores = prediction.scores[head.task]
            chances = np.array([[scores.get(label, np.nan) for label in head.labels]])
            held = np.array(head.labels)[head.decide(chances, profile)[0]].tolist()
            assert sorted(row[f"{head.task}s"]) == sorted(held)
            if profile == "balanced":
                assert row[f"{head.task}s"] == prediction.labels[head.task], "the main one first"


def test_labels_of_a_stricter_profile_are_a_subset(tiny_run: Path, model: PyFuncModel) -> None:
    articles = pd.read_parquet(tiny_run / "data/clean/articles.parquet").head(30)
    profiles = ("high_precision", "balanced", "high_recall")
    predicted = [model.predict(articles[["text"]], params={"profile": profile}) for profile in profiles]
    for task in ("regions", "topics"):
        for few, some, many in zip(*(answer[task] for answer in predicted), strict=True):
            assert set(few) <= set(some) <= set(many)
    assert (
        predicted[0]["topics"].str.len().sum()
        < predicted[1]["topics"].str.len().sum()
        < predicted[2]["topics"].str.len().sum()
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"profile": "precise"},
            "profile: expected one of balanced, high_precision, high_recall, found 'precise'",
        ),
        ({"profile": None}, "profile: expected one of .*, found None"),
        ({"explain": None}, "explain: expected true or false, found None"),
        ({"explain": "yes"}, "Can not safely convert"),
    ],
)
def test_params_are_checked(model: PyFuncModel, params: dict, message: str) -> None:
    with pytest.raises(MlflowException, match=message):
        model.predict([ARABIC], params=params)


def test_unknown_params_are_refused(model: PyFuncModel) -> None:
    with pytest.raises(MlflowException, match="params: treshold not known; expected profile or explain"):
        model.unwrap_python_model().predict(None, pd.DataFrame({"text": [ARABIC]}), {"treshold": 0.5})


def test_explain_adds_evidence_to_scored_rows(tiny_model: Path, model: PyFuncModel) -> None:
    predicted = model.predict([ARABIC, ENGLISH], params={"explain": True, "profile": "high_precision"})
    scorer = Scorer.load(tiny_model)
    thresholds = {head.task: head.profiles["high_precision"] for head in scorer.heads}
    evidence = explain(scorer, "", ARABIC, thresholds=thresholds)
    assert json.loads(json.dumps(predicted["evidence"].tolist())) == json.loads(json.dumps([evidence, None]))
    assert any(row["contributions"] for row in evidence)
    assert "evidence" not in model.predict([ARABIC])


def test_flat_rows_hold_a_column_for_each_label(tiny_model: Path, model: PyFuncModel) -> None:
    flat = model.predict([ARABIC, None], params={"flat": True})
    [row, unscored] = flat.to_dict("records")
    [expected, _] = model.predict([ARABIC, None]).to_dict("records")
    for head in Scorer.load(tiny_model).heads:
        assert row[f"main_{head.task}"] == expected[f"main_{head.task}"]
        for label in head.labels:
            assert row[f"{head.task}_{label}"] == (label in expected[f"{head.task}s"])
            assert row[f"{head.task}_{label}_score"] == expected[f"{head.task}_scores"][label]
            assert unscored[f"{head.task}_{label}"] is False
            assert unscored[f"{head.task}_{label}_score"] is None
    assert not {"regions", "topics", "region_scores", "topic_scores"} & {*flat}
    assert unscored["reason"] == "too_short"
    json.dumps([row, unscored], allow_nan=False)


def test_two_versions_in_one_process_keep_their_own_behaviour(
    tiny_model: Path, model: PyFuncModel, tmp_path: Path
) -> None:
    """Another rule on short texts, other thresholds and other code."""
    other = tmp_path / "packaged"
    shutil.copytree(tiny_model, other)
    info = json.loads((other / "model.json").read_text(encoding="utf-8"))
    info["features"]["min_words"] = 1
    info["heads"][0]["thresholds"] = [1.0] * len(info["heads"][0]["labels"])
    (other / "model.json").write_text(json.dumps(info), encoding="utf-8")
    mlflow_model.save(other, tmp_path / "model")
    scorer = tmp_path / "model/artifacts/inference/scorer.py"
    code = scorer.read_text(encoding="utf-8")
    assert '"not_arabic"' in code
    scorer.write_text(code.replace('"not_arabic"', '"foreign"'), encoding="utf-8")
    rows, before = [ARABIC, "قمة برلين", ENGLISH], model.predict([ARABIC, "قمة برلين", ENGLISH])
    changed = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert changed.predict(rows)["reason"].tolist() == [None, None, "foreign"]
    assert changed.predict(rows)["regions"].tolist() == [[], [], []]
    again = model.predict(rows)
    assert again["reason"].tolist() == [None, "too_short", "not_arabic"]
    assert again["regions"].tolist() == [["us"], [], []]
    assert again.to_dict("records") == before.to_dict("records")
    assert changed.predict(rows)["model_version"][0] == f"{__version__}+{sha256(other)[:12]}"


def test_threads_are_set_at_load(saved: Path) -> None:
    loaded = mlflow.pyfunc.load_model(str(saved), model_config={"threads": 2})
    assert loaded.unwrap_python_model().scorer.threads == 2
    with pytest.raises(MlflowException, match="model config threads: expected a number from 1, found 0"):
        mlflow.pyfunc.load_model(str(saved), model_config={"threads": 0})


def test_a_warm_model_is_compiled_at_load(saved: Path) -> None:
    warm = mlflow.pyfunc.load_model(str(saved), model_config={"warm": True})
    assert warm.unwrap_python_model().scorer.compiled is not None
    with pytest.raises(MlflowException, match="model config warm: expected true or false, found 'yes'"):
        mlflow.pyfunc.load_model(str(saved), model_config={"warm": "yes"})


def test_mlflow_evaluates_main_labels(saved: Path, model: PyFuncModel) -> None:
    """An evaluator of MLflow takes all columns of a model's output as its prediction."""
    frame = pd.DataFrame({"text": [ARABIC, ENGLISH, ARABIC], "region": ["us", "none", "asia"]})
    result = mlflow.models.evaluate(
        str(saved), frame, targets="region", model_type="classifier", model_config={"task": "region"},
        evaluator_config={"log_explainer": False},
    )  # fmt: skip
    assert result.metrics["example_count"] == 3
    assert result.metrics["accuracy_score"] == pytest.approx(2 / 3)
    loaded = mlflow.pyfunc.load_model(str(saved), model_config={"task": "topic"})
    said = loaded.predict(frame[["text"]])
    assert said.tolist() == model.predict(frame[["text"]])["main_topic"].fillna("none").tolist()
    assert (said.name, loaded.predict(frame.head(0)).tolist()) == ("main_topic", [])
    with pytest.raises(MlflowException, match="model config task: expected region or topic, found 'sport'"):
        mlflow.pyfunc.load_model(str(saved), model_config={"task": "sport"})


def test_a_damaged_artifact_is_an_error_at_load(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "model")
    (tmp_path / "model/artifacts/model/weights.npz").write_bytes(b"PK cut")
    with pytest.raises(ValueError, match="no readable model"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_homes_are_those_of_the_scorer(home_model: Path, tmp_path: Path) -> None:
    mlflow_model.save(home_model, tmp_path / "model")
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    homes = ["MA", None, "dz", ""]
    frame = pd.DataFrame({"text": [UNNAMED] * 4, "home": homes})
    predicted = model.predict(frame, params={"explain": True}).to_dict("records")
    meant = [home or None for home in homes]
    expected = Scorer.load(home_model).predict([""] * 4, [UNNAMED] * 4, homes=meant)
    assert [row["region_scores"] for row in predicted] == [p.scores["region"] for p in expected]
    kinds = [{c["kind"] for e in row["evidence"] for c in e["contributions"]} for row in predicted]
    assert ["home" in found for found in kinds] == [True, False, True, False]
    with pytest.raises(MlflowException, match=r"home: expected the ISO 3166-1 code .* found 'XX' in row 1"):
        model.predict(pd.DataFrame({"text": [UNNAMED] * 2, "home": ["MA", "XX"]}))
    with pytest.raises(MlflowException, match="home: expected strings or nulls, found int in row 0"):
        model.predict(pd.DataFrame({"text": [UNNAMED], "home": [7]}))
