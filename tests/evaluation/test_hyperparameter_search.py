"""The search of settings and the comparison of label sources, on made articles of three outlets."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.base.schema import ARTICLES
from newsdesk.base.settings import Settings
from newsdesk.cli.train.audit import read_study
from newsdesk.cli.train.search import open_study
from newsdesk.cli.train.search import run as run_search
from newsdesk.cli.train.sources import label_by_places
from newsdesk.cli.train.sources import run as run_sources
from newsdesk.evaluation.hyperparameter_search import (
    STRENGTHS,
    Tried,
    build_space,
    choose,
    first_trials,
    fit,
    read_choice,
    suggest,
)
from tests.conftest import ROOT
from tests.evaluation.test_leave_one_outlet_out import SETTINGS, write_articles

TODAY = read_choice(SETTINGS, "region")


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """Articles of which some have labels by editors and some none, and a tested one that nobody may read."""
    path = write_articles(tmp_path / "articles.parquet")
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        number = int(row["article_id"].split(":")[1])
        if number == 9:
            row["split"] = "test"
        elif number == 8:
            row |= {"region": None, "topic": None, "region_origin": None, "topic_origin": None}
        elif number in (6, 7):
            row |= {"region_origin": "editor", "topic": None, "topic_origin": None}
    pq.write_table(pa.Table.from_pylist(rows, schema=ARTICLES), path)
    return path


def paths(articles: Path) -> dict:
    return {
        "articles": articles,
        "taxonomy": ROOT / "data/taxonomy.yaml",
        "places": ROOT / "data/places",
        "fields": ROOT / "data/fields.tsv",
    }


def search(
    articles: Path, folder: Path, *, trials: int, settings: Settings = SETTINGS, **changed: object
) -> Path:
    options = {
        "trials": trials, "seed": 3, "storage": folder / "search.db", "output": folder,
        "plots": folder, "track": False, "n_jobs": 1,
    } | changed  # fmt: skip
    run_search(settings, "region", **paths(articles), **options)
    return folder


def test_a_resumed_search_is_the_one_that_was_never_stopped(articles: Path, tmp_path: Path) -> None:
    whole = search(articles, tmp_path / "whole", trials=10)
    search(articles, tmp_path / "halves", trials=4)
    search(articles, tmp_path / "halves", trials=10)
    tables = []
    for folder in (whole, tmp_path / "halves"):
        with (folder / "search_region.csv").open() as handle:
            tables.append(
                [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(handle)]
            )
    assert tables[0] == tables[1]
    assert len(tables[0]) == 10
    assert [row["classifier"] for row in tables[0][:4]] == [*STRENGTHS], "today's settings with each"
    assert tables[0][0]["today"] == "true"
    assert sum(row["chosen"] == "true" for row in tables[0]) == 1
    found = json.loads((whole / "search_region.json").read_text())
    assert found["n_labels"] == {"gold": 24, "editor": 8}
    assert found["articles_sha256"] == sha256(articles)


def test_a_search_is_one_run_with_a_run_for_each_trial(
    articles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    search(articles, tmp_path, trials=2, track=True)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("newsdesk-search").experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run not in parents]
    assert [run.data.params["n_trials"] for run in parents] == ["2"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
    assert {run.info.run_name for run in children} == {"trial-000", "trial-001"}
    assert {"f1_macro", "f1_micro_low", "fit_seconds"} <= children[0].data.metrics.keys()


def test_today_is_the_first_trial_and_every_suggestion_is_of_the_space() -> None:
    own = replace(TODAY, C=7.0)
    space = build_space(own, ["silver", "editor"])
    study = optuna.create_study()
    study.enqueue_trial(first_trials(own, space)[0])
    assert suggest(study.ask(), space, TODAY) == own
    for _ in range(30):
        found = suggest(study.ask(), space, TODAY)
        assert found.C in space[f"C.{found.classifier}"]
        assert found.origin_weights["section"] == TODAY.origin_weights["section"]
        assert not (found.classifier == "complement_nb" and found.balanced)


@pytest.mark.parametrize("classifier", STRENGTHS)
def test_every_classifier_is_linear(classifier: str) -> None:
    """A label that follows its column is found, one that nobody carries never."""
    X = sp.csr_matrix(np.eye(3)[[0, 0, 1, 1, 2, 2]])
    y = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)
    choice = replace(TODAY, classifier=classifier, C=STRENGTHS[classifier][-1])
    coef, intercept = fit(X, y, np.ones(6), choice=choice, n_jobs=1)
    scores = X @ coef.T + intercept
    assert coef.shape == (3, 3)
    for label in (0, 1):
        assert scores[y[:, label], label].min() > scores[~y[:, label], label].max()
    assert scores[:, 2].max() < -10


def tried(scores: list[float], **changed: object) -> Tried:
    return Tried(replace(TODAY, **changed), np.array(scores), {}, 1.0)


BEST = tried([0.80, 0.78, 0.82, 0.80], classifier="linear_svc")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # the difference is 0.01 with a spread of 0.02; then of 0, however wide each spreads by itself
        ([tried([0.79, 0.76, 0.78, 0.82], C=30.0)], 1),
        ([tried([0.79, 0.77, 0.81, 0.79], C=30.0)], 0),
        ([tried([0.80, 0.78, 0.82, 0.80], C=30.0), tried([0.80, 0.78, 0.82, 0.80], C=3.0)], 2),
        (
            [
                tried([0.80, 0.78, 0.82, 0.80], C=3.0),
                tried([0.80, 0.78, 0.82, 0.80], origin_weights={"gold": 1.0}),
            ],
            2,
        ),
        ([tried([0.80, 0.78, 0.82, 0.80], place_weight=1.0), tried([0.80, 0.78, 0.82, 0.80])], 2),
        ([tried([0.80, 0.78, 0.82, 0.80], balanced=True, C=1.0), tried([0.80, 0.78, 0.82, 0.80])], 2),
    ],
    ids=["within", "beyond", "smaller C", "fewer origins", "today", "not balanced"],
)
def test_the_simplest_within_one_standard_error(others: list[Tried], expected: int) -> None:
    every = [BEST, *others]
    assert choose(every, TODAY) is every[expected]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"settings": SETTINGS.model_copy(update={"outlets": {"north": ("n1", "n2")}})},
            "one outlet alone, north; two are needed",
        ),
        ({"settings": SETTINGS.model_copy(update={"outlets": {}})}, "no article of any outlet"),
    ],
)
def test_errors_tell_what_to_do(articles: Path, tmp_path: Path, changed: dict, message: str) -> None:
    with pytest.raises(NewsdeskError, match=message):
        search(articles, tmp_path, trials=1, **changed)


def test_too_few_articles_for_macro_f1_are_told(articles: Path, tmp_path: Path) -> None:
    evaluate = SETTINGS.evaluate.model_copy(update={"min_support": 500})
    with pytest.raises(NewsdeskError, match=r"no label has evaluate\.min_support = 500"):
        search(articles, tmp_path, trials=1, settings=SETTINGS.model_copy(update={"evaluate": evaluate}))


def test_another_file_is_no_storage(tmp_path: Path) -> None:
    other = tmp_path / "search.db"
    other.write_text("this is no database, but a text of some length" * 50)
    with pytest.raises(NewsdeskError, match="not usable as the search's SQLite file"):
        open_study(other, "s")


@pytest.fixture
def mixed(articles: Path, tmp_path: Path) -> Path:
    """The articles, with one outlet's as those of the starter corpus."""
    rows = pq.read_table(articles).to_pylist()
    for row in rows:
        if row["source"] == "n2":
            row["source"] = "starter"
    pq.write_table(pa.Table.from_pylist(rows, schema=ARTICLES), tmp_path / "mixed.parquet")
    return tmp_path / "mixed.parquet"


