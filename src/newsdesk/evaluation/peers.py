"""Peers of the headline comparison: the labels of other programs and of packaged models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table
from newsdesk.base.schema import TASKS
from newsdesk.evaluation.leave_one_outlet_out import SplitPredictions, SystemPredictions
from newsdesk.training.targets import indicator

PeerLabels = Mapping[str, Mapping[str, Any]]  # labels by task, by article


def read_peer(path: Path, articles: pa.Table) -> PeerLabels:
    """Predict test articles by a model folder, or read a Parquet file of `article_id`, `region`, `topic`."""
    if path.is_dir():  # only its maker knows that the model did not read the outlets of these articles
        predicted = read_model(path).predict(articles["title"], articles["text"])
        ids = articles["article_id"].to_pylist()
        return {article_id: prediction.labels for article_id, prediction in zip(ids, predicted, strict=True)}
    table = read_table(path)
    if missing := {"article_id", *TASKS} - {*table.column_names}:
        raise NewsdeskError(f"{path}: no column {', '.join(sorted(missing))}; found {table.column_names}")
    return {row["article_id"]: row for row in table.to_pylist()}


def add_peers(predictions: SplitPredictions, peers: Mapping[str, PeerLabels]) -> SplitPredictions:
    """Add the predictions of peers, each of which must have labelled every test article."""
    by_system, task = dict(predictions.by_system), predictions.task
    for name, labels in peers.items():
        if missing := [i for i in predictions.article_ids if i not in labels or labels[i][task] is None]:
            raise NewsdeskError(
                f"peer {name}: no {task} for {len(missing)} articles of {predictions.split}, first "
                f"{missing[0]}; a peer must label every test article"
            )
        try:
            y_pred = indicator([labels[i][task] for i in predictions.article_ids], predictions.labels)
        except ValueError as error:
            raise NewsdeskError(f"peer {name}: {error}") from None
        by_system[name] = SystemPredictions(y_pred)
    return replace(predictions, by_system=by_system)
