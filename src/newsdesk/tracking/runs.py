"""The MLflow store: connect to it, record runs, find runs and download models."""

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
from newsdesk.base.extras import named_extras
from newsdesk.base.files import list_files
from newsdesk.tracking import mlflow_model
from newsdesk.tracking.access import describe_refusal

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RECEIPT_TAG = "newsdesk.receipt"
RECEIPT_MD5_TAG = "newsdesk.receipt_md5"  # as in dvc.lock
# files of a finished pipeline, and the name of each in the tag with its SHA-256
RECORDED = {
    "params.yaml": "params",
    "metrics/clean.json": "account",
    "metrics/evaluate.json": "metrics",
    "metrics/labels.json": "labels",
    "model": "model",
}
NAME_TAG, BASELINE_TAG = "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"  # also the environment variables of DVC
COMMIT_TAG = "mlflow.source.git.commit"
MODEL_PATH = "model"
SQLITE = "sqlite:///"
URI_SCHEMES = ("models:/", "runs:/")
ALIAS_URI = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")
VERSION_URI = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)")


def project_root() -> Path:
    """Return the checkout: `DVC_ROOT`, else the nearest parent folder with `.dvc`, else this folder."""
    if root := os.environ.get("DVC_ROOT"):  # a stage may run in a temporary copy of the checkout
        return Path(root)
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), here)


def store_uri() -> str:
    """Return `MLFLOW_TRACKING_URI`, by default an SQLite file in the checkout."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    if uri.startswith(SQLITE):  # not in the working directory, which `dvc exp run --temp` removes
        return f"{SQLITE}{project_root().absolute() / uri.removeprefix(SQLITE)}"
    return uri


def store_file() -> Path | None:
    """Return the SQLite file of the store, None if the store is another database or a server."""
    uri = store_uri()
    return Path(uri.removeprefix(SQLITE).partition("?")[0]) if uri.startswith(SQLITE) else None


def store_exists() -> bool:
    """Return False if the SQLite file of the store is missing; to connect would make it."""
    file = store_file()
    return file is None or file.exists()


@contextmanager
def connect() -> Iterator[MlflowClient]:
    """Yield a client of the store; raise errors of MLflow, database and network as `NewsdeskError`."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # send nothing without consent
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the default takes minutes to fail
    # else files ending in .gz arrive decompressed from a server that keeps artifacts in S3
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    with named_extras():
        from alembic.util import CommandError
        from mlflow import MlflowClient  # takes seconds to import
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # importing mlflow sets its own level
    uri = store_uri()
    try:
        with _locked(store_file()):
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        yield client
    except ImportError as error:
        raise _store_error(uri, error, "; install this driver") from None
    except (SQLAlchemyError, CommandError) as error:
        raise _store_error(uri, error, "; if it was made by another MLflow, `mlflow db upgrade` it") from None
    except (MlflowException, OSError) as error:
        raise _store_error(uri, error) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("boto3", "botocore"):  # which may be missing
            raise
        raise _store_error(uri, error, "; check the address, the account and the bucket of S3") from None


