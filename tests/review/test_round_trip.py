"""Export, correct, merge, clean, train: splits stay, and no corrected test article is trained on."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsdesk.base.files import read_json
from newsdesk.base.settings import Settings
from newsdesk.cli.label.predict import main as predict
from newsdesk.cli.operate.review import main as review
from newsdesk.pipeline import clean, evaluate, featurize, package, train
from tests import ROOT

TAXONOMY = ROOT / "data/taxonomy.yaml"
SETTINGS = Settings.model_validate({"features": {"char_ngrams": None}, "evaluate": {"n_bootstrap": 10}})


@pytest.fixture(scope="module")
def truth() -> dict[str, dict]:
    """Records of a small corpus by id."""
    lines = [
        json.loads(line)
        for k in range(1, 4)
        for line in (ROOT / f"data/starter/st{k}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return {line["id"]: line for line in lines}


@pytest.fixture(scope="module")
def folder(truth: dict[str, dict], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of all steps; every second article had no labels at first."""
    folder = tmp_path_factory.mktemp("round")
    corpus = folder / "paper/news.jsonl"
    corpus.parent.mkdir()
    names = ("id", "published", "title", "text")
    rows = [line if k % 2 else {name: line[name] for name in names} for k, line in enumerate(truth.values())]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run_clean(folder, "before", review=None)
    queue, labels = folder / "queue.json", folder / "labels.parquet"
    predict.main([str(corpus), "--output", str(labels)], standalone_mode=False)
    call_review("export", "--labels", labels, "--articles", corpus, "--output", queue, "--n", 150)
    tasks = json.loads(queue.read_text(encoding="utf-8"))
    for task in tasks:
        line = truth[task["data"]["article_id"]]
        answers = {name: line[name] or ["none"] for name in ("regions", "topics")}
        result = [
            {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": labels}}
            for name, labels in answers.items()
        ]
        task["annotations"] = [{"completed_by": 1, "updated_at": "2026-03-01T00:00:00Z", "result": result}]
    queue.write_text(json.dumps(tasks), encoding="utf-8")
    call_review("merge", queue, "--labels", folder / "review.tsv", "--taxonomy", TAXONOMY)
    run_clean(folder, "after", review=folder / "review.tsv")
    return folder


def call_review(*arguments: object) -> None:
    review.main([str(argument) for argument in arguments], standalone_mode=False)


def run_clean(folder: Path, name: str, *, review: Path | None) -> None:
    clean.main.callback(
        SETTINGS,
        raw=[folder / "paper"],
        taxonomy=TAXONOMY,
        gold=None,
        silver=None,
        review=review,
        sources=None,
        articles=folder / f"{name}.parquet",
        quarantine=folder / f"{name}-quarantine.parquet",
        account=folder / f"{name}.json",
    )


def rows_of(folder: Path, name: str) -> dict[str, dict]:
    rows = pq.read_table(folder / f"{name}.parquet").drop(["title", "text"]).to_pylist()
    return {row["article_id"]: row for row in rows}


def test_corrections_move_no_article(folder: Path, truth: dict[str, dict]) -> None:
    before, after = rows_of(folder, "before"), rows_of(folder, "after")
    assert [(k, r["group_id"], r["split"]) for k, r in before.items()] == [
        (k, r["group_id"], r["split"]) for k, r in after.items()
    ]
    reviewed = {k for k, row in after.items() if row["topic_origin"] == "review"}
    account = read_json(folder / "after.json")
    assert account["review"] == {"labels": 150, "found": 150, "not_found": 0}
    assert 30 < len(reviewed) < 150, "labels of the record itself are kept"
    assert all(before[k]["topic"] is None for k in reviewed)
    assert all(
        sorted(after[k]["topic"]) == sorted(truth[k.removeprefix("paper:")]["topics"]) for k in reviewed
    )
    for name in ("region", "topic"):
        gold = [{k for k, r in rows.items() if r[f"{name}_origin"] == "gold"} for rows in (before, after)]
        assert gold[0] == gold[1], "the gold labels are the same"


def test_training_uses_corrections_outside_of_the_test_split(folder: Path) -> None:
    after = rows_of(folder, "after")
    reviewed = {k for k, row in after.items() if row["topic_origin"] == "review"}
    test = {k for k, row in after.items() if row["split"] == "test"}
    assert reviewed & test
    assert reviewed - test
    features = folder / "features"
    featurize.main.callback(
        SETTINGS,
        articles=folder / "after.parquet",
        places=ROOT / "data/places",
        fields=ROOT / "data/fields.tsv",
        taxonomy=TAXONOMY,
        features=features,
    )
    trained = set(pq.read_table(features / "rows.parquet")["article_id"].to_pylist())
    assert not trained & test
    assert trained >= reviewed - test
    heads = [folder / "data/heads" / task for task in ("region", "topic")]
    for head in heads:
        train.main.callback(SETTINGS, head.name, features=features, taxonomy=TAXONOMY, head=head)
        assert read_json(head / "head.json")["n_train"]["review"] == len(reviewed - test)
    package.write_model(SETTINGS, features=features, heads=heads, taxonomy=TAXONOMY, model=folder / "model")
    evaluate.main.callback(
        SETTINGS,
        model=folder / "model",
        articles=folder / "after.parquet",
        **{name: folder / f"evaluated/{name}" for name in ("metrics", "labels", "plots", "predictions")},
    )
    measured = read_json(folder / "evaluated/metrics")
    gold = [row for k, row in after.items() if k in test and row["topic_origin"] == "gold"]
    assert measured["topic"]["n_articles"] == len(gold)
