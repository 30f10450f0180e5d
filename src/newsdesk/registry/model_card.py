"""Write a model card in Markdown; every number in it is the run's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.tables import format_interval, outlets_table
from newsdesk.registry.card_data import CardData, measure_task, read_card_data

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TEMPLATE = Path(__file__).with_name("model_card.md.j2")


def card_of_run(client: MlflowClient, run: Run) -> str:
    """Download the artifacts of a finished run and return its card."""
    with tempfile.TemporaryDirectory() as folder:
        return build_card(read_card_data(client, run, Path(folder)))


def build_card(card: CardData) -> str:
    """Return the model card as Markdown."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"interval": format_interval, "score": "{:.3f}".format, "thousands": "{:,}".format}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        card=card,
        measured={task: measure_task(card, task) for task in TASKS if task in card.metrics},
        unseen=card.unseen and outlets_table(card.unseen),
    )