@contextmanager
def _locked(file: Path | None) -> Iterator[None]:
    """Hold a lock while MLflow makes the SQLite file of a store: other processes would find half of it."""
    with ExitStack() as stack:
        if file:
            with suppress(OSError):  # a read-only folder
                file.parent.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(file.with_name(f"{file.name}.lock").open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not file.exists():  # the artifacts of experiment `Default` go to the working directory
                    stack.enter_context(chdir(file.parent))
        yield


def _store_error(uri: str, error: Exception, hint: str = "") -> NewsdeskError:
    """Build an error of the first line of a message, without user names and passwords."""
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    first_line = describe_refusal(error, uri) or first_line
    return NewsdeskError(re.sub(r"://[^/\s]*@", "://", f"MLflow store {uri}: {first_line}{hint}"))


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, which is made if it is missing."""
    from mlflow.exceptions import MlflowException

    if experiment := client.get_experiment_by_name(name):
        return str(experiment.experiment_id)
    location = artifact_root().as_uri() if store_file() else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        made = client.get_experiment_by_name(name)  # by another job in the meantime
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)


def artifact_root() -> Path:
    """Return the folder for the artifacts of an SQLite store."""
    return (project_root() / "mlartifacts").absolute()


def find_run(tags: Mapping[str, str]) -> str | None:
    """Return the id of the newest finished run with these tags, None if there is none."""
    if not store_exists():
        return None
    conditions = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
    with connect() as client:
        runs = search_runs(client, " and ".join([*conditions, "attributes.status = 'FINISHED'"]))
        return str(runs[0].info.run_id) if runs else None


def recorded_tags(hashes: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a run that recorded files with these SHA-256; only files of `RECORDED` have tags."""
    return {f"newsdesk.{name}_sha256": hashes[file] for file, name in RECORDED.items() if file in hashes}


def search_runs(client: MlflowClient, condition: str) -> Sequence[Run]:
    """List the runs of all MLflow experiments that meet a condition, the newest first."""
    return client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        filter_string=condition,
        order_by=["attributes.start_time DESC"],
        max_results=50_000,  # the most that MLflow allows
    )


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
    """Record a finished pipeline as one run and return its id; `files` are artifact folders and paths."""
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
            _log_files(client, run_id, files)
            for artifact, text in (texts or {}).items():
                client.log_text(run_id, text, artifact)
            if model:
                with tempfile.TemporaryDirectory() as temporary:
                    saved = Path(temporary, MODEL_PATH)
                    mlflow_model.save(model, saved, run_id=run_id)
                    client.log_artifacts(run_id, str(saved), MODEL_PATH)
            client.set_terminated(run_id, "FINISHED")
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        return run_id


def _log_files(client: MlflowClient, run_id: str, files: Sequence[tuple[str, Path]]) -> None:
    for folder, path in files:
        for file in list_files(path) if path.is_dir() else [path]:
            inside = file.relative_to(path).parent.as_posix() if path.is_dir() else "."
            client.log_artifact(run_id, str(file), str(PurePosixPath(folder, inside)).strip("."))


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
    """Record a search as a run with a nested run for each trial (name, params, metrics); return its id."""
    search_tags = {**tags, "mlflow.runName": name}
    run_id = log_run(experiment, tags=search_tags, params=params, metrics=metrics, files=files)
    for child, child_params, child_metrics in children:
        child_tags = {**tags, "mlflow.runName": child, "mlflow.parentRunId": run_id}
        log_run(experiment, tags=child_tags, params=child_params, metrics=child_metrics, files=[])
    return run_id


def download_model(uri: str, destination: Path | None = None) -> Path:
    """Download a model by its `models:/…` or `runs:/…` URI and return its packaged folder."""
    with connect() as client:
        from mlflow.artifacts import download_artifacts

        fetched = download_artifacts(
            artifact_uri=locate_model(client, uri),
            tracking_uri=store_uri(),
            dst_path=str(destination) if destination else None,
        )
        return mlflow_model.packaged_folder(Path(fetched))


def locate_model(client: MlflowClient, uri: str) -> str:
    """Resolve a `models:/…` URI to the location of the model in the client's store, as MLflow does not."""
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    while uri.startswith("models:/"):
        found = get_model_name_and_version(client, uri)  # type: ignore[no-untyped-call]
        if len(found) == 1:  # the id of a logged model
            uri = str(client.get_logged_model(*found).artifact_location)
        else:
            uri = str(client.get_model_version_download_uri(*found))
    return uri


def git_tags(folder: Path) -> dict[str, str]:
    """Return tags with the commit, whether files differ from it, and name and baseline of the experiment."""
    tags = {name: os.environ[name] for name in (NAME_TAG, BASELINE_TAG) if name in os.environ}
    commit = git(folder, "rev-parse", "HEAD")
    if commit:
        # HEAD may be another commit by the time a queued experiment runs
        tags[COMMIT_TAG] = tags.get(BASELINE_TAG, commit)
        tags["newsdesk.git_dirty"] = str(bool(git(folder, "status", "--porcelain"))).lower()
    return tags


def git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command, None if it fails or git is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
