"""`newsdesk.load()`: texts, frames and files are labelled as by `newsdesk predict`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

import newsdesk
from newsdesk.cli.label.predict import main as predict
from tests import ROOT

PAGE = ROOT / "data/starter/pages/page-10.txt"
ECONOMY = "رفع المصرف المركزي الأوروبي سعر الفائدة لكبح التضخم في منطقة اليورو"
SPORT = "فاز ريال مدريد على برشلونة في الدوري الإسباني"
BODIES = [ECONOMY, None, "An English text of several words", SPORT]
REASONS = [None, "too_short", "not_arabic", None]


@pytest.fixture(scope="module")
def model() -> newsdesk.Model:
    return newsdesk.load()


def test_one_text_and_several(model: newsdesk.Model) -> None:
    one = model.predict(ECONOMY)
    assert (one.regions, one.topics, one.reason) == (["europe"], ["economy"], None)
    assert one.scores["topic"].keys() == set(model.labels["topic"])
    several = model.predict(BODIES)
    assert [prediction.reason for prediction in several] == REASONS
    assert several[0] == one
    assert model.predict([]) == []


def test_title_counts(model: newsdesk.Model) -> None:
    untitled, titled = model.predict(SPORT), model.predict(SPORT, title="القمة الأميركية")
    assert titled.scores["region"]["us"] > untitled.scores["region"]["us"]
    assert model.predict([SPORT], title=["القمة الأميركية"]) == [titled]


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (SPORT, {"profile": "strict"}, "profile: expected one of balanced, .*, found 'strict'"),
        ([SPORT], {"title": "عنوان"}, "title: expected one for each text"),
        ([SPORT], {"title": []}, "0 titles for 1 texts"),
    ],
)
def test_wrong_arguments(
    model: newsdesk.Model, texts: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model.predict(texts, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (5, {}, "texts: expected a string or an iterable of strings, found int$"),
        (SPORT.encode(), {}, "found bytes"),
        ({SPORT: 1}, {}, "found dict"),
        (Path(SPORT), {}, "found .*Path"),
        (pd.DataFrame({"text": [SPORT]}), {}, "found DataFrame; label a table with predict_frame"),
        (pa.table({"text": [SPORT]}), {}, "found Table; label a table with predict_frame"),
        ([3], {}, "expected a string or None for each text and title, found int"),
        ([SPORT], {"title": 5}, "title: expected .* found int"),
        (SPORT, {"title": 5}, "each text and title, found int"),
    ],
)
def test_what_is_no_text(
    model: newsdesk.Model, texts: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        model.predict(texts, **options)  # type: ignore[call-overload]


def test_a_prediction_is_shown_in_a_line(model: newsdesk.Model) -> None:
    assert re.fullmatch(
        r"Prediction\(region: europe 0\.\d\d; topic: sport \d\.\d\d\)", str(model.predict(SPORT))
    )
    assert str(model.predict([""])) == "[Prediction(too_short)]"


def test_files_have_the_rows_of_the_command(model: newsdesk.Model) -> None:
    done = CliRunner().invoke(predict, [str(PAGE), "--format", "jsonl"])
    labeled = model.predict_files(PAGE)
    rows = labeled.articles.to_pylist(maps_as_pydicts="strict")
    assert rows == [json.loads(line) for line in done.stdout.splitlines()]
    assert labeled.refusals == []


def test_unreadable_files_are_refused(model: newsdesk.Model, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    labeled = model.predict_files(empty, PAGE)
    assert [refusal.reason for refusal in labeled.refusals] == ["empty_file"]
    assert len(labeled.articles) == 5
    with pytest.raises(newsdesk.NewsdeskError, match="no such file or folder"):
        model.predict_files(tmp_path / "missing.txt")


def test_pandas_keeps_index_and_order(model: newsdesk.Model) -> None:
    titles = ["", None, "", "القمة الأميركية"]
    frame = pd.DataFrame({"body": BODIES, "headline": titles}, index=[7, 3, 3, "x"])
    found = model.predict_frame(frame, text="body", title="headline")
    expected = model.predict(BODIES, title=titles)
    assert found.index.tolist() == [7, 3, 3, "x"]
    assert found["reason"].tolist() == REASONS
    assert found["topics"].tolist() == [prediction.topics for prediction in expected]
    assert found["region_scores"].tolist() == [prediction.scores.get("region", {}) for prediction in expected]


def test_arrow_and_polars(model: newsdesk.Model) -> None:
    polars = pytest.importorskip("polars")
    expected = [["economy"], [], [], ["sport"]]
    table = pa.table({"text": pa.array(BODIES).dictionary_encode()})
    assert model.predict_frame(table)["topics"].to_pylist() == expected
    found = model.predict_frame(polars.DataFrame({"text": BODIES}))
    assert isinstance(found, polars.DataFrame)
    assert found["topics"].to_list() == expected
    assert found["reason"].to_list() == REASONS
    assert found["topic_scores"][0]["economy"] == model.predict(ECONOMY).scores["topic"]["economy"]


def test_no_rows_and_no_text(model: newsdesk.Model) -> None:
    empty = model.predict_frame(pd.DataFrame({"text": [float("nan")] * 2}))
    assert empty["reason"].tolist() == ["too_short"] * 2
    assert model.predict_frame(pa.table({"text": pa.array([], pa.string())})).num_rows == 0
    assert len(model.predict_frame(pd.DataFrame({"text": []}))) == 0


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"body": ["نص"]}), "column 'text' is missing; found body"),
        (pd.DataFrame([["نص", "نص"]], columns=["text", "text"]), "column 'text' is there more than once"),
        (pd.DataFrame({"text": [1.5]}), "column 'text': expected text, found double"),
        (pd.DataFrame({"text": ["نص", 2]}), "column 'text': expected text"),
    ],
)
def test_wrong_frames(model: newsdesk.Model, frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(newsdesk.NewsdeskError, match=message):
        model.predict_frame(frame)


def test_other_tables_are_an_error(model: newsdesk.Model) -> None:
    with pytest.raises(TypeError, match=r"found builtins\.dict"):
        model.predict_frame({"text": ["نص"]})  # type: ignore[type-var]


def test_explanation_adds_up(model: newsdesk.Model) -> None:
    for explanation in model.explain(ECONOMY, top=3):
        total = explanation.intercept + sum(each.value for each in explanation.contributions)
        assert total == pytest.approx(explanation.score)
    assert [each.label for each in model.explain(ECONOMY)] == ["europe", "economy"]
    with pytest.raises(ValueError, match="no label 'weather'"):
        model.explain(ECONOMY, labels=["weather"])


def test_labels_are_explained_of_the_text_that_is_labelled(model: newsdesk.Model) -> None:
    escaped = "".join(f"&amp;#{ord(letter)};" for letter in ECONOMY)  # Arabic only if it is decoded twice
    post = f"<p style='color:red'>{ECONOMY}</p>"
    for text in (escaped, post):
        assert model.predict(text) == model.predict(ECONOMY)
        assert model.explain(text) == model.explain(ECONOMY)
    article = f"&amp;quot;بيان&amp;quot; {SPORT}"
    assert {each.label for each in model.explain(article)} == {
        *model.predict(article).regions,
        *model.predict(article).topics,
    }


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(newsdesk.NewsdeskError, match="no such model folder"):
        newsdesk.load(tmp_path / "missing")


@pytest.mark.integration
def test_import_loads_no_library() -> None:
    code = "import sys, newsdesk; print(*sorted(m for m in sys.modules if '.' not in m)); dir(newsdesk)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "pydantic", "sklearn", "pandas"} & set(done.stdout.split())


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(newsdesk, name) is not None for name in newsdesk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        newsdesk.lode  # noqa: B018
