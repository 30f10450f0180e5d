"""`dvc repro` from nothing: complete, repeatable to the byte, tracked, and served as evaluated."""

import json
import sqlite3
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from sklearn.metrics import f1_score

from newsdesk.base.settings import Settings, params_table, read_settings
from newsdesk.training.classifiers import indicator
from tests.conftest import ROOT, project_env, repro, run


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")


def runs_of(project: Path) -> list:
    client = client_of(project)
    return client.search_runs([e.experiment_id for e in client.search_experiments()])


def test_a_second_repro_does_nothing(project: Path) -> None:
    done = run("dvc", "repro", cwd=project)
    assert "Data and pipelines are up to date." in done.stdout
    assert "Running stage" not in done.stdout


def test_a_forced_rerun_writes_the_same_bytes(project: Path) -> None:
    """Another hash seed and number of processes, no cache: the lock, with every output's hash, does not change."""
    lock = (project / "dvc.lock").read_bytes()
    repro(project, "-f", "--no-run-cache", PYTHONHASHSEED="4711", LOKY_MAX_CPU_COUNT="2")
    assert (project / "dvc.lock").read_bytes() == lock


def test_the_run_records_what_was_done(project: Path) -> None:
    newest = max(runs_of(project), key=lambda r: r.info.start_time)
    metrics = json.loads((project / "metrics/evaluate.json").read_text())
    assert newest.info.status == "FINISHED"
    assert newest.data.metrics["region.f1_macro"] == metrics["region"]["f1_macro"]
    labels = json.loads((project / "metrics/labels.json").read_text())
    assert newest.data.metrics["topic.terrorism.f1"] == labels["topic"]["terrorism"]["f1"]
    assert newest.data.metrics["clean.read"] == 716
    assert newest.data.params["train.C"] == str(read_settings(project / "params.yaml").train.C)
    head = run("git", "rev-parse", "HEAD", cwd=project).stdout.strip()
    assert newest.data.tags["mlflow.source.git.commit"] == head
    receipt = json.loads((project / "metrics/receipt.json").read_text())
    assert newest.data.tags["newsdesk.model_sha256"] == receipt["model"]
    paths = {a.path for a in client_of(project).list_artifacts(newest.info.run_id)}
    assert {"params.yaml", "metrics", "plots", "heads", "model", "figures"} <= paths


def test_a_run_s_model_serves_by_its_uri(project: Path) -> None:
    newest = max(runs_of(project), key=lambda r: r.info.start_time)
    page = "data/starter/pages/page-10.txt"
    local = run("newsdesk", "predict", page, "--format", "jsonl", "--model", "model", cwd=project)
    logged = run(
        "newsdesk",
        "predict",
        page,
        "--format",
        "jsonl",
        "--model",
        f"runs:/{newest.info.run_id}/model",
        cwd=project,
    )
    assert logged.returncode == 0, logged.stderr
    assert logged.stdout == local.stdout != ""


def test_results_name_the_run(project: Path) -> None:
    """Made from the committed lock, as a fresh clone is: the run is there nevertheless."""
    shown = run("newsdesk", "results", cwd=project).stdout
    assert shown.splitlines()[-1].removeprefix("MLflow run: ") in {r.info.run_id for r in runs_of(project)}


