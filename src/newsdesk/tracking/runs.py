"""MLflow: where runs are kept, what a run records, and how it is found again."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files
from newsdesk.tracking import mlflow_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

RECEIPT_TAG = "newsdesk.receipt"
RECEIPT_MD5_TAG = "newsdesk.receipt_md5"  # as dvc.lock has it
NAME_TAG, BASELINE_TAG = "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"  # as DVC calls them in the environment
RESULT_TAG = "newsdesk.dvc_exp_rev"  # the experiment's own commit
RESULT_VARIABLE = "NEWSDESK_EXP_REV"  # tells it, where a run is made after its experiment
COMMIT_TAG = "mlflow.source.git.commit"
MODEL_PATH = "model"
SQLITE = "sqlite:///"


def project_root() -> Path:
    """The checkout: as DVC tells a stage, else the nearest folder above that DVC is set up in, else here.

    Within `dvc exp run --temp` and the queue DVC tells the checkout, not the temporary copy that the stage
    runs in.
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), here)


def store_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else an SQLite file at the project's root.

    The path of an SQLite file is absolute, from the project's root: a relative one would name a file in the
    temporary copy under `dvc exp run --temp`, which goes with it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or default_uri()
    if uri.startswith(SQLITE):
        return f"{SQLITE}{project_root().absolute() / uri.removeprefix(SQLITE)}"
    return uri


def default_uri() -> str:
    """The store of a project that names no other."""
    return f"{SQLITE}{project_root().absolute() / 'mlflow.db'}"


def store_file() -> Path | None:
    """The SQLite file that the store is, None for any other store."""
    uri = store_uri()
    return Path(uri.removeprefix(SQLITE).partition("?")[0]) if uri.startswith(SQLITE) else None


def store_exists() -> bool:
    """False where the store is an SQLite file that is not there yet: looking into it would make it."""
    file = store_file()
    return file is None or file.exists()


