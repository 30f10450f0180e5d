"""Tables of results, in Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, align: str) -> str:
    """Format rows as a Markdown table; `align` has an `l` or `r` for each column.

    Examples
    --------
    >>> print(markdown_table(["label", "F1"], [["us", "0.812"]], align="lr"))
    | label | F1 |
    |---|---:|
    | us | 0.812 |
    """
    rule = "|".join("---:" if side == "r" else "---" for side in align)
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def metrics_table(metrics: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """Format the metrics of both heads in Markdown: totals with their intervals, then each label."""
    rows = []
    for task, head in metrics.items():
        for name in ("f1_macro", "f1_micro"):
            interval = format_interval(head, name, bold=True)
            rows.append([task, f"**{name}**", "", "", interval, str(head["n_articles"])])
        for label, of_label in labels[task].items():
            values = [f"{of_label[name]:.3f}" for name in ("precision", "recall", "f1")]
            rows.append([task, label, *values, str(of_label["support"])])
    return markdown_table(["head", "label", "precision", "recall", "F1", "support"], rows, align="llrrrr")


def comparison_rows(
    task: str, splits: Mapping[str, Any], mean: Mapping[str, Any], *, bold: bool = False
) -> list[dict[str, str]]:
    """Format a row for each system: macro F1 by split, the means, and our difference to the system."""
    rows = []
    for system, of_system in mean["systems"].items():
        by_split = {split: found["systems"][system]["f1_macro"] for split, found in splits.items()}
        difference = mean["difference"].get(system, {})
        rows.append(
            {"head": task, "system": system}
            | {split: "-" if value is None else f"{value:.3f}" for split, value in by_split.items()}
            | {
                "macro F1": format_interval(of_system, "f1_macro", bold=bold),
                "micro F1": format_interval(of_system, "f1_micro", bold=bold),
                "difference (macro F1)": format_interval(difference, "f1_macro", bold=bold)
                if difference
                else "",
            }
        )
    return rows


def outlets_table(metrics: Mapping[str, Any]) -> str:
    """Format the headline comparison in Markdown: macro F1 of each outlet left out, then the means."""
    rows = [
        row
        for task, compared in metrics.items()
        for row in comparison_rows(task, compared["outlets"], compared["mean"], bold=True)
    ]
    return markdown_table(
        [*rows[0]], [[*row.values()] for row in rows], align="ll" + "r" * (len(rows[0]) - 2)
    )


def account_table(account: Mapping[str, Any]) -> str:
    """Format rows by source in Markdown: read = kept + refused."""
    rows = []
    for source, counts in (*account["sources"].items(), ("**all**", account)):
        refused = ", ".join(f"{reason} {n:,}" for reason, n in counts["refused"].items()) or "none"
        rows.append([source, *(f"{counts[name]:,}" for name in ("read", "kept", "groups")), refused])
    return markdown_table(["source", "read", "kept", "groups", "refused"], rows, align="lrrrl")
