"""Section of the champion: another model on the same articles, paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from newsdesk.heads import indicator
from newsdesk.metrics import draw_f1, measure_labels, summarize_draws
from newsdesk.page.blocks import (
    Block,
    Cell,
    Figure,
    Note,
    Section,
    Table,
    cells,
    missing,
    show,
    show_interval,
)
from newsdesk.page.charts import Interval, draw_intervals
from newsdesk.page.findings import Findings
from newsdesk.page.scored import Scored

MEASURES = ("f1_macro", "f1_micro")


def champion(findings: Findings, other: Mapping[str, Scored] | None) -> Section:
    """How much better or worse this run is than another, on the articles that both were tested on."""
    intro = (
        "Both label the same articles; the bootstrap draws the same groups for both, so that the difference "
        "is paired. Where its interval holds zero neither was seen to be better. A champion that has trained "
        "on these articles is flattered."
    )
    blocks: list[Block] = []
    if other is None:
        blocks.append(
            missing("No champion was given: `newsdesk report --champion MODEL_OR_RUN` compares with one.")
        )
    elif not findings.scored:
        blocks.append(missing("data/predictions.parquet is missing, so there is nothing to compare."))
    else:
        for task, own in findings.scored.items():
            if task in other:
                blocks += _compare(task, own, other[task], findings)
            else:
                blocks.append(missing(f"The champion says nothing of the {task} of these articles."))
    return Section("champion", "Beside the champion", intro, blocks)


def _compare(task: str, own: Scored, other: Scored, findings: Findings) -> Iterator[Block]:
    row_of = {article: i for i, article in enumerate(other.article_ids)}
    common = [i for i, article in enumerate(own.article_ids) if article in row_of]
    if not common:
        yield missing(f"{task}: the champion was tested on none of these articles.")
        return
    labels = tuple(dict.fromkeys((*own.labels, *other.labels)))
    y_true = indicator([own.truth[i] for i in common], labels)
    ours = indicator([own.said[i] for i in common], labels)
    theirs = indicator([other.said[row_of[own.article_ids[i]]] for i in common], labels)
    settings = findings.settings.evaluate
    groups = [own.groups[i] for i in common]
    draws = [
        draw_f1(y_true, said, groups=groups, n_bootstrap=settings.n_bootstrap, seed=settings.seed)
        for said in (ours, theirs)
    ]
    measured, champion_has = summarize_draws(draws[0]), summarize_draws(draws[1])
    difference = summarize_draws(draws[0] - draws[1])
    right, right_there = ((y_true == said).all(axis=1) for said in (ours, theirs))
    verdicts = ", ".join(f"{name.replace('f1_', '')} F1 {_verdict(difference, name)}" for name in MEASURES)
    yield Note(
        f"{task}: {verdicts}. Of {len(common):,} articles in common {(right & ~right_there).sum():,} became right "
        f"and {(right_there & ~right).sum():,} wrong; {len(own.article_ids) - len(common):,} were not asked of it."
    )
    yield Table(
        f"{task}: this run and the champion",
        ["measure", "this run", "champion", "difference"],
        [
            [
                Cell(name.replace("f1_", "") + " F1"),
                *cells([show_interval(measured, name), show_interval(champion_has, name)]),
                Cell(
                    show_interval(difference, name, sign=True),
                    strong="no difference" not in _verdict(difference, name),
                ),
            ]
            for name in MEASURES
        ],
    )
    yield _label_figure(task, labels, y_true, (ours, theirs), groups, findings)


def _verdict(difference: Mapping[str, float], name: str) -> str:
    if difference[f"{name}_low"] > 0:
        return f"better by {show(difference[name])}"
    if difference[f"{name}_high"] < 0:
        return f"worse by {show(-difference[name])}"
    return "no difference seen"


def _label_figure(
    task: str,
    labels: tuple[str, ...],
    y_true: np.ndarray,
    said: tuple[np.ndarray, np.ndarray],
    groups: list[str],
    findings: Findings,
) -> Figure:
    settings = findings.settings.evaluate
    support = measure_labels(y_true, said[0], labels=labels)
    rows = []
    for j, label in enumerate(labels):
        if not support[label]["support"]:
            continue
        own, other = (
            draw_f1(
                y_true[:, [j]],
                of[:, [j]],
                groups=groups,
                n_bootstrap=settings.n_bootstrap,
                seed=settings.seed,
            )
            for of in said
        )
        found = summarize_draws(own - other)
        title = f"{label}: {show_interval(found, 'f1_micro', sign=True)}"
        mark = Interval(found["f1_micro"], found["f1_micro_low"], found["f1_micro_high"], 0, title)
        rows.append((f"{label}, n={support[label]['support']}", [mark]))
    svg = draw_intervals(
        rows, label=f"{task}: change of F1 by label", x_label="change of F1 to the champion", zero=True
    )
    return Figure(f"champion_{task}", f"{task}: change of F1 by label, with paired 95 % intervals.", svg)
