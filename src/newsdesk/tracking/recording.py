"""Record runs in MLflow, with all that its page shows of a run."""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from newsdesk.base.files import list_files
from newsdesk.tracking import mlflow_model
from newsdesk.tracking.datasets import TEST, SplitDataset, to_mlflow
from newsdesk.tracking.runs import (
    BASELINE_TAG,
    COMMIT_TAG,
    DIRTY_TAG,
    MODEL_PATH,
    NAME_TAG,
    artifact_root,
    connect,
    git,
    store_file,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# without a kind the page guesses one from what it finds, and opens on the traces of a language model
KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
GUESSED = "inferred"  # in each kind that the page guessed
RUN_NAME_TAG, PARENT_TAG, NOTE_TAG = "mlflow.runName", "mlflow.parentRunId", "mlflow.note.content"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Content of an MLflow run."""

    name: str = ""
    description: str = ""  # Markdown
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    datasets: Sequence[SplitDataset] = ()  # metrics are those of the test set among them
    files: Sequence[tuple[str, Path]] = ()  # folder of the artifact, file or folder
    texts: Mapping[str, str] = field(default_factory=dict)  # by artifact
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)  # by artifact
    model: Path | None = None  # packaged model


def log_run(experiment: str, record: RunRecord) -> str:
    """Record a finished run and return its id; one that could not be recorded in full is marked as failed."""
    with connect() as client:
        run = client.create_run(experiment_id(client, experiment), tags=_run_tags(record))
        run_id = str(run.info.run_id)
        try:
            _log_content(client, run, record)
            client.set_terminated(run_id, "FINISHED")
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        return run_id


def log_study(experiment: str, study: RunRecord, trials: Sequence[RunRecord]) -> str:
    """Record a search as a run with a nested run for each trial, which has its tags too; return its id."""
    run_id = log_run(experiment, study)
    for trial in trials:
        log_run(experiment, replace(trial, tags={**study.tags, **trial.tags, PARENT_TAG: run_id}))
    return run_id


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment of model training, which is made if it is missing."""
    from mlflow.exceptions import MlflowException

    if experiment := client.get_experiment_by_name(name):
        kind = experiment.tags.get(KIND_TAG, "")
        if not kind or GUESSED in kind:
            client.set_experiment_tag(experiment.experiment_id, KIND_TAG, KIND)
        return str(experiment.experiment_id)
    location = artifact_root().as_uri() if store_file() else None
    try:
        return str(client.create_experiment(name, artifact_location=location, tags={KIND_TAG: KIND}))
    except MlflowException as error:
        made = client.get_experiment_by_name(name)  # by another job in the meantime
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)


def _run_tags(record: RunRecord) -> dict[str, str]:
    """Return the tags of a record, after MLflow's own tags of user and description."""
    tags = {NOTE_TAG: record.description}
    with suppress(OSError, KeyError):  # a container without a user database
        tags["mlflow.user"] = getpass.getuser()
    return {key: value for key, value in {**tags, **record.tags}.items() if value}


def _log_content(client: MlflowClient, run: Run, record: RunRecord) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from pandas import DataFrame

    run_id, now = run.info.run_id, run.info.start_time
    name = record.name or record.tags.get(NAME_TAG) or f"pipeline-{run_id[:7]}"
    client.log_batch(
        run_id,
        params=[Param(key, str(value)) for key, value in record.params.items()],
        tags=[RunTag(RUN_NAME_TAG, name)],
    )
    if record.datasets:
        client.log_inputs(run_id, [to_mlflow(dataset) for dataset in record.datasets])
    of_metrics = {"model_id": _log_model(client, run, record, record.model) if record.model else None}
    for dataset in record.datasets:
        if dataset.split == TEST:
            of_metrics |= {"dataset_name": dataset.split, "dataset_digest": dataset.digest}
    metrics = [Metric(key, value, now, 0, **of_metrics) for key, value in record.metrics.items()]
    client.log_batch(run_id, metrics=metrics)
    for folder, path in record.files:
        for file in list_files(path) if path.is_dir() else [path]:
            inside = file.relative_to(path).parent.as_posix() if path.is_dir() else "."
            client.log_artifact(run_id, str(file), str(PurePosixPath(folder, inside)).strip("."))
    for artifact, text in record.texts.items():
        client.log_text(run_id, text, artifact)
    for artifact, rows in record.tables.items():
        if rows:
            client.log_table(run_id, DataFrame(rows), artifact)


def _log_model(client: MlflowClient, run: Run, record: RunRecord, folder: Path) -> str:
    """Log a packaged model as the model of a run, and return the id of the logged model."""
    from mlflow.entities import LoggedModelOutput

    run_id = run.info.run_id
    model = client.create_logged_model(
        run.info.experiment_id,
        MODEL_PATH,
        source_run_id=run_id,
        params={key: str(value) for key, value in record.params.items()},
        tags={key: value for key, value in _run_tags(record).items() if key.startswith("mlflow.")},
    )
    model_id = str(model.model_id)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            saved = Path(temporary, MODEL_PATH)
            mlflow_model.save(folder, saved, run_id=run_id, model_id=model_id)
            client.log_model_artifacts(model_id, str(saved))
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise
    client.finalize_logged_model(model_id, "READY")
    return model_id


def source_tags(folder: Path, name: str) -> dict[str, str]:
    """Return MLflow's tags of the source: its name, commit, branch and repository, and the experiment's.

    The commit of a DVC experiment is its baseline.
    """
    tags = {each: os.environ[each] for each in (NAME_TAG, BASELINE_TAG) if each in os.environ}
    tags |= {"mlflow.source.name": name, "mlflow.source.type": "LOCAL"}
    commit = git(folder, "rev-parse", "HEAD")
    if commit is None:
        return tags
    # HEAD may be another commit by the time a queued experiment runs
    tags[COMMIT_TAG] = tags.get(BASELINE_TAG, commit)
    tags[DIRTY_TAG] = str(bool(git(folder, "status", "--porcelain"))).lower()
    if branch := git(folder, "branch", "--show-current"):  # none in the copy of an experiment
        tags["mlflow.source.git.branch"] = branch
    if url := git(folder, "remote", "get-url", "origin"):
        tags["mlflow.source.git.repoURL"] = re.sub(r"://[^/\s]*@", "://", url)
    return tags
