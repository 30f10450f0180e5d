"""Stage `track` and commands that read its store, where the store is missing or wrong."""

import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Param

from newsdesk.base.settings import read_settings
from newsdesk.pipeline.track import name_pipeline, run_params
from tests import ROOT
from tests.checkouts import commit_all
from tests.commands import invoke

pytestmark = pytest.mark.integration  # MLflow and `doctor` start processes


def test_an_unreachable_server_is_an_error_of_one_line(tiny_run: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    result = invoke(
        "track", "--receipt", str(receipt), cwd=tiny_run,
        MLFLOW_TRACKING_URI="http://user:secret@127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("newsdesk: MLflow store http://127.0.0.1:9: ")
    assert "secret" not in result.stderr
    assert not receipt.exists(), "no receipt without a run"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("postgresql://user:p@ss@127.0.0.1:9/db", "install this driver"),
        ("sqlite:///{tmp}/other.db", "`mlflow db upgrade` it"),
    ],
)
def test_doctor_describes_a_wrong_store_in_one_line(tmp_path: Path, uri: str, message: str) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table experiments (name text)")
        other.execute("create table alembic_version (version_num varchar(32) not null)")
        other.execute("insert into alembic_version values ('0')")
    result = invoke("doctor", cwd=ROOT, MLFLOW_TRACKING_URI=uri.format(tmp=tmp_path))
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if "MLflow store" in line]
    assert message in line
    assert "p@ss" not in line
    assert "ss@" not in line


def test_doctor_and_results_make_no_store(tiny_run: Path, tmp_path: Path) -> None:
    for command, folder in (("doctor", ROOT), ("results", tiny_run)):
        result = invoke(command, cwd=folder, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/none/x.db")
        assert "none" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("profile", [".", "profiles/public"])
def test_mlflow_takes_the_settings_of_each_profile(profile: str, tmp_path: Path) -> None:
    """Also those of corpora, whose names are patterns of files."""
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = client.create_run(client.create_experiment("settings")).info.run_id
    params = run_params(read_settings(ROOT / profile / "params.yaml"))
    client.log_batch(run, params=[Param(name, str(value)) for name, value in params.items()])
    assert client.get_run(run).data.params["features.places"] == "True"


def test_the_source_of_a_run_is_its_pipeline(tmp_path: Path) -> None:
    folder = tmp_path / "profiles/public"
    folder.mkdir(parents=True)
    assert name_pipeline(folder) == "dvc.yaml"  # without a repository
    commit_all(tmp_path)
    assert (name_pipeline(folder), name_pipeline(tmp_path)) == ("profiles/public/dvc.yaml", "dvc.yaml")
