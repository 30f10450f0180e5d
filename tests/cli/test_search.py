"""`newsdesk search` on made articles, with its MLflow runs."""

import csv
import json
from pathlib import Path

import pytest

from newsdesk.base.files import sha256
from newsdesk.cli.train.search import run
from tests.evaluation.made import SETTINGS, inputs, write_articles


def change(row: dict) -> None:
    """Move articles to the test split, label some by editors, and leave some without a label."""
    number = int(row["article_id"].split(":")[1])
    if number == 9:
        row["split"] = "test"
    elif number == 8:
        row |= dict.fromkeys(("region", "topic", "region_origin", "topic_origin"))
    elif number in (6, 7):
        row |= {"region_origin": "editor", "topic": None, "topic_origin": None}


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    return write_articles(tmp_path / "articles.parquet", change)


def search(articles: Path, folder: Path, *, trials: int, track: bool = False) -> list[dict[str, str]]:
    run(
        SETTINGS, "region", **inputs(articles.parent, articles),
        trials=trials, seed=3, storage=folder / "search.db", output=folder, plots=folder, track=track, n_jobs=1,
    )  # fmt: skip
    with (folder / "search_region.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_a_search_writes_its_trials_and_the_choice(
    articles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search(articles, tmp_path, trials=1)
    rows = search(articles, tmp_path, trials=2)
    assert [row["today"] for row in rows] == ["true", "false"]
    assert sum(row["chosen"] == "true" for row in rows) == 1
    found = json.loads((tmp_path / "search_region.json").read_text())
    assert found["n_labels"] == {"gold": 24, "editor": 8}
    assert found["articles_sha256"] == sha256(articles)
    printed = capsys.readouterr()
    assert "search region: 2 of 2, nb_logistic_regression" in printed.err
    assert "current" in printed.out


@pytest.mark.integration
def test_a_search_is_one_run_with_a_run_for_each_trial(
    articles: Path, tmp_path: Path, mlflow_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_file)
    monkeypatch.chdir(tmp_path)
    search(articles, tmp_path, trials=2, track=True)
    client = MlflowClient(tracking_uri=mlflow_file)
    runs = client.search_runs([client.get_experiment_by_name("newsdesk-search").experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert parent.data.params["n_trials"] == "2"
    assert parent.data.tags["mlflow.note.content"].startswith("| settings | run | macro F1 | micro F1 |")
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.run_name for run in children} == {"trial-000", "trial-001"}
    assert {"f1_macro", "f1_micro_low", "fit_seconds"} <= children[0].data.metrics.keys()
