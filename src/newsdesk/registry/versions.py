"""Register the model of a finished run as a version, and read complete versions."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.base.schema import TASKS
from newsdesk.registry import ledger, store
from newsdesk.registry.ledger import CHAMPION
from newsdesk.registry.store import download, list_versions, read_aliases, set_with_retry
from newsdesk.tracking.hashes import RECEIPT, hashes_tag, read_hashes
from newsdesk.tracking.recording import NOTE_TAG
from newsdesk.tracking.runs import COMMIT_TAG, DIRTY_TAG, EARLIER_DIRTY_TAG, MODEL_PATH

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
REQUIRED_HASHES = ("model", "articles", "params", "test", RECEIPT)
ORIGINS_TAG = "newsdesk.test_origins"
COPIED_TAGS = (ORIGINS_TAG, COMMIT_TAG, DIRTY_TAG, EARLIER_DIRTY_TAG)
COMPLETE_TAG = "newsdesk.complete"
CARD_PATH = "card.md"
HEADLINE = {f"f1_macro {task}": f"{task}.f1_macro" for task in TASKS}  # tags that sort first, and metrics
MODEL_TAGS = {"language": "ar", "task": "multi-label text classification"}
DESCRIPTION = """Regions and topics of Arabic news articles.

`mlflow.pyfunc.load_model("models:/{name}@champion").predict(["..."])` labels texts. `newsdesk register`
makes a version the challenger; `newsdesk promote` compares it with the champion on the same test set.
"""
PREDICTIONS_PATH = "evaluation/predictions.parquet"

# new version; incomplete one completed; alias set again; nothing to do: already challenger, or champion
Outcome = Literal["registered", "completed", "again", "already", "champion"]


def check_model_name(name: str) -> str:
    """Return the name of a registered model if MLflow accepts it and it is not a ledger's."""
    if not name.strip() or re.search(r"[/:'\"`%\s]", name) or name.endswith(ledger.SUFFIX):
        raise NewsdeskError(
            f"{name!r} is not a valid model name: expected no space, quote, '/', ':' or '%', and no"
            f" {ledger.SUFFIX!r} at the end"
        )
    return name


def get_finished_run(client: MlflowClient, run_id: str) -> Run:
    """Return a run that stage `track` finished; raise if it is missing, not finished, or lacks a tag."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise NewsdeskError(
            f"run {run_id}: the store has no such run; `newsdesk results` shows the run of the files at hand"
        ) from None
    if run.info.status != "FINISHED":
        raise NewsdeskError(f"run {run_id}: expected status FINISHED, found {run.info.status}")
    hashes = read_hashes(run.data.tags)
    missing = [f"hash of {name}" for name in REQUIRED_HASHES if name not in hashes]
    if ORIGINS_TAG not in run.data.tags:
        missing.append(f"tag {ORIGINS_TAG}")
    if missing:
        raise NewsdeskError(
            f"run {run_id}: has no {missing[0]}, so another program or an older version made it;"
            " run `newsdesk track` again"
        )
    return run


def find_packaged_model(run: Run, folder: Path) -> Path:
    """Return the packaged model within a downloaded artifact; raise if its hash is not the run's."""
    model_hash = read_hashes(run.data.tags)["model"]
    for info in sorted(folder.rglob("model.json")):
        if sha256(info.parent) == model_hash:
            return info.parent
    raise NewsdeskError(
        f"run {run.info.run_id}: its artifact {MODEL_PATH} is not the model that was evaluated (files are"
        " missing or were changed); run `newsdesk track` again"
    )


