"""Sections of how good the run is: the headline, outlet by outlet, label by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from newsdesk.evaluation.leave_one_outlet_out import OURS
from newsdesk.reporting.blocks import (
    Block,
    Cell,
    Figure,
    Headline,
    Note,
    Section,
    Table,
    cells,
    missing,
    shade,
    show,
    show_interval,
)
from newsdesk.reporting.charts import Interval, draw_bars, draw_intervals
from newsdesk.reporting.findings import Findings

NO_OUTLETS = (
    "metrics/outlets.json is missing: no system was tested on an outlet that it never read. "
    "`newsdesk outlets` makes it; it needs two outlets or more."
)
FLATTERED = (
    "The test split holds articles of the outlets that train, so its figures flatter: expect less on a "
    "newspaper of your own."
)
NEAR = 0.4  # macro F1 of a system that is drawn beside the others
CONTRASTS = {"random": "a fifth, by article", "group": "a fifth, by group", "time": "the latest fifth"}


def headline(findings: Findings) -> Section:
    """The figures to be read first: on outlets never read where that was measured, else on the test split."""
    blocks: list[Block] = []
    outlets, own = findings.measured.get("outlets", {}), findings.measured.get("evaluate", {})
    for task, compared in outlets.items():
        blocks.append(_headline_of_outlets(task, compared))
    for task, measured in own.items():
        blocks.append(
            Headline(
                f"{task}: {'this run, ' if outlets else ''}its own test split",
                show(measured["f1_macro"]),
                _tell_interval(measured),
                [
                    f"micro F1 {show_interval(measured, 'f1_micro')}",
                    f"whole label set right {show_interval(measured, 'exact_match')}",
                    f"{measured['n_articles']:,} articles in {measured['n_groups']:,} groups",
                ],
                first=not outlets,
            )
        )
    if not outlets:
        blocks.append(missing(NO_OUTLETS))
    if not own and not outlets:
        blocks.append(missing("metrics/evaluate.json is missing: run `dvc repro`."))
    if own:
        blocks.append(Note(FLATTERED, "caution"))
    intro = (
        "Macro F1: the mean over labels, rare ones counting as much as common ones. Intervals hold 95 % of "
        "a bootstrap over groups of near-duplicates."
    )
    return Section("headline", "Headline", intro, blocks)


def _headline_of_outlets(task: str, compared: Mapping[str, Any]) -> Headline:
    mean = compared["mean"]
    ours, best = mean["systems"][OURS], mean["best_baseline"]
    details = [
        f"micro F1 {show_interval(ours, 'f1_micro')}",
        f"{show_interval(mean['difference'][best], 'f1_macro', sign=True)} macro F1 to the next, {best}",
    ]
    if "ece" in ours:
        details.append(
            f"calibration error {show(ours['ece'])}, {show(ours['ece_before'])} before calibration"
        )
    n_articles = sum(outlet["n_articles"] for outlet in compared["outlets"].values())
    details.append(f"mean of {len(compared['outlets'])} outlets, {n_articles:,} articles")
    title = f"{task}: an outlet that was never read"
    return Headline(title, show(ours["f1_macro"]), _tell_interval(ours), details)


def _tell_interval(measured: Mapping[str, Any]) -> str:
    return f"macro F1, {show(measured['f1_macro_low'])} to {show(measured['f1_macro_high'])}"


def by_outlet(findings: Findings) -> Section:
    """Every system on each outlet left out, the paired differences, and kinder splits beside them."""
    blocks: list[Block] = []
    for task, compared in findings.measured.get("outlets", {}).items():
        blocks += _tell_outlets(task, compared)
    intro = (
        "Each outlet is left out in turn: all that is learned is learned of the others, then every system "
        "is tested on its articles. Systems get the same bootstrap draws, so that a difference is paired; in "
        "bold where its interval holds no zero."
    )
    return Section("outlets", "Outlet by outlet", intro, blocks or [missing(NO_OUTLETS)])


def _tell_outlets(task: str, compared: Mapping[str, Any]) -> Iterator[Block]:
    splits = {**compared["outlets"], "mean": compared["mean"]}
    systems = [*compared["mean"]["systems"]]
    # a system that says the same of every article would stretch the axis until the others are one
    near = [s for s in systems if compared["mean"]["systems"][s]["f1_macro"] >= NEAR]
    far = [s for s in systems if s not in near]
    for measure in ("f1_macro", "f1_micro"):
        rows = [
            (split, [_mark(found["systems"][s], measure, i, f"{s}, {split}") for i, s in enumerate(near)])
            for split, found in splits.items()
        ]
        shown = measure.replace("f1_", "")
        caption = f"{task}: {shown} F1 by outlet, with 95 % intervals."
        if far:
            caption += f" Far below, and in the table alone: {', '.join(far)}."
        label = f"{task}: {shown} F1 by outlet and system"
        svg = draw_intervals(rows, label=label, x_label=f"{shown} F1", names=near)
        yield Figure(f"outlets_{shown}_{task}", caption, svg)
    yield Table(
        f"{task}: macro F1 by system and outlet",
        [
            "system",
            *compared["outlets"],
            "mean, macro F1",
            "mean, micro F1",
            "calibration error",
            "Brier score",
        ],
        [
            [
                Cell(system, strong=system == OURS),
                *(_best_cell(found["systems"], system) for found in compared["outlets"].values()),
                Cell(show_interval(mean, "f1_macro"), strong=system == OURS),
                *cells([show_interval(mean, "f1_micro"), show(mean.get("ece")), show(mean.get("brier"))]),
            ]
            for system, mean in compared["mean"]["systems"].items()
        ],
    )
    yield Table(
        f"{task}: how much {OURS} is above each other system, macro F1, paired",
        ["system", *compared["outlets"], "mean, macro F1", "mean, micro F1"],
        [
            [
                Cell(system),
                *(_difference(found["difference"][system], "f1_macro") for found in splits.values()),
                _difference(compared["mean"]["difference"][system], "f1_micro"),
            ]
            for system in compared["mean"]["difference"]
        ],
    )
    yield Table(
        f"{task}: macro F1 where a system reads other articles of the outlets that it is tested on",
        ["test articles", "articles", *systems],
        [
            [
                *cells([CONTRASTS.get(kind, kind), f"{found['n_articles']:,}"]),
                *cells([show_interval(found["systems"][system], "f1_macro") for system in systems]),
            ]
            for kind, found in compared["contrast"].items()
        ],
    )


def _mark(measured: Mapping[str, Any], name: str, series: int, title: str) -> Interval:
    value, low, high = (measured[f"{name}{suffix}"] for suffix in ("", "_low", "_high"))
    return Interval(value, low, high, series, f"{title}: {show_interval(measured, name)}")


def _best_cell(systems: Mapping[str, Any], system: str) -> Cell:
    value = systems[system]["f1_macro"]
    best = max((found["f1_macro"] or 0.0) for found in systems.values())
    return Cell(show(value), strong=value == best)


def _difference(measured: Mapping[str, Any], name: str) -> Cell:
    """A difference; in bold where its interval holds no zero."""
    low, high = measured[f"{name}_low"], measured[f"{name}_high"]
    sure = low is not None and (low > 0 or high < 0)
    return Cell(show_interval(measured, name, sign=True), strong=sure)


def by_label(findings: Findings) -> Section:
    """Precision, recall and F1 of each label."""
    blocks: list[Block] = []
    measured = findings.measured.get("labels", {})
    blocks += [_draw_labels(task, by_label) for task, by_label in measured.items()]
    blocks += [_tell_labels(task, by_label) for task, by_label in measured.items()]
    if not blocks:
        blocks.append(missing("metrics/labels.json is missing: run `dvc repro`."))
    for task, told in findings.measured.get("outlets_labels", {}).items():
        blocks.append(_label_by_outlet(task, told[OURS]))
    intro = (
        "Precision, recall and F1 of each label. A label with few articles says little: look at its support."
    )
    return Section("labels", "Label by label", intro, blocks)


def _draw_labels(task: str, by_label: Mapping[str, Mapping[str, Any]]) -> Figure:
    bars = [(label, of["f1"], f"{of['f1']:.2f}, n={of['support']}") for label, of in by_label.items()]
    svg = draw_bars(bars, label=f"{task}: F1 by label", x_label="F1", high=1.0)
    return Figure(f"labels_{task}", f"{task}: F1 by label on the test split, n articles with the label.", svg)


def _tell_labels(task: str, by_label: Mapping[str, Mapping[str, Any]]) -> Table:
    names = ("precision", "recall", "f1")
    rows = [
        [
            Cell(label),
            *(Cell(show(of_label[name]), shade(of_label[name], low=0.4)) for name in names),
            Cell(f"{of_label['support']:,}"),
        ]
        for label, of_label in by_label.items()
    ]
    return Table(f"{task}: labels on the test split", ["label", "precision", "recall", "F1", "support"], rows)


def _label_by_outlet(task: str, told: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    splits = [split for split in told if split != "all"]
    rows = [
        [
            Cell(label),
            *(_with_support(told[split][label]) for split in splits),
            Cell(show(of_all["f1"]), shade(of_all["f1"], low=0.4), strong=True),
            *cells([f"{of_all['support']:,}", show(of_all.get("coverage"))]),
        ]
        for label, of_all in told["all"].items()
    ]
    caption = (
        f"{task}: F1 by label and outlet left out, in parentheses the articles with it; coverage is "
        "the recall that keeps a precision of 0.95"
    )
    return Table(caption, ["label", *splits, "all", "support", "coverage"], rows)


def _with_support(of_label: Mapping[str, Any]) -> Cell:
    if not of_label["support"]:
        return Cell("-")
    return Cell(f"{show(of_label['f1'])} ({of_label['support']})", shade(of_label["f1"], low=0.4))
