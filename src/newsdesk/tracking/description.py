"""What MLflow's page shows first of a run: its description and its headline metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from newsdesk.evaluation.tables import TOTALS, format_interval, markdown_table
from newsdesk.tracking.datasets import TEST, SplitDataset
from newsdesk.tracking.experiments import flatten

N_SOURCES = 3  # named; more are counted
BOUNDS = ("low", "high")


def headline_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the totals of each head, by name; all fit the first screen where MLflow compares runs."""
    found = {f"{task}.{total}": head.get(total) for task, head in metrics.items() for total in TOTALS}
    return {name: value for name, value in found.items() if value is not None}


def metric_rows(*measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each measure and count in nested mappings: its name, value and interval."""
    values = {name: value for each in measured for name, value in flatten(each).items()}
    for name, value in values.items():
        measure, _, suffix = name.rpartition("_")
        is_bound = suffix in BOUNDS and measure in values
        if isinstance(value, int | float) and not is_bound:
            yield {"metric": name, "value": value} | {b: values.get(f"{name}_{b}") for b in BOUNDS}


def describe_run(
    metrics: Mapping[str, Any], account: Mapping[str, Any], datasets: Sequence[SplitDataset]
) -> str:
    """Describe a run in Markdown: its headline metrics with their intervals, and its data."""
    n_rows = {dataset.split: dataset.n_rows for dataset in datasets}
    headline = ", ".join(
        f"{task} {format_interval(head, 'f1_macro', bold=True)}" for task, head in metrics.items()
    )
    rows = [[task, *(format_interval(head, total) for total in TOTALS)] for task, head in metrics.items()]
    table = markdown_table(["head", "macro F1", "micro F1", "main label", "first label"], rows, align="lrrrr")
    found = sorted(account["sources"], key=lambda name: -account["sources"][name]["kept"])
    names = ", ".join(found) if len(found) <= N_SOURCES else f"{len(found)} sources"
    splits = ", ".join(f"{split} {n:,}" for split, n in n_rows.items())
    return (
        f"Macro F1: {headline}, on {n_rows[TEST]:,} test articles, with 95 % intervals.\n\n{table}\n\n"
        f"Regions and topics of Arabic news, trained on articles of {names}; with labels: {splits}.\n\n"
        "`tables/metrics.json` has the metrics of all labels, `tables/wrong_labels.json` the wrong labels."
    )
