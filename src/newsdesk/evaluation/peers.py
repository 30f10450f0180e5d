"""Peers of the headline comparison: the labels of other programs and of packaged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table
from newsdesk.base.schema import TASKS
from newsdesk.evaluation.leave_one_outlet_out import SplitPredictions, SystemPredictions
from newsdesk.training.targets import first_labels, indicator

ORDERED = "ordered"  # column of a peer's file


@dataclass(frozen=True, slots=True)
class PeerLabels:
    """The labels of another system."""

    by_article: Mapping[str, Mapping[str, Any]]  # labels by task, by article
    ordered: bool  # whether the first label of a list is the main one


def read_peer(path: Path, articles: pa.Table) -> PeerLabels:
    """Predict test articles by a model folder, or read a Parquet file of `article_id`, `region`, `topic`.

    The labels of a file are in order, the main one first, if its column `ordered` is true in every row.
    """
    if path.is_dir():  # only its maker knows that the model did not read the outlets of these articles
        predicted = read_model(path).predict(articles["title"], articles["text"])
        ids = articles["article_id"].to_pylist()
        labels = (prediction.labels for prediction in predicted)
        return PeerLabels(dict(zip(ids, labels, strict=True)), ordered=True)
    table = read_table(path)
    if missing := {"article_id", *TASKS} - {*table.column_names}:
        raise NewsdeskError(f"{path}: no column {', '.join(sorted(missing))}; found {table.column_names}")
    rows = table.to_pylist()
    return PeerLabels(
        {row["article_id"]: row for row in rows}, ordered=all(row.get(ORDERED) is True for row in rows)
    )


def add_peers(
    predictions: Sequence[SplitPredictions], peers: Mapping[str, PeerLabels]
) -> list[SplitPredictions]:
    """Add the predictions of peers to the splits that they have labelled, each of them whole."""
    added = [
        replace(each, by_system={**each.by_system, **_predictions_of_peers(each, peers)})
        for each in predictions
    ]
    for name in peers:
        unknown = [f"{each.split} ({each.task})" for each in added if name not in each.by_system]
        if len(unknown) == len(added):
            raise NewsdeskError(f"peer {name}: no label of a test article; found other article ids")
        if unknown:
            note(f"outlets: peer {name} is not compared on {', '.join(unknown)}, which it has not labelled")
    return added


def _predictions_of_peers(
    predictions: SplitPredictions, peers: Mapping[str, PeerLabels]
) -> dict[str, SystemPredictions]:
    by_system, task = {}, predictions.task
    for name, peer in peers.items():
        ids = predictions.article_ids.tolist()
        missing = [i for i in ids if peer.by_article.get(i, {}).get(task) is None]
        if len(missing) == len(ids):
            continue
        if missing:
            raise NewsdeskError(
                f"peer {name}: no {task} for {len(missing)} articles of {predictions.split}, first "
                f"{missing[0]}; a peer must label every test article of an outlet, or none"
            )
        found = [peer.by_article[i][task] for i in ids]
        try:
            y_pred = indicator(found, predictions.labels)
        except ValueError as error:
            raise NewsdeskError(f"peer {name}: {error}") from None
        first = first_labels(found, predictions.labels) if peer.ordered else None
        by_system[name] = SystemPredictions(y_pred, first=first)
    return by_system
