"""Stage `train`: features to one head, for one task."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import click
import numpy as np

from newsdesk import artifacts
from newsdesk.console import entry_point, note
from newsdesk.errors import NewsdeskError
from newsdesk.heads import fit_head, indicator
from newsdesk.params import Settings, read_settings
from newsdesk.taxonomy import read_taxonomy

Task = Literal["region", "topic"]


def run(settings: Settings, task: Task, *, features: Path, taxonomy: Path, head: Path) -> None:
    """Train the head of a task on the rows whose label is known, weighted by the label's origin."""
    known = read_taxonomy(taxonomy)
    labels = {"region": known.region_ids, "topic": known.topic_ids}[task]
    rows = artifacts.read_table(features / "rows.parquet").to_pydict()
    matrix = artifacts.read_matrix(features / "matrix.npz")
    origins = np.array([origin or "" for origin in rows[f"{task}_origin"]])
    weight_of = settings.train.origin_weights
    weights = np.array([weight_of.get(origin, 0.0) for origin in origins])
    split = np.array(rows["split"])
    usable = weights > 0  # an unknown label has no origin, so no weight
    train, valid = usable & (split == "train"), usable & (split == "valid")
    # thresholds are set on the labels that the test is judged by, where there are any
    trusted = valid & np.isin(origins, settings.evaluate.origins)
    valid = trusted if trusted.any() else valid
    if not train.any() or not valid.any():
        found = f"{train.sum()} training and {valid.sum()} validation rows with a {task}"
        raise NewsdeskError(f"{features}: {found}; both are needed")
    try:
        y = indicator([held or [] for held in rows[task]], labels)
    except ValueError as error:
        raise NewsdeskError(f"{features}: {error}") from None
    fitted = fit_head(
        matrix[train],
        y[train],
        labels=labels,
        sample_weight=weights[train],
        X_valid=matrix[valid],
        y_valid=y[valid],
        classifier=settings.train.classifier,
        C=settings.train.C,
        balanced=settings.train.balanced,
        min_positives=settings.train.min_positives,
    )
    artifacts.write_arrays(
        head / "weights.npz",
        coef=fitted.coef.astype(np.float32),
        intercept=fitted.intercept,
        slope=fitted.slope,
        offset=fitted.offset,
    )
    artifacts.write_json(
        {
            "task": task,
            "labels": list(labels),
            "thresholds": [round(t, 6) for t in fitted.thresholds],
            "n_train": {origin: int((train & (origins == origin)).sum()) for origin in sorted(weight_of)},
            "n_valid": int(valid.sum()),
            "n_train_positives": dict(zip(labels, y[train].sum(axis=0).tolist(), strict=True)),
            "n_valid_positives": dict(zip(labels, y[valid].sum(axis=0).tolist(), strict=True)),
        },
        head / "head.json",
    )
    never = [label for label, n in zip(labels, y[train].sum(axis=0), strict=True) if not n]
    note(f"train {task}: {train.sum():,} training and {valid.sum():,} validation rows, {len(labels)} labels")
    if never:
        note(f"train {task}: no training example, so never predicted: {', '.join(never)}")


@click.command("train")
@click.argument("task", type=click.Choice(["region", "topic"]))
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--features", default="data/features", show_default=True, type=click.Path(path_type=Path))
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--head", type=click.Path(path_type=Path), help="Folder to write; heads/TASK unless told.")
def main(task: str, params: Path, features: Path, taxonomy: Path, head: Path | None) -> None:
    """Train the head of TASK: one linear classifier a label, thresholds from the validation split.

    \b
    Example:
      newsdesk train region
    """
    head = head or Path("heads", task)
    run(read_settings(params), cast(Task, task), features=features, taxonomy=taxonomy, head=head)


if __name__ == "__main__":
    entry_point(main)
