"""Section of the champion: another model on the same articles, paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from newsdesk.evaluation.metrics import draw_f1, summarize_draws
from newsdesk.reporting.blocks import (
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
from newsdesk.reporting.charts import Interval, draw_intervals
from newsdesk.reporting.findings import Findings
from newsdesk.reporting.scored import Scored
from newsdesk.training.targets import BoolArray, indicator

MEASURES = ("f1_macro", "f1_micro")
SAME = "no difference seen"


@dataclass(frozen=True, slots=True)
class Champion:
    """What another model says of a run's articles, by head; its name, the SHA-256 of what was read."""

    name: str
    digest: str
    scored: Mapping[str, Scored]


def champion(findings: Findings, other: Champion | None) -> Section:
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
        blocks.append(Note(f"The champion is {other.name}, SHA-256 {other.digest[:12]}."))
        pairs = {
            task: _pair(own, other.scored[task])
            for task, own in findings.scored.items()
            if task in other.scored
        }
        for task in findings.scored:
            if task not in pairs or not len(pairs[task].y_true):
                blocks.append(missing(f"{task}: the champion was asked of none of these articles."))
        found = {task: pair for task, pair in pairs.items() if len(pair.y_true)}
        options = findings.settings.evaluate.model_dump(include={"n_bootstrap", "seed"})
        blocks += [block for task, pair in found.items() for block in _compare(task, pair, **options)]
        blocks += [_draw_labels(task, pair, **options) for task, pair in found.items()]
    return Section("champion", "Beside the champion", intro, blocks)


@dataclass(frozen=True, slots=True)
class Pair:
    """Truth, what this run says and the champion say, each of shape (n_articles, n_labels)."""

    labels: tuple[str, ...]
    y_true: BoolArray
    ours: BoolArray
    theirs: BoolArray
    groups: list[str]
    n_apart: int


def _pair(own: Scored, other: Scored) -> Pair:
    row_of = {article: i for i, article in enumerate(other.article_ids)}
    common = [i for i, article in enumerate(own.article_ids) if article in row_of]
    labels = tuple(dict.fromkeys((*own.labels, *other.labels)))
    return Pair(
        labels,
        indicator([own.truth[i] for i in common], labels),
        indicator([own.said[i] for i in common], labels),
        indicator([other.said[row_of[own.article_ids[i]]] for i in common], labels),
        [own.groups[i] for i in common],
        len(own.article_ids) - len(common),
    )


def _compare(task: str, pair: Pair, **options: int) -> Iterator[Block]:
    draws = [draw_f1(pair.y_true, said, groups=pair.groups, **options) for said in (pair.ours, pair.theirs)]
    measured, champion_has = summarize_draws(draws[0]), summarize_draws(draws[1])
    difference = summarize_draws(draws[0] - draws[1])
    right, right_there = ((pair.y_true == said).all(axis=1) for said in (pair.ours, pair.theirs))
    verdicts = ", ".join(f"{_named(name)} {_verdict(difference, name)}" for name in MEASURES)
    apart = f" {pair.n_apart:,} were not asked of the champion." if pair.n_apart else ""
    yield Note(
        f"{task}: {verdicts}. Of {len(right):,} articles {(right & ~right_there).sum():,} are right here "
        f"alone, {(right_there & ~right).sum():,} with the champion alone.{apart}"
    )
    yield Table(
        f"{task}: this run and the champion",
        ["measure", "this run", "champion", "difference"],
        [
            [
                *cells([_named(name), show_interval(measured, name), show_interval(champion_has, name)]),
                Cell(show_interval(difference, name, sign=True), strong=_verdict(difference, name) != SAME),
            ]
            for name in MEASURES
        ],
    )


def _named(measure: str) -> str:
    return f"{measure.removeprefix('f1_')} F1"


def _verdict(difference: Mapping[str, float], name: str) -> str:
    if difference[f"{name}_low"] > 0:
        return f"better by {show(difference[name])}"
    if difference[f"{name}_high"] < 0:
        return f"worse by {show(-difference[name])}"
    return SAME


def _draw_labels(task: str, pair: Pair, **options: int) -> Figure:
    rows = []
    for j, label in enumerate(pair.labels):
        if not (support := int(pair.y_true[:, j].sum())):
            continue
        own, other = (
            draw_f1(pair.y_true[:, [j]], said[:, [j]], groups=pair.groups, **options)
            for said in (pair.ours, pair.theirs)
        )
        found = summarize_draws(own - other)
        title = f"{label}: {show_interval(found, 'f1_micro', sign=True)}"
        mark = Interval(found["f1_micro"], found["f1_micro_low"], found["f1_micro_high"], 0, title)
        rows.append((f"{label}, n={support}", [mark]))
    said = f"{task}: change of F1 by label"
    svg = draw_intervals(rows, label=said, x_label="change of F1 to the champion", zero=True)
    return Figure(f"champion_{task}", f"{said}, with paired 95 % intervals.", svg)
