"""Write a model card in Markdown; every number in it is the run's."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.tables import format_interval, outlets_table
from newsdesk.registry.card_data import CardData, measure_task, read_card_data

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

N_WORST = 3
NOT_STATED = "not stated"
PURPOSE = (
    "Files Arabic news articles by the regions and the topics that they are about, for newsrooms, archives"
    " and nightly jobs. Input: title and text. Output: labels with probabilities, or the reason why there is"
    " no label. Not meant for decisions about persons, for other languages, or for social media."
)
LIMITS = """\
- Words, places and people that are not in the training articles are unknown to the model.
- A random test split is optimistic: expect less on other outlets, above all for topics.
- Labels with few test articles have wide intervals; their figures say little.
- Articles were sampled to contain many rare labels: their shares are not those of a day's news."""
GOLD = (
    "The labels of the starter corpus were written together with its invented texts. All other gold labels"
    " come from a large language model that read title and lead under written guidelines. No person has"
    " checked them."
)


def card_of_run(client: MlflowClient, run: Run) -> str:
    """Download the artifacts of a finished run and return its card."""
    with tempfile.TemporaryDirectory() as folder:
        return build_card(read_card_data(client, run, Path(folder)))


def build_card(data: CardData) -> str:
    """Return the model card as Markdown."""
    measured = {task: measure_task(data, task) for task in TASKS if task in data.metrics}
    parts = [
        "# Model card: newsdesk",
        "\n".join(f"- {name}: `{value}`" for name, value in data.identity.items()),
        "## Purpose",
        PURPOSE,
        "## Taxonomy",
        *_taxonomy(data.info["taxonomy"]),
        "## Data",
        _data(data),
        GOLD,
        "## Metrics",
        "On the run's test split: articles with trusted labels whose near-duplicates are in no other split."
        f" Intervals are 95 %, by {data.n_bootstrap:,} bootstrap resamples of near-duplicate groups, seed"
        f" {data.seed}.",
        _metrics(data, measured),
        "### By outlet",
        f"The same articles by source; macro F1 is over labels with at least {data.min_support} of them.",
        _outlets(measured),
    ]
    if data.unseen:
        parts += [
            "### On an outlet without training articles",
            "The committed settings, with each outlet in turn left out of training and tested on. The figures"
            " are of the settings, not of these weights; expect them on another newspaper.",
            outlets_table(data.unseen),
        ]
    parts += [
        "## Calibration",
        "Probabilities of all labels of all test articles; the error is over bins of equal mass.",
        _calibration(measured),
        "## Known failures",
        *(_failures(task, data.labels[task], found) for task, found in measured.items()),
        "## Limits",
        LIMITS,
        GOLD,
    ]
    return "\n\n".join(parts) + "\n"


def _taxonomy(taxonomy: Mapping[str, Any]) -> list[str]:
    parts = []
    for task, key in zip(TASKS, ("regions", "topics"), strict=True):
        rows = [(f"`{e['id']}`", e["english"], e.get("description", "")) for e in taxonomy[key]]
        parts.append(_table((task, "name", "description"), rows))
    return parts


def _data(data: CardData) -> str:
    rows = []
    for source, counts in data.account["sources"].items():
        known, span = data.sources.get(source, {}), data.spans.get(source, {})
        splits = counts.get("splits", {})
        dates = f"`{span['first']}` to `{span['last']}`" if span.get("first") else "undated"
        rows.append(
            (
                f"`{source}`", known.get("outlet", NOT_STATED), known.get("licence", NOT_STATED), dates,
                f"{counts['read']:,}", f"{counts['kept']:,}",
                *(f"{splits.get(split, 0):,}" for split in ("train", "valid", "test")),
            )
        )  # fmt: skip
    header = ("source", "outlet", "licence", "dates", "read", "kept", "train", "valid", "test")
    return _table(header, rows)


def _metrics(data: CardData, measured: Mapping[str, Any]) -> str:
    rows = []
    for task, found in measured.items():
        head = data.metrics[task]
        for name in ("f1_macro", "f1_micro", "exact_match"):
            rows.append((task, f"**{name}**", "", "", format_interval(head, name), f"{head['n_articles']:,}"))
        for name, label in data.labels[task].items():
            f1 = format_interval({**found["labels"][name], "f1": label["f1"]}, "f1")
            precision, recall = f"{label['precision']:.3f}", f"{label['recall']:.3f}"
            rows.append((task, name, precision, recall, f1, f"{label['support']:,}"))
    return _table(("head", "label", "precision", "recall", "F1", "support"), rows)


def _outlets(measured: Mapping[str, Any]) -> str:
    rows = [
        (
            task, f"`{name}`", f"{outlet['n_articles']:,}",
            format_interval(outlet, "f1_macro"), format_interval(outlet, "f1_micro"),
        )
        for task, found in measured.items()
        for name, outlet in found["outlets"].items()
    ]  # fmt: skip
    return _table(("head", "outlet", "articles", "macro F1", "micro F1"), rows)


def _calibration(measured: Mapping[str, Any]) -> str:
    rows = [
        (task, f"{found['brier']:.3f}", f"{found['calibration_error']:.3f}")
        for task, found in measured.items()
    ]
    return _table(("head", "Brier score", "calibration error"), rows)


def _failures(task: str, labels: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    by_f1 = sorted((label["f1"], name) for name, label in labels.items() if label["support"])
    worst = ", ".join(
        f"{name} (F1 {f1:.3f}, {labels[name]['support']:,} articles)" for f1, name in by_f1[:N_WORST]
    )
    confused = ", ".join(
        f"{missed} ({predicted} predicted, {n:,})" for (missed, predicted), n in measured["confused"]
    )
    abstained = ", ".join(f"{reason} {n:,}" for reason, n in sorted(measured["abstained"].items()))
    lines = [f"- {task}, lowest F1: {worst}."]
    if confused:
        lines.append(f"- {task}, missed most often: {confused}.")
    if abstained:
        lines.append(f"- {task}, articles without a label of any head: {abstained}.")
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
