"""Stage `train`: features to one head, for one task."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal, cast

import click
import numpy as np

from newsdesk.base.console import entry_point, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_arrays, read_matrix, read_table, write_arrays, write_json
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation.splits import outlet_by_source, weigh
from newsdesk.features.lexical_fields import add_fields, spread_fields
from newsdesk.training.classifiers import fit_head, indicator

Task = Literal["region", "topic"]


def run(settings: Settings, task: Task, *, features: Path, taxonomy: Path, head: Path) -> None:
    """Train the head of a task on the rows whose label is known, weighted by the label's origin."""
    known = read_taxonomy(taxonomy)
    labels = {"region": known.region_ids, "topic": known.topic_ids}[task]
    rows = read_table(features / "rows.parquet").to_pydict()
    matrix = read_matrix(features / "matrix.npz")
    n_terms = len(read_arrays(features / "idf.npz")["idf"])
    n_seen = matrix.shape[1] if task in settings.train.place_tasks else n_terms
    shared = read_matrix(features / "fields.npz")
    field_weight = settings.train.field_weight_of(task)
    outlet_of = outlet_by_source(settings.outlets)
    weights, trusted = weigh(
        rows[f"{task}_origin"],
        origin_weights=settings.train.origin_weights,
        trusted=settings.evaluate.origins,
    )
    if not trusted.any():
        raise NewsdeskError(f"{features}: no row has a {task} of an origin with a weight; label some")
    try:
        y = indicator([held or [] for held in rows[task]], labels)
        fitted = fit_head(
            add_fields(matrix[:, :n_seen], matrix[:, :n_terms], shared, field_weight),
            y,
            labels=labels,
            sample_weight=weights,
            outlets=[outlet_of.get(source, source) for source in rows["source"]],
            groups=rows["group_id"],
            trusted=trusted,
            classifier=settings.train.classifier,
            C=settings.train.C,
            balanced=settings.train.balanced,
            min_positives=settings.train.min_positives,
            common_threshold=task in settings.train.common_thresholds,
        )
    except ValueError as error:
        raise NewsdeskError(f"{features}: {task}: {error}") from None
    coef = np.zeros((len(labels), matrix.shape[1]), np.float32)
    coef[:, :n_seen] = spread_fields(fitted.coef, shared, field_weight)
    write_arrays(
        head / "weights.npz",
        coef=coef,
        intercept=fitted.intercept,
        slope=fitted.slope,
        offset=fitted.offset,
    )
    train = weights > 0
    n_origins = Counter(origin for origin, used in zip(rows[f"{task}_origin"], train, strict=True) if used)
    positives = {"train": y[train].sum(axis=0), "trusted": y[trusted].sum(axis=0)}
    write_json(
        {
            "task": task,
            "labels": list(labels),
            "thresholds": [round(t, 6) for t in fitted.thresholds],
            "profiles": {name: [round(t, 6) for t in chosen] for name, chosen in fitted.profiles.items()},
            **settings.train.decision_of(task),
            "n_train": {origin: n_origins[origin] for origin in sorted(settings.train.origin_weights)},
            "n_trusted": int(trusted.sum()),
            "n_train_positives": dict(zip(labels, positives["train"].tolist(), strict=True)),
            "n_trusted_positives": dict(zip(labels, positives["trusted"].tolist(), strict=True)),
        },
        head / "head.json",
    )
    never = [label for label, n in zip(labels, positives["train"], strict=True) if not n]
    note(f"train {task}: {train.sum():,} rows, {trusted.sum():,} of them trusted, {len(labels)} labels")
    if never:
        note(f"train {task}: no training example, so never predicted: {', '.join(never)}")


@click.command("train")
@click.argument("task", type=click.Choice(["region", "topic"]))
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--head", type=click.Path(path_type=Path), help="Folder to write; data/heads/TASK by default.")
def main(task: str, params: Path, features: Path, taxonomy: Path, head: Path | None) -> None:
    """Train the head of TASK: one linear classifier a label, thresholds from out-of-outlet scores.

    \b
    Example:
      newsdesk train region
    """
    head = head or Path("data/heads", task)
    run(read_settings(params), cast(Task, task), features=features, taxonomy=taxonomy, head=head)


if __name__ == "__main__":
    entry_point(main)
