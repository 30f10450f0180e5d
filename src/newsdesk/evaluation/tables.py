"""Tables of results, in Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TOTALS = ("f1_macro", "f1_micro", "main_label", "first_label")  # shown of a head


def format_score(value: float | None, *, sign: bool = False) -> str:
    """Format a number with three digits, with the sign of a difference if wanted; `-` for None."""
    return "-" if value is None else f"{value:{'+' if sign else ''}.3f}"


def format_interval(measured: Mapping[str, Any], name: str, *, sign: bool = False, bold: bool = False) -> str:
    """Format a value, in bold for Markdown if wanted, and its interval, such as `0.812 (0.790 to 0.833)`."""
    value, low, high = (measured.get(f"{name}{suffix}") for suffix in ("", "_low", "_high"))
    shown, start, end = (format_score(each, sign=sign) for each in (value, low, high))
    if value is None:
        return shown
    marked = f"**{shown}**" if bold else shown
    return marked if low is None else f"{marked} ({start} to {end})"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, align: str) -> str:
    """Format rows as a Markdown table; `align` has an `l` or `r` for each column."""
    rule = "|".join("---:" if side == "r" else "---" for side in align)
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def metrics_table(metrics: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """Format the metrics of both heads in Markdown: totals with their intervals, then each label.

    `main_label` and `first_label`, which are shares of articles, stand in the column of F1.
    """
    rows = []
    for task, head in metrics.items():
        for name in TOTALS:
            if name in head:  # metrics of earlier versions have fewer
                interval = format_interval(head, name, bold=True)
                rows.append([task, f"**{name}**", "", "", interval, str(head["n_articles"])])
        for label, of_label in labels[task].items():
            values = [format_score(of_label[name]) for name in ("precision", "recall", "f1")]
            rows.append([task, label, *values, str(of_label["support"])])
    return markdown_table(["head", "label", "precision", "recall", "F1", "support"], rows, align="llrrrr")


def comparison_rows(
    task: str, splits: Mapping[str, Any], mean: Mapping[str, Any], *, bold: bool = False
) -> list[dict[str, str]]:
    """Format a row for each system: macro F1 by split, the means, and our difference to the system.

    The row of a system that is not in all splits names their number.
    """
    rows = []
    for system, of_system in mean["systems"].items():
        difference = mean["difference"].get(system)
        by_split = {split: found["systems"].get(system, {}) for split, found in splits.items()}
        n_splits = sum(map(bool, by_split.values()))
        rows.append(
            {"head": task, "system": system if n_splits == len(splits) else f"{system} ({n_splits} outlets)"}
            | {split: format_score(found.get("f1_macro")) for split, found in by_split.items()}
            | {
                "macro F1": format_interval(of_system, "f1_macro", bold=bold),
                "micro F1": format_interval(of_system, "f1_micro", bold=bold),
                "main label": format_score(of_system.get("main_label")),
                "first label": format_score(of_system.get("first_label")),
                "ECE": format_score(of_system.get("ece")),
                "difference (macro F1)": format_interval(difference, "f1_macro", bold=bold)
                if difference
                else "",
            }
        )
    return rows


def choice_rows(task: str, splits: Mapping[str, Any]) -> list[dict[str, str]]:
    """Format a row for each outlet whose settings were chosen: the chosen ones, and the inner F1."""
    rows = []
    for split, found in splits.items():
        if choice := found.get("settings"):
            shown = ", ".join(f"{name} {value}" for name, value in choice["chosen"].items())
            best = max(candidate["f1"] for candidate in choice["candidates"])
            rows.append(
                {
                    "head": task, "outlet": split, "chosen settings": shown, "inner F1": format_score(best),
                    "of the fixed settings": format_score(choice["candidates"][0]["f1"]),
                }
            )  # fmt: skip
    return rows


def outlets_table(metrics: Mapping[str, Any]) -> str:
    """Format the headline comparison in Markdown: macro F1 of each outlet left out, then the means.

    If settings were chosen within the training outlets, a second table lists them.
    """
    rows = [
        row
        for task, compared in metrics.items()
        for row in comparison_rows(task, compared["outlets"], compared["mean"], bold=True)
    ]
    chosen = [row for task, compared in metrics.items() for row in choice_rows(task, compared["outlets"])]
    tables = [(rows, "ll" + "r" * (len(rows[0]) - 2)), (chosen, "lllrr")]
    return "\n\n".join(
        markdown_table([*rows[0]], [[*row.values()] for row in rows], align=align)
        for rows, align in tables
        if rows
    )


def unnamed_rows(task: str, unnamed: Mapping[str, Any], *, bold: bool = False) -> list[dict[str, str]]:
    """Format a row for each outlet: micro F1 of its articles that name no place, without and with home."""
    return [
        {"head": task, "outlet": outlet, "articles without a place": f"{found['n_articles']:,}"}
        | {system: format_interval(of, "f1_micro", bold=bold) for system, of in found["systems"].items()}
        | {"difference (micro F1)": format_interval(found["difference"], "f1_micro", bold=bold)}
        for outlet, found in unnamed.items()
    ]


def unnamed_table(metrics: Mapping[str, Any]) -> str:
    """Format `unnamed_rows` in Markdown; empty if no outlet with a home has such articles."""
    found = ((task, compared.get("unnamed", {})) for task, compared in metrics.items())
    rows = [row for task, unnamed in found for row in unnamed_rows(task, unnamed, bold=True)]
    return markdown_table([*rows[0]], [[*row.values()] for row in rows], align="llrrrr") if rows else ""


def summarize(account: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Format one line for the rows read and one for the macro F1 of each head."""
    refused = ", ".join(f"{reason} {n:,}" for reason, n in account["refused"].items())
    n_refused = f"{sum(account['refused'].values()):,} refused" + (f" ({refused})" if refused else "")
    heads = [
        f"{task}: macro F1 {format_interval(head, 'f1_macro')} on {head['n_articles']:,} test articles"
        for task, head in metrics.items()
    ]
    return "\n".join([f"rows: {account['read']:,} read, {account['kept']:,} kept, {n_refused}", *heads])


def account_table(account: Mapping[str, Any]) -> str:
    """Format rows by source in Markdown: read = kept + refused."""
    rows = []
    for source, counts in (*account["sources"].items(), ("**all**", account)):
        refused = ", ".join(f"{reason} {n:,}" for reason, n in counts["refused"].items()) or "none"
        rows.append([source, *(f"{counts[name]:,}" for name in ("read", "kept", "groups")), refused])
    return markdown_table(["source", "read", "kept", "groups", "refused"], rows, align="lrrrl")
