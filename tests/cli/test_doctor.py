"""`newsdesk doctor` on a trained model, and on a checkout moved or copied together with its MLflow store."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from newsdesk.cli.operate.doctor import Finding, list_findings
from newsdesk.tracking.hashes import EARLIER_TAGS, RECEIPT, hashes_tag


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store: a run of the project, and experiments with artifacts in other places."""
    folder = tmp_path / "أخبار 1"
    folder.mkdir()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = client_of(folder)
    own = client.create_experiment("newsdesk", artifact_location=(folder / "mlartifacts").as_uri())
    client.create_experiment("elsewhere", artifact_location=f"{folder}-elsewhere/mlartifacts/1")
    client.create_experiment("bucket", artifact_location="s3://bucket/mlartifacts")
    client.log_text(client.create_run(own).info.run_id, "content", "model/MLmodel")
    return folder


def client_of(folder: Path) -> MlflowClient:
    uri = f"sqlite:///{folder}/mlflow.db"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def artifact_findings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return [found for found in list_findings(folder) if found.check == "MLflow artifacts"]


def test_advice_for_a_moved_checkout_makes_its_artifacts_readable(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert artifact_findings(checkout, monkeypatch) == []
    moved = checkout.rename(tmp_path / "أخبار 2")
    (found,) = artifact_findings(moved, monkeypatch)
    assert (found.state, found.found) == ("wrong", f"mlflow.db was made in {checkout}")
    assert f"ln -s {moved} {checkout}" in found.advice
    checkout.symlink_to(moved)
    assert artifact_findings(moved, monkeypatch) == []
    client = client_of(moved)
    own = client.get_experiment_by_name("newsdesk")
    assert own
    (run,) = client.search_runs([own.experiment_id])
    assert Path(client.download_artifacts(run.info.run_id, "model/MLmodel")).read_text() == "content"


def test_a_copied_checkout_is_found(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(checkout, tmp_path / "copy")
    (found,) = artifact_findings(copy, monkeypatch)
    assert "if it is a copy: delete mlflow.db, dvc repro --force --single-item track" in found.advice


def test_the_store_of_another_checkout_is_not_checked(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{checkout}/mlflow.db")
    assert artifact_findings(tmp_path, monkeypatch) == []


def test_the_trained_model_is_checked(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    trained, untrained, damaged = (tmp_path / name for name in ("trained", "untrained", "damaged"))
    for checkout in (trained, untrained, damaged):
        (checkout / ".dvc").mkdir(parents=True)
    for checkout in (trained, damaged):
        shutil.copytree(tiny_model, checkout / "model")
    (damaged / "model/weights.npz").write_bytes(b"PK cut")
    states = [
        found.state
        for folder in (trained, untrained, damaged)
        for found in list_findings(folder)
        if found.check == "trained model"
    ]
    assert states == ["ok", "optional", "wrong"]


def test_a_cache_with_arabic_letters_is_named_before_experiments_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC writes the path of the cache as ASCII into the temporary copy of an experiment."""
    folder = tmp_path / "أخبار"
    (folder / ".dvc").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    (found,) = [found for found in list_findings(folder) if found.check == "DVC cache"]
    assert found.state == "optional"
    assert f"{folder}/.dvc/cache: `dvc exp run --temp` and `--queue` fail" in found.found
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path / 'cache'}\n")
    assert "DVC cache" not in {found.check for found in list_findings(folder)}


@pytest.mark.parametrize("tags", [hashes_tag({RECEIPT: "1"}), {EARLIER_TAGS[RECEIPT]: "1"}])
def test_a_run_that_nobody_finished_is_named(
    tags: dict[str, str], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(checkout))
    client = client_of(checkout)
    own = client.get_experiment_by_name("newsdesk")
    assert own
    run_id = client.create_run(own.experiment_id, start_time=1, tags=tags).info.run_id
    (found,) = [found for found in list_findings(checkout) if found.check == "MLflow run"]
    assert found.found == f"run {run_id} is RUNNING since 1970-01-01T00:00:00Z"
    assert f"mlflow runs delete --run-id {run_id}; newsdesk track" in found.advice
    client.delete_run(run_id)
    assert "MLflow run" not in {found.check for found in list_findings(checkout)}
