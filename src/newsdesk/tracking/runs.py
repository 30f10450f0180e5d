"""The MLflow store: connect to it, find runs and download models."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.extras import named_extras
from newsdesk.tracking import mlflow_model
from newsdesk.tracking.access import describe_refusal
from newsdesk.tracking.hashes import search_conditions

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NAME_TAG, BASELINE_TAG = "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"  # also the environment variables of DVC
COMMIT_TAG, DIRTY_TAG = "mlflow.source.git.commit", "mlflow.source.git.dirty"
EARLIER_DIRTY_TAG = "newsdesk.git_dirty"  # of runs of earlier releases
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
        is_old = getattr(error, "error_code", None) == "ENDPOINT_NOT_FOUND"
        hint = "; the server has to be MLflow 3.0.1 or newer" if is_old else ""
        raise _store_error(uri, error, hint) from None
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


def artifact_root() -> Path:
    """Return the folder for the artifacts of an SQLite store."""
    return (project_root() / "mlartifacts").absolute()


def find_run(hashes: Mapping[str, str]) -> str | None:
    """Return the id of the newest finished run that recorded these hashes, None if there is none."""
    if not store_exists():
        return None
    with connect() as client:
        for condition in search_conditions(hashes):
            runs = search_runs(client, f"{condition} and attributes.status = 'FINISHED'")
            if runs:
                return str(runs[0].info.run_id)
    return None


def search_runs(client: MlflowClient, condition: str) -> Sequence[Run]:
    """List the runs of all MLflow experiments that meet a condition, the newest first."""
    return client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        filter_string=condition,
        order_by=["attributes.start_time DESC"],
        max_results=50_000,  # the most that MLflow allows
    )


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


def git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command, None if it fails or git is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
