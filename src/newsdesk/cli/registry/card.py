"""`newsdesk card`: the model card of a run, or the one that a version carries."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, read_table, sha256, write_text
from newsdesk.evaluation.test_set import select_test_set
from newsdesk.registry import versions
from newsdesk.registry.model_card import Facts, build_card
from newsdesk.tracking import runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SOURCES = "data/sources.tsv"
UNSEEN = "profiles/unseen/metrics/outlets.json"


def card_of_run(client: MlflowClient, run: Run) -> str:
    """The card of a finished run; its artifacts are fetched and its model is checked.

    Raises
    ------
    NewsdeskError
        If an artifact is missing or is not what the run's hashes say.
    """
    with tempfile.TemporaryDirectory() as folder:
        return build_card(read_facts(client, run, Path(folder)))


def read_facts(client: MlflowClient, run: Run, folder: Path) -> Facts:
    """What the card tells, from the artifacts of a run, which go to the folder."""

    def read(path: str) -> Any:
        return read_json(versions.fetch(client, run, path, folder))

    model = versions.check_model(run, versions.fetch(client, run, runs.MODEL_PATH, folder))
    predictions = read_table(versions.fetch(client, run, versions.PREDICTIONS_PATH, folder))
    tags, params = run.data.tags, run.data.params
    return Facts(
        identity={
            "run": run.info.run_id,
            "commit": tags.get("mlflow.source.git.commit", "none"),
            "model sha256": tags[versions.MODEL_TAG],
            "data sha256": tags["newsdesk.articles_sha256"],
            "settings sha256": tags["newsdesk.params_sha256"],
            "test sha256": tags[versions.TEST_TAG],
        },
        metrics=read("metrics/evaluate.json"),
        labels=read("metrics/labels.json"),
        account=read("metrics/clean.json"),
        spans=read("evaluation/sources.json"),
        described=read_json(model / "model.json"),
        rows=select_test_set(predictions, origins=tags[versions.ORIGINS_TAG].split(",")),
        sources=read_sources(runs.project_root() / SOURCES),
        unseen=_read_unseen(params),
        n_bootstrap=int(params["evaluate.n_bootstrap"]),
        seed=int(params["evaluate.seed"]),
        min_support=int(params["evaluate.min_support"]),
    )


def read_sources(path: Path) -> dict[str, dict[str, str]]:
    """Outlet, kind and licence by source; empty where the table is missing."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["source"]: row for row in csv.DictReader(handle, delimiter="\t")}


def _read_unseen(params: dict[str, str]) -> Any:
    """The figures of outlets left out, if the run's settings are those that leave outlets out."""
    path = runs.project_root() / UNSEEN
    named = any(name.startswith("outlets.") for name in params)
    return read_json(path) if named and path.exists() else None


def find_run_id(receipt: Path) -> str:
    """The finished run of the files at hand.

    Raises
    ------
    NewsdeskError
        If there is none.
    """
    run_id = runs.find_run(sha256(receipt)) if receipt.exists() else None
    if run_id is None:
        raise NewsdeskError(f"{receipt}: no run of these files; run `newsdesk track`, or give --run")
    return run_id


@click.command("card")
@click.argument("version", required=False)
@click.option("--run", "run_id", help="A run's id; without it and VERSION, the run of the files at hand.")
@click.option("--name", default="newsdesk", show_default=True, help="The registered model of VERSION.")
@click.option("--receipt", default="metrics/receipt.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Markdown file; without it, standard output.")
def main(version: str | None, run_id: str | None, name: str, receipt: Path, output: Path | None) -> None:
    """Write the model card: of a run it is made, of a version the attached one is fetched.

    \b
    Examples:
      newsdesk card
      newsdesk card 3 --output card.md
    """
    if version and run_id:
        raise NewsdeskError("give a version or --run, not both")
    if version is None and run_id is None:
        run_id = find_run_id(receipt)
    with runs.connect() as client:
        text = (
            card_of_run(client, versions.finished_run(client, run_id))
            if run_id
            else versions.read_card(client, versions.check_name(name), str(version))
        )
    if output:
        write_text(text, output)
    else:
        click.echo(text, nl=False)
