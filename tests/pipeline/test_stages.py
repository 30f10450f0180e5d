"""The files of a finished pipeline: they agree with each other and with what `newsdesk predict` says."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from newsdesk.cli.main import newsdesk
from newsdesk.training.targets import indicator


def test_predict_gives_the_labels_that_were_evaluated(
    tiny_run: Path, tiny_model: Path, tmp_path: Path
) -> None:
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    evaluated = {r["article_id"]: r for r in pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()}
    source, output = tmp_path / "test.jsonl", tmp_path / "labels.jsonl"
    rows = [
        {"id": a["article_id"], "title": a["title"], "text": a["text"]}
        for a in articles
        if a["article_id"] in evaluated
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = CliRunner().invoke(
        newsdesk, ["predict", str(source), "--model", str(tiny_model), "--output", str(output)]
    )
    assert done.exit_code == 0, done.output
    predicted = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert len(predicted) == len(evaluated) > 100
    for row in predicted:
        measured = evaluated[row["article_id"]]
        for task in ("region", "topic"):
            assert row[f"{task}s"] == measured[f"{task}_predicted"]
            assert row[f"{task}_scores"] == dict(measured[f"{task}_scores"])


def test_metrics_are_those_of_the_predictions(tiny_run: Path) -> None:
    """Counted again by scikit-learn from predictions.parquet."""
    metrics = json.loads((tiny_run / "metrics/evaluate.json").read_text(encoding="utf-8"))
    by_label = json.loads((tiny_run / "metrics/labels.json").read_text(encoding="utf-8"))
    rows = pq.read_table(tiny_run / "data/predictions.parquet").to_pylist()
    for task, measured in metrics.items():
        gold = [r for r in rows if r[f"{task}_origin"] == "gold"]
        y, p = (
            indicator([r[f"{task}_{kind}"] for r in gold], list(by_label[task]))
            for kind in ("true", "predicted")
        )
        assert len(gold) == measured["n_articles"]
        assert f1_score(y, p, average="micro") == pytest.approx(measured["f1_micro"], abs=1e-6)


def test_training_never_saw_test_or_evaluation_rows(tiny_run: Path) -> None:
    rows = pq.read_table(tiny_run / "data/features/rows.parquet").to_pylist()
    articles = pq.read_table(tiny_run / "data/clean/articles.parquet").to_pylist()
    splits = {a["article_id"]: a["split"] for a in articles}
    assert {splits[r["article_id"]] for r in rows} == {"train", "valid"}
    assert all(r["split"] == splits[r["article_id"]] for r in rows)


def test_account_of_files_is_beside_the_articles(tiny_run: Path) -> None:
    account = json.loads((tiny_run / "data/clean/articles.parquet.account.json").read_text())
    counts = json.loads(next(tiny_run.glob("**/clean.json")).read_text())
    assert (account["seen"], account["kept"]) == (counts["read"], counts["kept"])
    assert "files" not in counts  # which `dvc metrics` shows, a column for each number