def register(client: MlflowClient, run: Run, *, name: str, card: str) -> tuple[str, Outcome]:
    """Register the model of a run as a version and make it the challenger.

    A call for the same model completes what a killed process left incomplete.

    Parameters
    ----------
    client : MlflowClient
    run : Run
        As `get_finished_run` returns it.
    name : str
        Registered model; it is made if it is missing.
    card : str
        Model card, which becomes an artifact of the run.

    Returns
    -------
    number : str
    outcome : {"registered", "completed", "again", "already", "champion"}

    Examples
    --------
    >>> register(client, run, name="newsdesk", card="# Model card")  # doctest: +SKIP
    ('1', 'registered')
    """
    versions = _versions_of(client, name, run)
    is_new = not versions
    if is_new:
        created = _create_version(client, run, name, card)
        versions = _versions_of(client, name, run)
        is_new = bool(versions) and versions[0].version == created.version
    version, *duplicates = versions  # two calls at once may have made two: the older one remains
    for duplicate in duplicates:
        if COMPLETE_TAG not in duplicate.tags:
            store.delete_version(client, name, duplicate.version)
    number, aliases = str(version.version), read_aliases(client, name)
    complete = COMPLETE_TAG in version.tags
    if complete and aliases.get(CHAMPION) == number:
        return number, "champion"
    if complete and aliases.get(CHALLENGER) == number:
        return number, "already"
    set_with_retry(client.set_registered_model_alias, name, CHALLENGER, number)
    if not complete:
        set_with_retry(client.set_model_version_tag, name, number, COMPLETE_TAG, "true")
    return number, "registered" if is_new else "again" if complete else "completed"


def _create_version(client: MlflowClient, run: Run, name: str, card: str) -> ModelVersion:
    """Create a version with its tags in one transaction."""
    run_id, recorded, measured = run.info.run_id, run.data.tags, run.data.metrics
    client.log_text(run_id, card, CARD_PATH)
    store.ensure_model(client, name, DESCRIPTION.format(name=name), MODEL_TAGS)
    of_run = f"Model of run {run_id}, which has the model card as artifact `{CARD_PATH}`."
    of_files = read_hashes(recorded)
    hashes = {each: of_files[each] for each in REQUIRED_HASHES}
    source, model_id = f"{run.info.artifact_uri.rstrip('/')}/{MODEL_PATH}", None
    if run.outputs and run.outputs.model_outputs:  # else a run of an earlier release
        model_id = run.outputs.model_outputs[0].model_id
        source = str(client.get_logged_model(model_id).artifact_location)
    return client.create_model_version(
        name,
        source,
        run_id=run_id,
        model_id=model_id,
        tags={
            **{tag: f"{measured[metric]:.3f}" for tag, metric in HEADLINE.items() if metric in measured},
            **{tag: recorded[tag] for tag in COPIED_TAGS if tag in recorded},
            **hashes_tag({**hashes, "card": text_sha256(card)}),
        },
        description="\n\n".join(filter(None, [recorded.get(NOTE_TAG), of_run])),
    )


def _versions_of(client: MlflowClient, name: str, run: Run) -> list[ModelVersion]:
    """Return the versions of a run's model, oldest first."""
    digest = read_hashes(run.data.tags)["model"]
    versions = [v for v in list_versions(client, name) if read_hashes(v.tags).get("model") == digest]
    return sorted(versions, key=lambda version: int(version.version))


def text_sha256(text: str) -> str:
    """Hash a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def get_complete_version(client: MlflowClient, name: str, number: str) -> ModelVersion:
    """Return a version; raise if there is none or its registration is incomplete."""
    found = [v for v in list_versions(client, name) if str(v.version) == number]
    if not found:
        store.check_readable(client, name)
        raise NewsdeskError(
            f"{name}: has no version {number}; `newsdesk history --name {name}` lists champions"
        )
    if COMPLETE_TAG not in found[0].tags:
        raise NewsdeskError(
            f"{name}: version {number} is incomplete;"
            f" run `newsdesk register --run {found[0].run_id} --name {name}` to finish it"
        )
    return found[0]


def read_card(client: MlflowClient, name: str, number: str) -> str:
    """Return the model card of a version; raise if it is missing or was changed after registration."""
    version = get_complete_version(client, name, number)
    run = get_finished_run(client, str(version.run_id))
    with tempfile.TemporaryDirectory() as folder:
        text = download(client, run, CARD_PATH, Path(folder)).read_text(encoding="utf-8")
    if text_sha256(text) != read_hashes(version.tags).get("card"):
        raise NewsdeskError(
            f"{name}: the card of version {number} was changed after its registration;"
            f" `newsdesk card --run {run.info.run_id}` builds it again"
        )
    return text
