"""Results for people: tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsdesk.base.settings import Settings, describe


def metrics_table(metrics: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """The result of both heads as a Markdown table: totals with their intervals, then each label."""
    lines = ["| head | label | precision | recall | F1 | support |", "|---|---|---:|---:|---:|---:|"]
    for task, head in metrics.items():
        for name in ("f1_macro", "f1_micro"):
            lines.append(f"| {task} | **{name}** | | | {_interval(head, name)} | {head['n_articles']} |")
        for label, of_label in labels[task].items():
            cells = " | ".join(f"{of_label[name]:.3f}" for name in ("precision", "recall", "f1"))
            lines.append(f"| {task} | {label} | {cells} | {of_label['support']} |")
    return "\n".join(lines)


def outlets_table(metrics: Mapping[str, Any]) -> str:
    """The headline comparison as a Markdown table: macro F1 of each outlet left out, then the means."""
    splits = [*next(iter(metrics.values()))["outlets"]]
    header = ["head", "system", *splits, "macro F1", "micro F1", "ours above it (macro)"]
    lines = [f"| {' | '.join(header)} |", f"|---|---|{'---:|' * (len(header) - 2)}"]
    for task, compared in metrics.items():
        for system, mean in compared["mean"]["systems"].items():
            own = [compared["outlets"][split]["systems"][system]["f1_macro"] for split in splits]
            above = compared["mean"]["difference"].get(system)
            cells = [
                task, system,
                *("-" if value is None else f"{value:.3f}" for value in own),
                _interval(mean, "f1_macro"), _interval(mean, "f1_micro"),
                _interval(above, "f1_macro") if above else "",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(measured: Mapping[str, Any], name: str) -> str:
    value, low, high = (measured[f"{name}{suffix}"] for suffix in ("", "_low", "_high"))
    return f"**{value:.3f}** ({low:.3f} to {high:.3f})"


def params_table(settings: Settings) -> str:
    """Every setting with its value and a sentence, as a Markdown table."""
    rows = [f"| `{name}` | `{value}` | {meaning} |" for name, value, meaning in describe(settings)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def account_table(account: Mapping[str, Any]) -> str:
    """Rows by source as a Markdown table: read = kept + refused."""
    lines = ["| source | read | kept | groups | refused |", "|---|---:|---:|---:|---|"]
    for source, counts in (*account["sources"].items(), ("**all**", account)):
        refused = ", ".join(f"{reason} {n:,}" for reason, n in counts["refused"].items()) or "none"
        lines.append(
            f"| {source} | {counts['read']:,} | {counts['kept']:,} | {counts['groups']:,} | {refused} |"
        )
    return "\n".join(lines)
