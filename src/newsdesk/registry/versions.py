"""The registry: a finished run's model as a version, complete or told as incomplete."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.registry import ledger
from newsdesk.registry.ledger import CHAMPION
from newsdesk.tracking.runs import MODEL_PATH, RECEIPT_TAG, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
MODEL_TAG = "newsdesk.model_sha256"
TEST_TAG, ORIGINS_TAG = "newsdesk.test_sha256", "newsdesk.test_origins"
HASH_TAGS = (
    MODEL_TAG,
    "newsdesk.articles_sha256",
    "newsdesk.params_sha256",
    TEST_TAG,
    ORIGINS_TAG,
    RECEIPT_TAG,
)
GIT_TAGS = ("mlflow.source.git.commit", "newsdesk.git_dirty")
CARD_TAG = "newsdesk.card_sha256"
COMPLETE_TAG = "newsdesk.complete"
CARD_PATH = "card.md"
PREDICTIONS_PATH = "evaluation/predictions.parquet"

Registered = Literal["registered", "completed", "again", "already", "champion"]


def check_name(name: str) -> str:
    """The name of a registered model as it is.

    Raises
    ------
    NewsdeskError
        If the store would not take it, or it is a ledger's.
    """
    if not name.strip() or re.search(r"[/:'\"`%\s]", name) or name.endswith(ledger.SUFFIX):
        raise NewsdeskError(
            f"{name!r} is no name for a model: no space, quote, '/', ':' or '%', no end in {ledger.SUFFIX!r}"
        )
    return name


def finished_run(client: MlflowClient, run_id: str) -> Run:
    """A run that stage `track` finished.

    Raises
    ------
    NewsdeskError
        If there is none of this id, or it did not finish or lacks a hash or the model.
    """
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise NewsdeskError(
            f"run {run_id}: the store has no such run; `newsdesk results` names one"
        ) from None
    if run.info.status != "FINISHED":
        raise NewsdeskError(
            f"run {run_id}: its status is {run.info.status}; only a finished run is registered"
        )
    missing = [tag for tag in HASH_TAGS if tag not in run.data.tags]
    if missing:
        raise NewsdeskError(
            f"run {run_id}: has no tag {missing[0]}, so it is not a pipeline's or an older one's;"
            " run `newsdesk track` again"
        )
    return run


def source_uri(run: Run) -> str:
    """Where a version's model lies: the run's artifact."""
    return f"{run.info.artifact_uri.rstrip('/')}/{MODEL_PATH}"


def fetch(client: MlflowClient, run: Run, path: str, folder: Path) -> Path:
    """Download an artifact of a run.

    Raises
    ------
    NewsdeskError
        If it is not there.
    """
    from mlflow.artifacts import download_artifacts

    run_id, parent = run.info.run_id, PurePosixPath(path).parent.as_posix().strip(".")
    if path not in {artifact.path for artifact in client.list_artifacts(run_id, parent or None)}:
        raise NewsdeskError(f"run {run_id}: its artifact {path} is missing; run `newsdesk track` again")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(
        download_artifacts(run_id=run_id, artifact_path=path, dst_path=str(folder), tracking_uri=store_uri())
    )


def check_model(run: Run, folder: Path) -> Path:
    """The packaged model within a downloaded artifact, if it is the one that was evaluated.

    Raises
    ------
    NewsdeskError
        If it is not there, or its hash is not the run's.
    """
    for described in sorted(folder.rglob("model.json")):
        if sha256(described.parent) == run.data.tags[MODEL_TAG]:
            return described.parent
    raise NewsdeskError(
        f"run {run.info.run_id}: its artifact {MODEL_PATH} is not the model that was evaluated (files are"
        " missing or were changed); run `newsdesk track` again"
    )


def aliases(client: MlflowClient, name: str) -> dict[str, str]:
    """Alias to version, empty where there is no such model."""
    found = client.search_registered_models(f"name='{name}'", max_results=1)
    return {alias: str(version) for alias, version in found[0].aliases.items()} if found else {}


def same_model(client: MlflowClient, name: str, model_sha256: str) -> list[ModelVersion]:
    """The versions that hold this very model, oldest first."""
    versions = [v for v in ledger.list_versions(client, name) if v.tags.get(MODEL_TAG) == model_sha256]
    return sorted(versions, key=lambda version: int(version.version))


def register(client: MlflowClient, run: Run, *, name: str, card: str) -> tuple[str, Registered]:
    """Make the run's model a version and the challenger, and return its number and what was done.

    The card goes to the run's artifacts. The version is made with all its tags in one transaction of the
    store, then gets the alias, then the tag `newsdesk.complete`. What a killed process left undone, the next
    call for the same model completes. Of versions of the same model that two calls made at once the oldest
    stays.
    """
    digest = run.data.tags[MODEL_TAG]
    held = same_model(client, name, digest)
    made = not held
    if made:
        client.log_text(run.info.run_id, card, CARD_PATH)
        ledger.make_model(client, name, "Regions and topics of Arabic news.")
        kept = {tag: run.data.tags[tag] for tag in (*HASH_TAGS, *GIT_TAGS) if tag in run.data.tags}
        created = client.create_model_version(
            name,
            source_uri(run),
            run_id=run.info.run_id,
            tags={**kept, CARD_TAG: text_sha256(card)},
            description=f"The model of run {run.info.run_id}; its card is the run's artifact {CARD_PATH}.",
        )
        held = same_model(client, name, digest)
        made = bool(held) and held[0].version == created.version
    version = held[0]
    for double in held[1:]:
        if COMPLETE_TAG not in double.tags:
            _delete(client, name, double.version)
    number, of_alias = str(version.version), aliases(client, name)
    complete = COMPLETE_TAG in version.tags
    if complete and of_alias.get(CHAMPION) == number:
        return number, "champion"
    if complete and of_alias.get(CHALLENGER) == number:
        return number, "already"
    ledger.write(client.set_registered_model_alias, name, CHALLENGER, number)
    if not complete:
        ledger.write(client.set_model_version_tag, name, number, COMPLETE_TAG, "true")
    return number, "registered" if made else "again" if complete else "completed"


def _delete(client: MlflowClient, name: str, version: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_model_version(name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # its own maker was faster
            raise


def text_sha256(text: str) -> str:
    """Hash of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def complete_version(client: MlflowClient, name: str, number: str) -> ModelVersion:
    """A version that was registered to the end.

    Raises
    ------
    NewsdeskError
        If there is no such version or it is incomplete.
    """
    found = [v for v in ledger.list_versions(client, name) if str(v.version) == number]
    if not found:
        raise NewsdeskError(f"{name}: has no version {number}; `newsdesk history {name}` lists champions")
    if COMPLETE_TAG not in found[0].tags:
        raise NewsdeskError(
            f"{name}: version {number} is incomplete;"
            f" run `newsdesk register --run {found[0].run_id} --name {name}` to finish it"
        )
    return found[0]


def read_card(client: MlflowClient, name: str, number: str) -> str:
    """The card that was attached to a version.

    Raises
    ------
    NewsdeskError
        If there is no such version, or the card is missing or was changed.
    """
    version = complete_version(client, name, number)
    run = finished_run(client, str(version.run_id))
    with tempfile.TemporaryDirectory() as folder:
        text = fetch(client, run, CARD_PATH, Path(folder)).read_text(encoding="utf-8")
    if text_sha256(text) != version.tags.get(CARD_TAG):
        raise NewsdeskError(
            f"{name}: the card of version {number} was changed since it was registered;"
            f" `newsdesk card --run {run.info.run_id}` makes it anew"
        )
    return text
