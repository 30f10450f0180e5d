"""Tables of results, in Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def format_interval(measured: Mapping[str, Any], name: str, *, sign: bool = False, bold: bool = False) -> str:
    """Format a value and its interval, such as `0.812 (0.790 to 0.833)`.

    Parameters
    ----------
    measured : mapping
        Holds `name`, and the ends of the interval as `{name}_low` and `{name}_high`.
    sign : bool
        Write the sign of a positive number too, as for a difference.
    bold : bool
        Write the value in bold, in Markdown.

    Returns
    -------
    str
        `-` where the value is None; the value alone where the interval is.

    Examples
    --------
    >>> format_interval({"f1": 0.8124, "f1_low": 0.79, "f1_high": 0.833}, "f1")
    '0.812 (0.790 to 0.833)'
    """
    value, low, high = (measured.get(f"{name}{suffix}") for suffix in ("", "_low", "_high"))
    if value is None:
        return "-"
    format_spec = "+.3f" if sign else ".3f"
    shown = f"**{value:{format_spec}}**" if bold else f"{value:{format_spec}}"
    return shown if low is None else f"{shown} ({low:{format_spec}} to {high:{format_spec}})"


def metrics_table(metrics: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """The result of both heads as a Markdown table: totals with their intervals, then each label."""
    lines = ["| head | label | precision | recall | F1 | support |", "|---|---|---:|---:|---:|---:|"]
    for task, head in metrics.items():
        for name in ("f1_macro", "f1_micro"):
            interval = format_interval(head, name, bold=True)
            lines.append(f"| {task} | **{name}** | | | {interval} | {head['n_articles']} |")
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
                format_interval(mean, "f1_macro", bold=True), format_interval(mean, "f1_micro", bold=True),
                format_interval(above, "f1_macro", bold=True) if above else "",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def account_table(account: Mapping[str, Any]) -> str:
    """Rows by source as a Markdown table: read = kept + refused."""
    lines = ["| source | read | kept | groups | refused |", "|---|---:|---:|---:|---|"]
    for source, counts in (*account["sources"].items(), ("**all**", account)):
        refused = ", ".join(f"{reason} {n:,}" for reason, n in counts["refused"].items()) or "none"
        lines.append(
            f"| {source} | {counts['read']:,} | {counts['kept']:,} | {counts['groups']:,} | {refused} |"
        )
    return "\n".join(lines)
