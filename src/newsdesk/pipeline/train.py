"""Stage `train`: features to one head, for one task."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from newsdesk.base.console import entry_point, note, path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table, write_arrays, write_json
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Settings, settings_option
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.features.matrices import read_matrix
from newsdesk.inference.home import home_feature_names
from newsdesk.training.heads import describe_head, train_head
from newsdesk.training.targets import build_targets, outlet_by_source


@click.command("train")
@click.argument("task", type=click.Choice(TASKS))
@settings_option
@path_option("--features", default="data/features")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--head", help="Folder to write; data/heads/TASK by default.")
def main(settings: Settings, task: str, *, features: Path, taxonomy: Path, head: Path | None) -> None:
    """Train the head of TASK: one linear classifier a label, thresholds from out-of-outlet scores.

    \b
    Example:
      newsdesk train region
    """
    head = head or Path("data/heads", task)
    known = read_taxonomy(taxonomy)
    labels = known.labels_of(task)
    rows = read_table(features / "rows.parquet")
    outlet_of = outlet_by_source(settings.outlets)
    fields = read_matrix(features / "fields.npz")
    try:
        targets = build_targets(task, rows, labels=labels, settings=settings)
        trained = train_head(
            read_matrix(features / "matrix.npz"),
            targets,
            n_terms=fields.shape[0],
            fields=fields,
            outlets=[outlet_of.get(source, source) for source in rows["source"].to_pylist()],
            groups=rows["group_id"].to_pylist(),
            settings=settings.train,
            n_home=len(home_feature_names(known.region_ids)) if settings.features.home else 0,
        )
    except ValueError as error:
        raise NewsdeskError(f"{features}: {task}: {error}") from None
    write_arrays(
        head / "weights.npz",
        coef=trained.coef.astype(np.float32),
        intercept=trained.intercept,
        main_coef=trained.main_coef.astype(np.float32),
        main_intercept=trained.main_intercept,
        slope=trained.slope,
        offset=trained.offset,
    )
    described = describe_head(trained, targets, rows[f"{task}_origin"].to_pylist(), settings=settings.train)
    write_json(described, head / "head.json")
    n_train, n_trusted = (targets.weights > 0).sum(), described["n_trusted"]
    note(f"train {task}: {n_train:,} articles, {n_trusted:,} of them trusted, {len(labels)} labels")
    if absent := [label for label, n in described["n_train_positives"].items() if not n]:
        note(f"train {task}: no training article, so never predicted: {', '.join(absent)}")


if __name__ == "__main__":
    entry_point(main)
