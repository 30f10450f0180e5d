"""Sections of scores: the key figures, outlet by outlet, label by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from newsdesk.evaluation.leave_one_outlet_out import OURS
from newsdesk.evaluation.metrics import FIRST_NAMES
from newsdesk.evaluation.tables import format_interval, format_score
from newsdesk.reporting.blocks import Block, Cell, Figure, KeyFigure, Note, Row, Table, shade
from newsdesk.reporting.charts import Interval, draw_rows, mark_interval
from newsdesk.reporting.run_files import RunContent

Measured = Mapping[str, Any]
OPTIMISTIC = (
    "The articles of the test split come from outlets that the model was trained on. Expect lower scores on "
    "other outlets."
)
LEAST_DRAWN = 0.4  # systems below this macro F1 would stretch the axis until the others fall together
CONTRASTS = {"random": "a fifth, by article", "group": "a fifth, by group", "time": "the latest fifth"}


def show_key_figures(run: RunContent) -> Iterator[Block]:
    """Show macro F1 on outlets left out of training, if measured, and on the test split."""
    outlets, own = run.metrics.get("outlets", {}), run.metrics.get("evaluate", {})
    for task, compared in outlets.items():
        mean = compared["mean"]
        ours, best = mean["systems"][OURS], mean["best_baseline"]
        difference = format_interval(mean["difference"][best], "f1_macro", sign=True)
        n_articles = sum(outlet["n_articles"] for outlet in compared["outlets"].values())
        error, before = (format_score(ours[name]) for name in ("ece", "ece_before"))
        yield _key_figure(
            f"{task}: outlets left out of training",
            ours,
            f"macro F1 {difference} to the next system, {best}",
            f"first label is the reader's main one {format_interval(ours, 'main_label')}",
            f"calibration error {error}, {before} before calibration",
            f"mean of {len(compared['outlets'])} outlets, {n_articles:,} articles",
        )
    for task, measured in own.items():
        yield _key_figure(
            f"{task}: test split of this run",
            measured,
            f"all labels of an article right {format_interval(measured, 'exact_match')}",
            f"first label is the reader's main one {format_interval(measured, 'main_label')}",
            f"{measured['n_articles']:,} articles in {measured['n_groups']:,} groups",
            primary=not outlets,
        )
    if own:
        yield Note(OPTIMISTIC, warning=True)


def _key_figure(title: str, measured: Measured, *details: str, primary: bool = True) -> KeyFigure:
    value, low, high = (format_score(measured[f"f1_macro{suffix}"]) for suffix in ("", "_low", "_high"))
    micro = f"micro F1 {format_interval(measured, 'f1_micro')}"
    return KeyFigure(title, value, f"macro F1, {low} to {high}", [micro, *details], primary)


def show_outlets(run: RunContent) -> Iterator[Block]:
    """Compare all systems on each outlet left out, and on splits that are easier."""
    for task, found in run.metrics.get("outlets", {}).items():
        compared = found | {"outlets": {run.name(outlet): of for outlet, of in found["outlets"].items()}}
        yield from _draw_outlets(task, compared)
        yield _table_of_systems(task, compared)
        yield _table_of_differences(task, compared)
        yield _table_of_contrasts(task, compared)


def _draw_outlets(task: str, compared: Measured) -> Iterator[Figure]:
    splits = {**compared["outlets"], "mean": compared["mean"]}
    means = compared["mean"]["systems"]
    drawn = [system for system in means if means[system]["f1_macro"] >= LEAST_DRAWN]
    rest = ", ".join(system for system in means if system not in drawn)
    for measure, name in (("f1_macro", "macro"), ("f1_micro", "micro")):
        rows = []
        for split, found in splits.items():
            marks = [
                mark_interval(found["systems"][system], measure, title=f"{system}, {split}", series=i)
                for i, system in enumerate(drawn)
                if system in found["systems"]  # a peer may have no labels of an outlet
            ]
            rows.append((split, marks))
        caption = f"{task}: {name} F1 by outlet, with 95 % intervals."
        if rest:
            caption += f" In the table only, because far below: {rest}."
        svg = draw_rows(rows, label=caption, x_label=f"{name} F1", names=drawn)
        yield Figure(f"outlets_{name}_{task}", caption, svg)


def _table_of_systems(task: str, compared: Measured) -> Table:
    outlets = compared["outlets"]
    best = {
        outlet: max((system["f1_macro"] or 0.0) for system in found["systems"].values())
        for outlet, found in outlets.items()
    }
    rows: list[Row] = []
    for system, mean in compared["mean"]["systems"].items():
        by_outlet = {
            outlet: found["systems"].get(system, {}).get("f1_macro") for outlet, found in outlets.items()
        }
        rows.append(
            [
                Cell(system, bold=system == OURS),
                *(Cell(format_score(f1), bold=f1 == best[outlet]) for outlet, f1 in by_outlet.items()),
                Cell(format_interval(mean, "f1_macro"), bold=system == OURS),
                format_interval(mean, "f1_micro"),
                *(format_interval(mean, name) for name in FIRST_NAMES),
                *(format_score(mean.get(name)) for name in ("ece", "brier")),
            ]
        )
    header = [
        "system", *outlets, "mean, macro F1", "mean, micro F1", "main label", "first label",
        "calibration error", "Brier score",
    ]  # fmt: skip
    return Table(f"{task}: macro F1 by system and outlet", header, rows)


def _table_of_contrasts(task: str, compared: Measured) -> Table:
    # peers are measured on outlets left out only
    systems = dict.fromkeys(system for found in compared["contrast"].values() for system in found["systems"])
    rows = [
        [
            CONTRASTS.get(kind, kind),
            f"{found['n_articles']:,}",
            *(format_interval(found["systems"][system], "f1_macro") for system in systems),
        ]
        for kind, found in compared["contrast"].items()
    ]
    caption = f"{task}: macro F1 where the outlets of the test articles are in training too"
    return Table(caption, ["test articles", "articles", *systems], rows)


def _table_of_differences(task: str, compared: Measured) -> Table:
    splits = {**compared["outlets"], "mean": compared["mean"]}
    rows = [
        [
            system,
            *(difference_cell(found["difference"].get(system, {}), "f1_macro") for found in splits.values()),
            difference_cell(compared["mean"]["difference"][system], "f1_micro"),
        ]
        for system in compared["mean"]["difference"]
    ]
    header = ["system", *compared["outlets"], "mean, macro F1", "mean, micro F1"]
    return Table(f"{task}: {OURS} minus each other system, macro F1, paired", header, rows)


def difference_cell(measured: Measured, name: str) -> Cell:
    """Make the cell of a difference, in bold if its interval excludes zero."""
    low, high = measured.get(f"{name}_low"), measured.get(f"{name}_high")
    excludes_zero = low is not None and high is not None and (low > 0 or high < 0)
    return Cell(format_interval(measured, name, sign=True), bold=excludes_zero)


def show_labels(run: RunContent) -> Iterator[Block]:
    """Show precision, recall and F1 of each label, on the test split and on outlets left out."""
    measured = {
        task: {run.name(label): of_label for label, of_label in by_label.items()}
        for task, by_label in run.metrics.get("labels", {}).items()
    }
    for task, by_label in measured.items():
        bars = [
            (label, [Interval(of["f1"], title=f"{of['f1']:.2f}, n={of['support']}")])
            for label, of in by_label.items()
        ]
        caption = f"{task}: F1 by label on the test split; n articles have the label."
        yield Figure(f"labels_{task}", caption, draw_rows(bars, label=caption, x_label="F1", bars=True))
    for task, by_label in measured.items():
        rows: list[Row] = [
            [
                label,
                *(_shaded(of_label[name]) for name in ("precision", "recall", "f1")),
                f"{of_label['support']:,}",
            ]
            for label, of_label in by_label.items()
        ]
        header = ["label", "precision", "recall", "F1", "support"]
        yield Table(f"{task}: labels on the test split", header, rows)
    for task, by_system in run.metrics.get("outlets_labels", {}).items():
        yield _table_by_outlet(task, by_system[OURS], run)


def _table_by_outlet(task: str, by_split: Mapping[str, Mapping[str, Measured]], run: RunContent) -> Table:
    splits = [split for split in by_split if split != "all"]
    rows: list[Row] = []
    for label, of_all in by_split["all"].items():
        own = [by_split[split][label] for split in splits]
        rows.append(
            [
                run.name(label),
                *(_shaded(of["f1"], f" ({of['support']})") if of["support"] else "-" for of in own),
                _shaded(of_all["f1"], bold=True),
                f"{of_all['support']:,}",
                format_score(of_all.get("coverage")),
            ]
        )
    caption = (
        f"{task}: F1 by label and outlet left out, with the number of articles that have the label; "
        "coverage is the recall at a precision of 0.95"
    )
    return Table(caption, ["label", *map(run.name, splits), "all", "support", "coverage"], rows)


def _shaded(value: float, rest: str = "", *, bold: bool = False) -> Cell:
    return Cell(f"{format_score(value)}{rest}", shade(value, low=0.4), bold)