@contextmanager
def connect() -> Iterator[MlflowClient]:
    """A client of the store; what MLflow or the network raise becomes one line."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine unasked
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the default tries for minutes
    from alembic.util import CommandError
    from mlflow import MlflowClient  # seconds to import: only commands that talk to the store pay
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # importing mlflow sets its own level
    uri = store_uri()
    try:
        with _one_at_a_time(store_file()):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        yield client
    except ImportError as error:
        raise _store_error(uri, error, "; install this driver") from None
    except (SQLAlchemyError, CommandError) as error:
        raise _store_error(uri, error, "; if it was made by another MLflow, `mlflow db upgrade` it") from None
    except (MlflowException, OSError) as error:
        raise _store_error(uri, error) from None


@contextmanager
def _one_at_a_time(file: Path | None) -> Iterator[None]:
    """Hold a lock beside an SQLite store while a client is made, which makes the file if it is missing.

    MLflow makes its tables one after the other: a second process that came upon them half-way would find
    them out of date, and give up. Its experiment Default it puts into the working directory, which may be the
    temporary copy of a DVC experiment: so a store is made from its own folder.
    """
    with ExitStack() as held:
        if file:
            with suppress(OSError):  # where nothing may be written, no store is made either
                file.parent.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context(file.with_name(f"{file.name}.lock").open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not file.exists():
                    held.enter_context(chdir(file.parent))
        yield


def _store_error(uri: str, error: Exception, hint: str = "") -> NewsdeskError:
    """One line of what was raised, without a password in it."""
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return NewsdeskError(re.sub(r"://[^/\s]*@", "://", f"MLflow store {uri}: {first_line}{hint}"))


def experiment_id(client: MlflowClient, name: str) -> str:
    """The experiment's id; it is made if missing, its artifacts at the project's root for an SQLite store."""
    from mlflow.exceptions import MlflowException

    if experiment := client.get_experiment_by_name(name):
        return str(experiment.experiment_id)
    location = artifact_root().as_uri() if store_file() else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        made = client.get_experiment_by_name(name)  # by another job, meanwhile
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)


def artifact_root() -> Path:
    """Where the artifacts of an SQLite store go."""
    return (project_root() / "mlartifacts").absolute()


def find_run(receipt: str) -> str | None:
    """The id of the newest run that recorded these very files, None if there is none."""
    if not store_exists():
        return None
    with connect() as client:
        experiments = [e.experiment_id for e in client.search_experiments()]
        runs = client.search_runs(
            experiments,
            filter_string=f"tags.`{RECEIPT_TAG}` = '{receipt}' and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        return str(runs[0].info.run_id) if runs else None


def log_run(
    experiment: str,
    *,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    files: Sequence[tuple[str, Path]],
    texts: Mapping[str, str] | None = None,
    model: Path | None = None,
) -> str:
    """Record a finished pipeline as one run and return its id.

    Parameters
    ----------
    files : sequence of (str, Path)
        Artifact folder, and the file or folder that goes there.
    texts : mapping of str to str, optional
        Artifact path to content.
    model : Path, optional
        The packaged folder; as an MLflow model it becomes the artifact `MODEL_PATH`.
    """
    from mlflow.entities import Metric, Param, RunTag

    run_name = tags.get("mlflow.runName") or tags.get(NAME_TAG)
    with connect() as client:
        run = client.create_run(experiment_id(client, experiment), tags=dict(tags))
        run_id = str(run.info.run_id)
        try:
            now = run.info.start_time
            client.log_batch(
                run_id,
                metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
                params=[Param(key, str(value)) for key, value in params.items()],
                tags=[RunTag("mlflow.runName", run_name or f"pipeline-{run_id[:7]}")],
            )
            for folder, path in files:
                for file in list_files(path) if path.is_dir() else [path]:
                    inside = file.relative_to(path).parent.as_posix() if path.is_dir() else "."
                    client.log_artifact(run_id, str(file), str(PurePosixPath(folder, inside)).strip("."))
            for artifact, text in (texts or {}).items():
                client.log_text(run_id, text, artifact)
            if model:
                with tempfile.TemporaryDirectory() as temporary:
                    mlflow_model.save(model, Path(temporary, MODEL_PATH), run_id=run_id)
                    client.log_artifacts(run_id, str(Path(temporary, MODEL_PATH)), MODEL_PATH)
            client.set_terminated(run_id, "FINISHED")
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        return run_id


def log_study(
    experiment: str,
    *,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    children: Sequence[tuple[str, Mapping[str, Any], Mapping[str, float]]],
    files: Sequence[tuple[str, Path]],
) -> str:
    """Record a finished search as one run, each trial as a run nested in it, and return the search's id.

    Parameters
    ----------
    children : sequence of (str, mapping, mapping)
        Name, params and metrics of each trial.
    files : sequence of (str, Path)
        Artifact folder, and the file or folder that goes there.
    """
    run_id = log_run(
        experiment,
        tags={**tags, "mlflow.runName": name},
        params=params,
        metrics=metrics,
        files=files,
    )
    for child, chosen, measured in children:
        log_run(
            experiment,
            tags={**tags, "mlflow.runName": child, "mlflow.parentRunId": run_id},
            params=chosen,
            metrics=measured,
            files=[],
        )
    return run_id


def download_model(uri: str, destination: Path | None = None) -> Path:
    """Fetch a model by `models:/…` or `runs:/…` and return where its packaged folder lies.

    Without a destination that is a temporary folder, or the store itself.
    """
    with connect() as client:
        from mlflow.artifacts import download_artifacts

        fetched = download_artifacts(
            artifact_uri=locate_model(client, uri),
            tracking_uri=store_uri(),
            dst_path=str(destination) if destination else None,
        )
        return mlflow_model.packaged_folder(Path(fetched))


def locate_model(client: MlflowClient, uri: str) -> str:
    """Where the model of a `models:/…` URI lies, in the client's store; any other URI comes back as it is.

    MLflow itself looks such a URI up in the store of the working directory, whatever store it is told.
    """
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    while uri.startswith("models:/"):
        found = get_model_name_and_version(client, uri)  # type: ignore[no-untyped-call]
        if len(found) == 1:  # a logged model's id
            uri = str(client.get_logged_model(*found).artifact_location)
        else:
            uri = str(client.get_model_version_download_uri(*found))
    return uri


def git_tags(folder: Path) -> dict[str, str]:
    """Commit, dirty flag and, within a DVC experiment, its name and baseline; empty without git.

    The commit is the baseline within an experiment: its own commit is made when it has ended, and the
    checkout may stand elsewhere when its turn in the queue comes.
    """
    told = {NAME_TAG: NAME_TAG, BASELINE_TAG: BASELINE_TAG, RESULT_VARIABLE: RESULT_TAG}
    tags = {tag: os.environ[name] for name, tag in told.items() if name in os.environ}
    commit = git(folder, "rev-parse", "HEAD")
    if commit:
        tags[COMMIT_TAG] = tags.get(BASELINE_TAG, commit)
        tags["newsdesk.git_dirty"] = str(bool(git(folder, "status", "--porcelain"))).lower()
    return tags


def git(root: Path, *arguments: str) -> str | None:
    """What a git command prints, None where it fails or git is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
