"""Calls of the MLflow registry, safe where several processes make them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking.access import server_account
from newsdesk.tracking.hashes import read_hashes
from newsdesk.tracking.runs import store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


def list_versions(client: MlflowClient, name: str) -> Iterator[ModelVersion]:
    """Yield all versions of a registered model, none if there is no such model."""
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def read_aliases(client: MlflowClient, name: str) -> dict[str, str]:
    """Return the version of each alias, an empty dict if there is no such model."""
    found = client.search_registered_models(f"name='{name}'", max_results=1)
    return {alias: str(version) for model in found for alias, version in model.aliases.items()}


def read_model_hash(client: MlflowClient, name: str, version: str) -> str | None:
    """Return the hash of a version's model, None if the version has none or does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        tags: dict[str, str] = client.get_model_version(name, version).tags
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return read_hashes(tags).get("model")


def check_readable(client: MlflowClient, name: str) -> None:
    """Raise if the server refuses to show a registered model, which its searches leave out in silence."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "PERMISSION_DENIED":
            account = server_account(store_uri())
            raise NewsdeskError(
                f"the server shows no registered model {name!r} to the account {account!r}: it has no"
                " permission to read it, or there is none"
            ) from None
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


@contextmanager
def _ignore(error_code: str) -> Iterator[None]:
    """Ignore an error that is due to another process that was faster."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != error_code:
            raise


def ensure_model(
    client: MlflowClient, name: str, description: str, tags: Mapping[str, str] | None = None
) -> None:
    """Create a registered model unless it exists."""
    if not client.search_registered_models(f"name='{name}'", max_results=1):
        with _ignore("RESOURCE_ALREADY_EXISTS"):
            client.create_registered_model(name, tags=dict(tags or {}), description=description)


def delete_version(client: MlflowClient, name: str, version: str) -> None:
    """Delete a version unless another process did."""
    with _ignore("RESOURCE_DOES_NOT_EXIST"):
        client.delete_model_version(name, version)


def set_with_retry(setter: Callable[..., object], *arguments: str) -> None:
    """Set an alias or a tag by a method of the client; once more if another process sets it too."""
    from mlflow.exceptions import MlflowException

    try:
        setter(*arguments)
    except MlflowException as error:
        # MLflow queries for the row and then inserts it: one of two processes violates the unique key
        if "unique" not in str(error).lower():
            raise
        setter(*arguments)


def download(client: MlflowClient, run: Run, path: str, folder: Path) -> Path:
    """Download an artifact of a run to a folder and return its path there."""
    from mlflow.artifacts import download_artifacts

    run_id, parent = run.info.run_id, PurePosixPath(path).parent.as_posix().strip(".")
    is_listed = path in {artifact.path for artifact in client.list_artifacts(run_id, parent or None)}
    if not is_listed and not client.list_artifacts(run_id, path):  # which lists those of a logged model
        raise NewsdeskError(f"run {run_id}: its artifact {path} is missing; run `newsdesk track` again")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(
        download_artifacts(run_id=run_id, artifact_path=path, dst_path=str(folder), tracking_uri=store_uri())
    )
