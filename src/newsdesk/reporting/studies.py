"""Sections of what was tried: ablations and audits, measured on inner validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsdesk.base.schema import TASKS
from newsdesk.reporting.blocks import (
    Block,
    Cell,
    Figure,
    Section,
    Table,
    cells,
    missing,
    shade,
    show,
    show_interval,
)
from newsdesk.reporting.charts import Curve, Interval, draw_bars, draw_curves, draw_intervals
from newsdesk.reporting.findings import Findings, Rows

SHOWN = 15
ABLATIONS = {
    "audit_sources": ("Sources of labels", "newsdesk sources"),
    "audit_normalization": (
        "Normalization, one switch at a time set to its other value",
        "newsdesk audit normalization",
    ),
}


def ablations(findings: Findings) -> Section:
    """What each choice is worth: sources of labels, normalization, articles to learn from, classifier."""
    blocks: list[Block] = []
    for stem, (title, command) in ABLATIONS.items():
        blocks += _tell_variants(stem, title, findings) or [_missing_plots(stem, command)]
    curves = {task: rows for task in TASKS if (rows := findings.plots.get(f"audit_curve_{task}"))}
    blocks += _tell_learning(curves) if curves else [_missing_plots("audit_curve", "newsdesk audit curve")]
    searched = {task: rows for task in TASKS if (rows := findings.plots.get(f"search_{task}"))}
    blocks += [_tell_search(task, rows) for task, rows in searched.items()] or [
        _missing_plots("search", "newsdesk search")
    ]
    intro = (
        "What each choice is worth, on training and validation articles of outlets left out in turn; the "
        "test split took no part. A change is to the settings as they are, paired: in bold where its "
        "interval holds no zero, elsewhere none was seen."
    )
    return Section("ablations", "Ablations", intro, blocks)


def audits(findings: Findings) -> Section:
    """Labels in doubt, shortcuts, and which labels are taken for which."""
    blocks: list[Block] = []
    blocks += _tell_variants("audit_shortcuts", "Without what may be a shortcut", findings) or [
        _missing_plots("audit_shortcuts", "newsdesk audit shortcuts")
    ]
    doubted = [
        _tell_doubts(task, rows) for task in TASKS if (rows := findings.plots.get(f"audit_labels_{task}"))
    ]
    blocks += doubted or [_missing_plots("audit_labels", "newsdesk audit labels")]
    pairs = [
        _tell_pairs(task, rows) for task in TASKS if (rows := findings.plots.get(f"audit_errors_{task}"))
    ]
    blocks += pairs or [_missing_plots("audit_errors", "newsdesk audit errors")]
    intro = "What the labels and the model were asked, each outlet by a model that did not read it."
    return Section("audits", "Audits", intro, blocks)


def _missing_plots(stem: str, command: str) -> Block:
    return missing(f"plots/{stem}_*.csv are missing: `{command}` makes them.")


def _tell_variants(stem: str, title: str, findings: Findings) -> list[Block]:
    """The changes of both heads as plots, then their figures as tables; nothing if there are none."""
    found = {task: rows for task in TASKS if (rows := findings.plots.get(f"{stem}_{task}"))}
    name = stem.removeprefix("audit_")
    drawn = [_draw_variants(f"{name}_{task}", f"{title}, {task}", rows) for task, rows in found.items()]
    return [*drawn, *(_tabulate_variants(f"{title}, {task}", rows) for task, rows in found.items())]


def _draw_variants(name: str, title: str, rows: Rows) -> Figure:
    ends = [f"f1_{measure}_change_{end}" for measure in ("macro", "micro") for end in ("low", "high")]
    changed = [row for row in rows if any(row[end] for end in ends)]
    same = [str(row["variant"]) for row in rows[1:] if row not in changed]
    marks = [(str(row["variant"]), [_mark(row, "f1_macro", 0), _mark(row, "f1_micro", 1)]) for row in changed]
    label = f"{title}: change of F1"
    rest = f" No change at all: {', '.join(same)}." if same else ""
    svg = draw_intervals(marks, label=label, x_label="change of F1", names=["macro", "micro"], zero=True)
    return Figure(name, f"{label}.{rest}", svg)


def _mark(row: Mapping[str, Any], name: str, series: int) -> Interval:
    value, low, high = (row[f"{name}_change{suffix}"] for suffix in ("", "_low", "_high"))
    return Interval(value, low, high, series, show_interval(row, f"{name}_change", sign=True))


def _tabulate_variants(title: str, rows: Rows) -> Table:
    timed = "seconds_ratio" in rows[0]
    header = [
        "variant",
        "articles",
        "terms",
        "macro F1",
        "change",
        "micro F1",
        "change",
        *(["time"] if timed else []),
    ]
    return Table(
        title,
        header,
        [
            [
                Cell(str(row["variant"]), strong=row is rows[0]),
                *cells([f"{row['n_train']:,.0f}", f"{row['n_terms']:,.0f}"]),
                Cell(show(row["f1_macro"])),
                _change(row, "f1_macro_change"),
                Cell(show(row["f1_micro"])),
                _change(row, "f1_micro_change"),
                *([Cell(f"{row['seconds_ratio']:.2f}\u00d7")] if timed else []),
            ]
            for row in rows
        ],
    )


def _change(row: Mapping[str, Any], name: str) -> Cell:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if not low and not high:
        return Cell("-")
    return Cell(show_interval(row, name, sign=True), strong=low > 0 or high < 0)


def _tell_learning(curves: Mapping[str, Rows]) -> list[Block]:
    drawn = [
        Curve(
            f"{task}, macro F1",
            [(row["n_train"], row["f1_macro"]) for row in rows],
            i,
            [(row["n_train"], row["f1_macro_low"], row["f1_macro_high"]) for row in rows],
            marks=True,
        )
        for i, (task, rows) in enumerate(curves.items())
    ]
    most = max(row["n_train"] for rows in curves.values() for row in rows)
    least = min(row["f1_macro_low"] for rows in curves.values() for row in rows)
    svg = draw_curves(
        drawn,
        label="macro F1 by number of training articles",
        x_label="articles to learn from",
        y_label="macro F1",
        x_limits=(0.0, most),
        y_limits=(int(least * 20) / 20, 1.0),
    )
    caption = "Learning curve: macro F1 by articles to learn from, with 95 % intervals."
    return [Figure("learning_curve", caption, svg)]


def _tell_search(task: str, rows: Rows) -> Table:
    best = sorted(rows, key=lambda row: -row["score"])[:SHOWN]
    settings = [
        n for n in rows[0] if n in ("classifier", "C", "balanced", "place_weight") or n.startswith("weight.")
    ]
    return Table(
        f"{task}: the best {len(best)} of {len(rows)} settings searched, by the mean of macro and micro F1",
        ["trial", *settings, "score", "macro F1", "gap to the best", "what it is"],
        [
            [
                Cell(f"{row['trial']:.0f}"),
                *cells([_setting(row[name]) for name in settings]),
                Cell(show(row["score"]), strong=True),
                Cell(show_interval(row, "f1_macro")),
                Cell(f"{show(row['gap_to_best'])} \u00b1 {show(row['standard_error'])}"),
                Cell(", ".join(name for name in ("best", "today", "chosen") if row[name])),
            ]
            for row in best
        ],
    )


def _setting(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _tell_doubts(task: str, rows: Rows) -> Table:
    def share(row: Mapping[str, Any], name: str) -> Cell:
        n, of = row[f"{name}_doubted"], row[name]
        return Cell(
            f"{n:,.0f} of {of:,.0f} ({n / of:.1%})" if of else "-", shade(n / of if of else 0, high=0.4)
        )

    caption = f"{task}: labels contradicted by a model that never read the outlet: its error, or the label's"
    return Table(
        caption,
        ["origin", "label", "given, doubted", "not given, doubted"],
        [
            [
                *cells([str(row["origin"]), str(row["label"])]),
                share(row, "n_given"),
                share(row, "n_not_given"),
            ]
            for row in rows
        ],
    )


def _tell_pairs(task: str, rows: Rows) -> Figure:
    most = [(f"{r['missed']} \u2192 {r['spurious']}", float(r["n"]), f"{r['n']:,.0f}") for r in rows[:SHOWN]]
    rest = f" {len(rows) - SHOWN} rarer pairs are left out." if len(rows) > SHOWN else ""
    svg = draw_bars(
        most, label=f"{task}: label missed, label said", x_label="articles", high=max(n for _, n, _ in most)
    )
    return Figure(f"errors_{task}", f"{task}: label missed \u2192 label said in its place.{rest}", svg)
