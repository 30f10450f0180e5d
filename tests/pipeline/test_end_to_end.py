"""`dvc repro` in a checkout: complete, and recorded in MLflow; tests of `certify` check that it is repeatable."""

import json
from pathlib import Path

from mlflow import MlflowClient

from newsdesk.base.settings import read_settings
from newsdesk.tracking.hashes import read_hashes
from tests.commands import run


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{project}/mlflow.db")


def runs_of(project: Path) -> list:
    client = client_of(project)
    return client.search_runs([e.experiment_id for e in client.search_experiments()])


def rows_of(project: Path, run_id: str, table: str) -> list[dict]:
    """Return the rows of a table of a run."""
    path = client_of(project).download_artifacts(run_id, f"tables/{table}.json")
    content = json.loads(Path(path).read_text())
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def test_a_second_repro_does_nothing(project: Path) -> None:
    done = run("dvc", "repro", cwd=project)
    assert "Data and pipelines are up to date." in done.stdout
    assert "Running stage" not in done.stdout


def test_the_run_has_metrics_parameters_and_artifacts(project: Path) -> None:
    newest = max(runs_of(project), key=lambda r: r.info.start_time)
    metrics = json.loads((project / "metrics/evaluate.json").read_text())
    assert newest.info.status == "FINISHED"
    assert newest.data.metrics["region.f1_macro"] == metrics["region"]["f1_macro"]
    labels = json.loads((project / "metrics/labels.json").read_text())
    values = {row["metric"]: row["value"] for row in rows_of(project, newest.info.run_id, "metrics")}
    assert values["topic.terrorism.f1"] == labels["topic"]["terrorism"]["f1"]
    assert values["clean.read"] == 716
    wrong = rows_of(project, newest.info.run_id, "wrong_labels")
    assert {row["error"] for row in wrong} == {"missed", "spurious"}
    assert newest.data.params["train.C"] == str(read_settings(project / "params.yaml").train.C)
    head = run("git", "rev-parse", "HEAD", cwd=project).stdout.strip()
    assert newest.data.tags["mlflow.source.git.commit"] == head
    receipt = json.loads((project / "metrics/receipt.json").read_text())
    assert read_hashes(newest.data.tags)["model"] == receipt["model"]
    assert newest.data.tags["mlflow.source.name"] == "dvc.yaml"
    assert [found.dataset.name for found in newest.inputs.dataset_inputs] == ["train", "valid", "test"]
    paths = {a.path for a in client_of(project).list_artifacts(newest.info.run_id)}
    assert {"params.yaml", "metrics", "plots", "heads", "figures", "tables", "hashes.json"} <= paths


def test_predict_takes_the_model_of_a_run_by_its_uri(project: Path) -> None:
    newest = max(runs_of(project), key=lambda r: r.info.start_time)
    predict = ("newsdesk", "predict", "data/starter/pages/page-10.txt", "--format", "jsonl", "--model")
    local = run(*predict, "model", cwd=project)
    logged = run(*predict, f"runs:/{newest.info.run_id}/model", cwd=project)
    assert logged.returncode == 0, logged.stderr
    assert logged.stdout == local.stdout != ""


def test_results_name_the_run(project: Path) -> None:
    """Made from the committed lock, as a fresh clone is: the run is there nevertheless."""
    shown = run("newsdesk", "results", cwd=project).stdout
    assert shown.splitlines()[-1].removeprefix("MLflow run: ") in {r.info.run_id for r in runs_of(project)}


def test_a_dvc_experiment_is_tagged(project: Path) -> None:
    """Of a setting that no head depends on, so that none is trained."""
    done = run("dvc", "exp", "run", "--temp", "--name", "small", "-S", "package.quantize=8", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    (tagged,) = [r for r in runs_of(project) if r.data.tags.get("DVC_EXP_NAME") == "small"]
    assert tagged.data.params["package.quantize"] == "8"
    head = run("git", "rev-parse", "HEAD", cwd=project).stdout.strip()
    assert tagged.data.tags["DVC_EXP_BASELINE_REV"] == head
    assert Path(tagged.info.artifact_uri.removeprefix("file://")).is_relative_to(project / "mlartifacts")