def read_rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as handle:
        return {row["variant"]: row for row in csv.DictReader(handle)}


def test_sources_are_compared_with_the_settings(mixed: Path, tmp_path: Path) -> None:
    train = SETTINGS.train.model_copy(update={"origin_weights": {"gold": 1.0}})
    settings = SETTINGS.model_copy(update={"train": train})
    run_sources(settings, **paths(mixed), unlabelled=10, plots=tmp_path, n_jobs=1)
    regions = read_rows(tmp_path / "audit_sources_region.csv")
    assert [*regions] == [
        "as set", "gold", "gold + editor", "gold + starter", "all", "gold + word list 0.1",
        "as set + word list 0.1", "gold + word list 0.3", "as set + word list 0.3",
    ]  # fmt: skip
    assert [*read_rows(tmp_path / "audit_sources_topic.csv")] == ["as set", "gold", "gold + starter", "all"]
    assert {v for k, v in regions["as set"].items() if "change" in k} == {"0"}
    trained = {name: float(row["n_train"]) for name, row in regions.items()}
    assert trained["gold"] < trained["gold + starter"] == trained["as set"] < trained["all"]
    assert trained["gold"] < trained["gold + editor"], "it comes with its default weight"
    assert trained["gold"] < trained["gold + word list 0.1"], "the unlabelled articles name a country each"


def test_the_word_list_labels_only_what_nobody_labelled(mixed: Path) -> None:
    study = read_study(SETTINGS, **paths(mixed), chosen=(), n_unlabelled=10, n_jobs=1)
    unlabelled = study.articles["region_origin"].is_null().to_numpy()
    before = study.tasks[0]
    labelled = label_by_places(study, weight=0.2)
    (task,) = labelled.tasks
    assert unlabelled.sum() == 4
    assert (task.weights[unlabelled] == 0.2).all()
    assert (task.y[unlabelled].sum(axis=1) == 1).all()
    assert (task.y[~unlabelled] == before.y[~unlabelled]).all()
    assert labelled.rows.labelled.all()
    assert not study.rows.labelled[unlabelled].any()


def test_the_word_list_is_fitted_on_no_outlet_that_is_left_out(articles: Path) -> None:
    study = read_study(SETTINGS, **paths(articles), chosen=(), n_unlabelled=10, n_jobs=1)
    with pytest.raises(NewsdeskError, match="no gold region outside the outlets left out"):
        label_by_places(study, weight=0.2)
