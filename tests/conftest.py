"""Fixtures that several test modules share: finished pipelines, stores, and corpora that may be absent."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock

from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.inference.gazetteer import Gazetteer
from tests import ROOT, jobs, stores
from tests.checkouts import copy_checkout, repro
from tests.gazetteer import read_gazetteer
from tests.home_model import make_home_model
from tests.tiny_checkout import make_checkout
from tests.tiny_run import make_tiny_run

os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # the other cores are for other tests
# no test measures time: a busy machine must not fail one
hypothesis.settings.register_profile(
    "newsdesk", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("newsdesk")
# fixtures that start a server or a browser, or run the pipeline: tests that take one are marked `integration`
SERVICES = {"mlflow_server", "server", "browser", "site", "cluster"}
PIPELINES = {"project", "tiny_checkout"}
# MLflow starts uname when it is imported, and threadpoolctl 3.5 finds the C library by ldconfig
QUICK_PROCESSES = {"git", "uname", "ldconfig"}
running: list[pytest.Item] = []
collect_ignore = ["readers/fuzz.py"]  # needs Atheris, see `make fuzz`


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they take, and run those that share a service in one worker."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        if fixtures & (SERVICES | PIPELINES):
            item.add_marker(pytest.mark.integration)
        if services := sorted(fixtures & SERVICES):
            item.add_marker(pytest.mark.xdist_group("-".join([item.path.parent.name, *services])))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tell `refuse_processes` which test runs."""
    running[:] = [item]
    result = yield
    running.clear()
    return result


def refuse_processes(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail a test that starts a process without the marker `integration`, so that `make test` stays quick."""
    if event == "subprocess.Popen" and running and not running[0].get_closest_marker("integration"):
        program = Path(os.fsdecode(arguments[0])).name
        assert program in QUICK_PROCESSES, f"starts {program}: mark the test with pytest.mark.integration"


sys.addaudithook(refuse_processes)


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder of corpora that are not part of the project."""
    path = Path(os.environ.get("NEWSDESK_SHARED", ROOT / "../shared")).resolve()
    if not path.is_dir():
        pytest.skip(f"{path.name}: no such folder beside the checkout; set NEWSDESK_SHARED")
    return path


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return read_taxonomy(ROOT / "data/taxonomy.yaml")


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return read_gazetteer()


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a path that is the same for all workers of a test session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


def make_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make a folder in the first worker that needs it; the other workers wait until it is finished."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            part = folder.with_name(f"{folder.name}.part")
            make(part)
            part.rename(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a finished pipeline, at their places in a checkout. All workers share it: do not change it.

    The stages ran in this process on the starter corpus, with fewer terms than by default. It is no git
    repository and has no DVC and no MLflow store; for these there is `project`.
    """
    return make_once(shared_folder(tmp_path_factory, "tiny_run"), make_tiny_run)


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path) -> Path:
    """A packaged model with words, characters and places. All workers share it: do not change it."""
    return tiny_run / "model"


@pytest.fixture(scope="session")
def saved(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model as MLflow keeps it."""
    from newsdesk.tracking import mlflow_model

    folder = tmp_path_factory.mktemp("saved") / "model"
    mlflow_model.save(tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def home_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with home features. All workers share it: do not change it."""
    folder = shared_folder(tmp_path_factory, "home_model")
    return make_once(folder, lambda part: make_home_model(tiny_model, part))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which `dvc repro` has run, one for each worker.

    The first worker that needs it runs the pipeline. The others wait, copy all files except the MLflow store, and
    run the stage `track`.
    """
    folder = tmp_path_factory.mktemp("checkout") / "newsdesk"
    worker = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    finished = (base.parent if worker else base) / "finished"
    with FileLock(f"{finished}.lock"):
        if finished.is_dir():
            shutil.copytree(finished, folder)
        else:
            copy_checkout(folder)
            repro(folder)
            if worker:
                part = finished.with_name("finished.part")
                shutil.copytree(
                    folder, part, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", "receipt.json")
                )
                part.rename(finished)
            return folder
    repro(folder, "--no-run-cache")  # only stage `track`, whose receipt is missing
    return folder


@pytest.fixture(scope="session")
def tiny_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a pipeline of two quick stages, run and committed. Change only copies of it."""
    return make_checkout(tmp_path_factory.mktemp("tiny") / "checkout")


@pytest.fixture(scope="session")
def job_corpus(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """A folder with files of three formats, inputs of jobs."""
    folder = tmp_path_factory.mktemp("jobs") / "in"
    jobs.write_corpus(folder, taxonomy)
    return folder


@pytest.fixture(scope="session")
def finished_job(job_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the undisturbed job on them by one process."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    assert jobs.predict(*jobs.arguments(job_corpus, folder)) == 0
    return folder


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that keeps its runs in PostgreSQL and serves artifacts."""
    folder = tmp_path_factory.mktemp("server")
    with stores.postgres() as database, stores.mlflow_server(folder, database) as address:
        yield address


@pytest.fixture(scope="session")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of an MLflow store in an SQLite file."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(
    params=[
        pytest.param("mlflow_file", id="sqlite"),
        pytest.param("mlflow_server", id="postgresql", marks=pytest.mark.integration),
    ]
)
def store(request: pytest.FixtureRequest) -> str:
    """The URI of an MLflow store, of each kind in turn."""
    uri: str = request.getfixturevalue(request.param)
    return uri
