"""The runs of experiments in the store: read, searched for what is missing, tagged with their commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from newsdesk.tracking.experiments import Joined, Recorded
from newsdesk.tracking.runs import (
    BASELINE_TAG,
    MODEL_PATH,
    NAME_TAG,
    RECEIPT_MD5_TAG,
    RECEIPT_TAG,
    RESULT_TAG,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ARTIFACTS = (
    "params.yaml",
    "metrics",
    "plots",
    "evaluation",
    "heads",
    "figures",
    MODEL_PATH,
)  # as `track` logs them
DESCRIPTION = f"{MODEL_PATH}/MLmodel"


def read_runs(client: MlflowClient) -> Iterator[Recorded]:
    """The runs that stage `track` began within an experiment, of all MLflow experiments."""
    for run in _search(client):
        tags, info = run.data.tags, run.info
        yield Recorded(
            run_id=info.run_id,
            name=tags[NAME_TAG],
            baseline=tags.get(BASELINE_TAG, ""),
            rev=tags.get(RESULT_TAG),
            receipt=tags.get(RECEIPT_MD5_TAG),
            status=info.status,
            started=info.start_time,
            metrics=run.data.metrics,
            missing=tuple(_missing(client, info.run_id)) if info.status == "FINISHED" else (),
        )


def _search(client: MlflowClient) -> Iterator[Run]:
    places, token = [e.experiment_id for e in client.search_experiments()], None
    begun = f"tags.`{RECEIPT_TAG}` LIKE '%' and tags.`{NAME_TAG}` LIKE '%'"
    while True:
        page = client.search_runs(places, filter_string=begun, max_results=1000, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _missing(client: MlflowClient, run_id: str) -> Iterator[str]:
    there = {artifact.path for artifact in client.list_artifacts(run_id)}
    yield from (name for name in ARTIFACTS if name not in there)
    if MODEL_PATH in there:
        inside = {artifact.path for artifact in client.list_artifacts(run_id, MODEL_PATH)}
        yield from {DESCRIPTION} - inside


def tag_commits(client: MlflowClient, rows: Iterable[Joined]) -> int:
    """Tag runs with the final commit of their experiment where they are not yet, and return how many.

    A stage can't: DVC makes this commit after the last one. The tag holds when the experiment is renamed or
    removed.
    """
    n_tagged = 0
    for row in rows:
        if row.experiment and row.run and row.experiment.state == "done" and row.run.rev is None:
            client.set_tag(row.run.run_id, RESULT_TAG, row.experiment.rev)
            n_tagged += 1
    return n_tagged