def test_a_dvc_experiment_is_tagged(project: Path) -> None:
    done = run("dvc", "exp", "run", "--temp", "--name", "weaker", "-S", "train.C=0.5", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    (tagged,) = [r for r in runs_of(project) if r.data.tags.get("DVC_EXP_NAME") == "weaker"]
    assert tagged.data.params["train.C"] == "0.5"
    assert (
        tagged.data.tags["DVC_EXP_BASELINE_REV"]
        == run("git", "rev-parse", "HEAD", cwd=project).stdout.strip()
    )
    assert Path(tagged.info.artifact_uri.removeprefix("file://")).is_relative_to(project / "mlartifacts")


def test_served_is_evaluated(project: Path, tmp_path: Path) -> None:
    """`newsdesk predict` on the test articles, in a fresh process, gives the labels that were measured."""
    articles = pq.read_table(project / "data/clean/articles.parquet").to_pylist()
    evaluated = pq.read_table(project / "data/predictions.parquet").to_pylist()
    wanted = {e["article_id"] for e in evaluated}
    source = tmp_path / "test.jsonl"
    rows = [
        {"id": a["article_id"], "title": a["title"], "text": a["text"]}
        for a in articles
        if a["article_id"] in wanted
    ]
    source.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    done = run("newsdesk", "predict", str(source), "--format", "jsonl", "--model", "model", cwd=project)
    served = {r["article_id"]: r for r in map(json.loads, done.stdout.splitlines())}
    for e in evaluated:
        for task in ("region", "topic"):
            assert served[e["article_id"]][f"{task}s"] == e[f"{task}_predicted"]
            assert served[e["article_id"]][f"{task}_scores"] == dict(e[f"{task}_scores"])


def test_metrics_are_those_of_the_predictions(project: Path) -> None:
    """Counted again by scikit-learn from predictions.parquet."""
    metrics = json.loads((project / "metrics/evaluate.json").read_text())
    rows = pq.read_table(project / "data/predictions.parquet").to_pylist()
    for task, measured in metrics.items():
        gold = [r for r in rows if r[f"{task}_origin"] == "gold"]
        labels = list(json.loads((project / "metrics/labels.json").read_text())[task])
        y, p = (indicator([r[f"{task}_{kind}"] for r in gold], labels) for kind in ("true", "predicted"))
        assert len(gold) == measured["n_articles"]
        assert f1_score(y, p, average="micro") == pytest.approx(measured["f1_micro"], abs=1e-6)


def test_training_never_saw_test_or_evaluation_rows(project: Path) -> None:
    rows = pq.read_table(project / "data/features/rows.parquet").to_pylist()
    splits = {
        a["article_id"]: a["split"]
        for a in pq.read_table(project / "data/clean/articles.parquet").to_pylist()
    }
    assert {splits[r["article_id"]] for r in rows} == {"train", "valid"}
    assert all(r["split"] == splits[r["article_id"]] for r in rows)


def test_an_unreachable_server_is_one_line(project: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    done = run(
        "newsdesk", "track", "--receipt", str(receipt), cwd=project,
        MLFLOW_TRACKING_URI="http://user:secret@127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("newsdesk: MLflow store http://127.0.0.1:9: ")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
    assert not receipt.exists(), "no receipt without a run"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("postgresql://user:p@ss@127.0.0.1:9/db", "install this driver"),
        ("sqlite:///{tmp}/other.db", "`mlflow db upgrade` it"),
    ],
)
def test_a_wrong_store_is_one_line(project: Path, tmp_path: Path, uri: str, message: str) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table experiments (name text)")
        other.execute("create table alembic_version (version_num varchar(32) not null)")
        other.execute("insert into alembic_version values ('0')")
    done = run("newsdesk", "doctor", cwd=project, MLFLOW_TRACKING_URI=uri.format(tmp=tmp_path))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "MLflow store" in line]
    assert message in line
    assert "p@ss" not in line
    assert "ss@" not in line


def test_looking_makes_no_store(project: Path, tmp_path: Path) -> None:
    for command in ("doctor", "results"):
        done = run("newsdesk", command, cwd=project, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/none/x.db")
        assert "none" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_readme_lists_every_setting() -> None:
    assert params_table(Settings()) in (ROOT / "README.md").read_text(encoding="utf-8")


UNSEEN = ("--outlets", "metrics/outlets.json")


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        (ROOT, ("--markdown",)),
        (ROOT / "profiles/public", ("--markdown",)),
        (ROOT / "profiles/unseen", UNSEEN),
    ],
)
def test_readme_tables_are_the_metrics(folder: Path, options: tuple[str, ...]) -> None:
    """The committed README against the committed metrics of each profile."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    done = subprocess.run(
        ["newsdesk", "results", *options],
        cwd=folder,
        env=project_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    for table in done.stdout.strip().split("\n\n"):
        assert table in readme, f"README.md: {folder.name}: paste `newsdesk results {' '.join(options)}`"
