"""Fixtures that several test modules share: finished pipelines, stores, and corpora that may be absent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from filelock import FileLock
from ruamel.yaml import YAML

from newsdesk.base.normalization import Normalization
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.inference.gazetteer import Gazetteer
from tests import stores

ROOT = Path(__file__).parents[1]
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # the other cores are for other tests
# fixtures that start a server or a browser, or run the pipeline: tests that take one are marked `integration`
SERVICES = {"mlflow_server", "server", "browser", "site", "cluster"}
PIPELINES = {"project", "tiny_checkout"}
QUICK_PROCESSES = {"git", "uname"}  # MLflow starts uname when it is imported
running: list[pytest.Item] = []


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


@cache
def read_gazetteer() -> Gazetteer:
    """Read the gazetteer of the project with the default normalization."""
    return read_places(ROOT / "data/places", read_taxonomy(ROOT / "data/taxonomy.yaml"), Normalization())


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return read_gazetteer()


def project_env(**extra: str) -> dict[str, str]:
    """Return environment variables for a command: this Python first in the path, none of an outer DVC or MLflow."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "GIT_", "PYTHON"))}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return env | {"DVC_NO_ANALYTICS": "true"} | extra


def run(*command: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and capture its output; the exit code is not checked."""
    return subprocess.run(
        command, cwd=cwd, env=project_env(**extra), capture_output=True, text=True, check=False
    )


TINY = {  # settings that differ from params.yaml: few terms, few resamples
    "features": {"char_ngrams": (4, 5), "min_df": 3, "max_features": 6000},
    "evaluate": {"n_bootstrap": 100},
}


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


def tiny_settings() -> Settings:
    """Read params.yaml, and set what `TINY` names."""
    settings = read_settings(ROOT / "params.yaml").model_dump()
    for section, values in TINY.items():
        settings[section] |= values
    return Settings.model_validate(settings)


def make_tiny_run(folder: Path) -> None:
    """Run the stages from `clean` to `evaluate` in this process."""
    from newsdesk.pipeline import clean, evaluate, featurize, package, train

    settings = tiny_settings()
    taxonomy = folder / "data/taxonomy.yaml"
    articles, features = folder / "data/clean/articles.parquet", folder / "data/features"
    metrics, model = folder / "metrics", folder / "model"
    taxonomy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "data/taxonomy.yaml", taxonomy)
    for name in ("starter", "places", "fields.tsv"):
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    YAML(typ="safe", pure=True).dump(settings.model_dump(mode="json"), folder / "params.yaml")
    clean.run(
        settings, raw=[folder / "data/starter"], taxonomy=taxonomy, gold=None, silver=None, review=None,
        articles=articles, quarantine=folder / "data/clean/quarantine.parquet", account=metrics / "clean.json",
    )  # fmt: skip
    featurize.run(
        settings, articles=articles, places=ROOT / "data/places", fields=ROOT / "data/fields.tsv",
        taxonomy=taxonomy, features=features,
    )  # fmt: skip
    heads = [folder / "data/heads/region", folder / "data/heads/topic"]
    train.run(settings, "region", features=features, taxonomy=taxonomy, head=heads[0])
    train.run(settings, "topic", features=features, taxonomy=taxonomy, head=heads[1])
    package.run(settings, features=features, heads=heads, taxonomy=taxonomy, model=model, articles=articles)
    evaluate.run(
        settings, model=model, articles=articles, metrics=metrics / "evaluate.json",
        labels=metrics / "labels.json", plots=folder / "plots", predictions=folder / "data/predictions.parquet",
    )  # fmt: skip


def invoke(
    *arguments: str, cwd: Path | None = None, stdin: bytes = b"", **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run `newsdesk` in this process, which saves the seconds that a new one needs to import its packages.

    The result is that of `run("newsdesk", ...)`, except that the output of C libraries and of log handlers made
    earlier is not captured.
    """
    from newsdesk.cli.main import main

    handler = signal.getsignal(signal.SIGTERM)
    environment = {k: None for k in os.environ if k.startswith(("DVC_", "MLFLOW_", "GIT_"))} | extra
    with CliRunner(env=environment).isolation(stdin) as (out, err, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["newsdesk", *arguments])
        if cwd:
            patch.chdir(cwd)
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            signal.signal(signal.SIGTERM, handler)
        sys.stdout.flush()
        sys.stderr.flush()
        texts = out.getvalue().decode(), err.getvalue().decode()
    return subprocess.CompletedProcess(["newsdesk", *arguments], code, *texts)


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


def copy_checkout(folder: Path) -> None:
    """Copy the files that git tracks or would track into a new repository, and commit them."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    commit_all(folder)


def commit_all(folder: Path, message: str = "start") -> None:
    """Commit all files that are not ignored; make a repository if there is none."""
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", message],
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


def repro(folder: Path, *options: str, **extra: str) -> None:
    """Run `dvc repro` in a folder."""
    done = run("dvc", "repro", *options, cwd=folder, **extra)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def tiny_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a pipeline of two quick stages, run and committed. Change only copies of it."""
    from tests import tiny  # which runs its commands by this module

    return tiny.make_checkout(tmp_path_factory.mktemp("tiny") / "checkout")


@pytest.fixture(scope="session")
def job_corpus(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """A folder with files of three formats, inputs of jobs."""
    from tests import jobs  # which runs its commands by this module

    folder = tmp_path_factory.mktemp("jobs") / "in"
    jobs.write_corpus(folder, taxonomy)
    return folder


@pytest.fixture(scope="session")
def finished_job(job_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the undisturbed job on them by one process."""
    from tests.jobs import arguments, predict

    folder = tmp_path_factory.mktemp("finished") / "out"
    assert predict(*arguments(job_corpus, folder)) == 0
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
