"""The model card: what a run recorded, as Markdown, with no figure that is not the run's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from newsdesk.base.schema import TASKS
from newsdesk.evaluation.metrics import brier_score, calibration_error, draw_f1, summarize_draws
from newsdesk.evaluation.tables import outlets_table
from newsdesk.training.targets import indicator

Rows = Sequence[Mapping[str, Any]]
N_WORST, N_CONFUSED = 3, 5
NOT_STATED = "not stated"
PURPOSE = (
    "Files Arabic news articles by the regions and the topics that they are about, for newsrooms, archives"
    " and nightly jobs. In: title and text. Out: labels with probabilities, or a reason why nothing is said."
    " Not meant for deciding anything about a person, for other languages, or for posts of social media."
)
LIMITS = """\
- Words, places and people that training never met are unknown to the model.
- A random test split flatters: on an outlet that was never read expect less, for topics most of all.
- Labels with few test articles have wide intervals; their figures say little.
- Articles were sampled so as to hold many rare labels: shares are not those of a news day."""
GOLD = (
    "The labels of the starter corpus were written together with its invented texts. All other gold labels"
    " come from a large language model that read title and lead under written guidelines. No person has"
    " checked them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a card tells of.

    Attributes
    ----------
    identity : mapping of str to str
        What the model is known by: run, hashes, commit.
    metrics, labels, account, spans : mapping
        `metrics/evaluate.json`, `metrics/labels.json`, `metrics/clean.json` and `evaluation/sources.json`.
    described : mapping
        `model.json` of the packaged model.
    rows : sequence of mapping
        The frozen test with what the model said.
    sources : mapping of str to mapping
        `outlet`, `texts` and `licence` of each source.
    unseen : mapping, optional
        What `newsdesk outlets` measured with the run's outlets left out in turn.
    """

    identity: Mapping[str, str]
    metrics: Mapping[str, Any]
    labels: Mapping[str, Any]
    account: Mapping[str, Any]
    spans: Mapping[str, Any]
    described: Mapping[str, Any]
    rows: Rows
    sources: Mapping[str, Mapping[str, str]]
    unseen: Mapping[str, Any] | None
    n_bootstrap: int
    seed: int
    min_support: int


def measure_rows(facts: Facts, task: str) -> dict[str, Any]:
    """What the run's own metrics lack: intervals by label and by outlet, calibration, what is confused.

    Returns
    -------
    dict
        `labels`: of each label, `f1` with the interval of a bootstrap over near-duplicate groups. `outlets`:
        of each source, `n_articles` and F1 with intervals, macro over labels with `min_support` articles.
        `brier`, `calibration_error`. `confused`: missed label, label said in its place and number of
        articles, the commonest first. `silent`: number of articles without a label by reason.
    """
    head = next(head for head in facts.described["heads"] if head["task"] == task)
    labels = head["labels"]
    rows = [row for row in facts.rows if row[f"{task}_true"] is not None]
    y_true = indicator([row[f"{task}_true"] for row in rows], labels)
    y_pred = indicator([row[f"{task}_predicted"] for row in rows], labels)
    scores = [dict(row[f"{task}_scores"]) for row in rows]
    y_score = np.array([[of_row.get(label, 0.0) for label in labels] for of_row in scores])
    groups = [row["group_id"] for row in rows]
    drawing = {"n_bootstrap": facts.n_bootstrap, "seed": facts.seed}
    by_label = {}
    for j, label in enumerate(labels):
        true, predicted = y_true[:, j : j + 1], y_pred[:, j : j + 1]
        if not true.any():  # a new label may have no test article: its F1 is not 0 but not known
            by_label[label] = dict.fromkeys(("f1", "f1_low", "f1_high"))
            continue
        # the micro average of one label is its F1; a resample without the label says nothing of it
        f1 = draw_f1(true, predicted, groups=groups, **drawing)[:, 1:]
        held = draw_f1(true, true, groups=groups, **drawing)[:, 1] > 0
        held[0] = True
        by_label[label] = summarize_draws(f1[held], ("f1",))
    by_outlet = {}
    outlets = np.array([row["source"] for row in rows])
    for outlet in sorted(set(outlets.tolist())):
        own = np.flatnonzero(outlets == outlet)
        drawn = draw_f1(
            y_true[own],
            y_pred[own],
            groups=[groups[i] for i in own],
            min_support=facts.min_support,
            **drawing,
        )
        by_outlet[outlet] = {"n_articles": len(own), **summarize_draws(drawn)}
    confused: Counter[tuple[str, str]] = Counter()
    for row in rows:
        carried, given = set(row[f"{task}_true"]), set(row[f"{task}_predicted"])
        wrong = (given - carried) or {"nothing"}
        confused.update((missed, label) for missed in carried - given for label in wrong)
    return {
        "labels": by_label,
        "outlets": by_outlet,
        "brier": brier_score(y_true, y_score),
        "calibration_error": calibration_error(y_true, y_score),
        "confused": sorted(confused.items(), key=lambda pair: (-pair[1], pair[0]))[:N_CONFUSED],
        "silent": Counter(row["reason"] for row in rows if row["reason"]),
    }


def build_card(facts: Facts) -> str:
    """The model card."""
    measured = {task: measure_rows(facts, task) for task in TASKS if task in facts.metrics}
    parts = [
        "# Model card: newsdesk",
        "\n".join(f"- {name}: `{value}`" for name, value in facts.identity.items()),
        "## Purpose",
        PURPOSE,
        "## Taxonomy",
        *_taxonomy(facts.described["taxonomy"]),
        "## Data",
        _data(facts),
        GOLD,
        "## Metrics",
        "On the run's test split: articles of trusted labels whose near-duplicates are in no other split."
        f" Intervals are 95 %, by {facts.n_bootstrap:,} bootstrap resamples of near-duplicate groups, seed"
        f" {facts.seed}.",
        _metrics(facts, measured),
        "### By outlet",
        f"The same articles by source; macro F1 is over labels with at least {facts.min_support} of them.",
        _outlets(measured),
    ]
    if facts.unseen:
        parts += [
            "### On an outlet that was never read",
            "The committed settings, with each outlet left out of training in turn and tested on: figures of"
            " the recipe, not of these weights, and the ones to expect on another newspaper.",
            outlets_table(facts.unseen),
        ]
    parts += [
        "## Calibration",
        "Probabilities of all labels of all test articles; the error in bins of equal mass.",
        _table(
            ("head", "Brier score", "calibration error"),
            [
                (task, _number(told["brier"]), _number(told["calibration_error"]))
                for task, told in measured.items()
            ],
        ),
        "## Known failures",
        *(_failures(task, facts.labels[task], told) for task, told in measured.items()),
        "## Limits",
        LIMITS,
        GOLD,
    ]
    return "\n\n".join(parts) + "\n"


def _taxonomy(taxonomy: Mapping[str, Any]) -> list[str]:
    parts = []
    for task, key in zip(TASKS, ("regions", "topics"), strict=True):
        rows = [(f"`{e['id']}`", e["english"], e.get("description", "")) for e in taxonomy[key]]
        parts.append(_table((task, "name", "what it holds"), rows))
    return parts


def _data(facts: Facts) -> str:
    rows = []
    for source, counts in facts.account["sources"].items():
        known, span = facts.sources.get(source, {}), facts.spans.get(source, {})
        splits = counts.get("splits", {})
        dates = f"`{span['first']}` to `{span['last']}`" if span.get("first") else "undated"
        rows.append(
            (
                f"`{source}`", known.get("outlet", NOT_STATED), known.get("licence", NOT_STATED), dates,
                f"{counts['read']:,}", f"{counts['kept']:,}",
                *(f"{splits.get(split, 0):,}" for split in ("train", "valid", "test")),
            )
        )  # fmt: skip
    header = ("source", "outlet", "licence", "dates", "read", "kept", "train", "valid", "test")
    return _table(header, rows)


def _metrics(facts: Facts, measured: Mapping[str, Any]) -> str:
    rows = []
    for task, told in measured.items():
        head = facts.metrics[task]
        for name in ("f1_macro", "f1_micro", "exact_match"):
            rows.append((task, f"**{name}**", "", "", _interval(head, name), f"{head['n_articles']:,}"))
        for label, of_label in facts.labels[task].items():
            f1 = f"{_number(of_label['f1'])} {_span(told['labels'][label], 'f1')}"
            rows.append(
                (
                    task, label, _number(of_label["precision"]), _number(of_label["recall"]), f1,
                    f"{of_label['support']:,}",
                )
            )  # fmt: skip
    return _table(("head", "label", "precision", "recall", "F1", "support"), rows)


def _outlets(measured: Mapping[str, Any]) -> str:
    rows = [
        (
            task,
            f"`{outlet}`",
            f"{of_outlet['n_articles']:,}",
            *(_interval(of_outlet, name) for name in ("f1_macro", "f1_micro")),
        )
        for task, told in measured.items()
        for outlet, of_outlet in told["outlets"].items()
    ]
    return _table(("head", "outlet", "articles", "macro F1", "micro F1"), rows)


def _failures(task: str, labels: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    held = [(of_label["f1"], label) for label, of_label in labels.items() if of_label["support"]]
    worst = ", ".join(
        f"{label} (F1 {_number(f1)}, {labels[label]['support']:,} articles)"
        for f1, label in sorted(held)[:N_WORST]
    )
    confused = ", ".join(f"{missed} ({said} said, {n:,})" for (missed, said), n in told["confused"])
    silent = ", ".join(f"{reason} {n:,}" for reason, n in sorted(told["silent"].items()))
    lines = [f"- {task}, lowest F1: {worst}."]
    if confused:
        lines.append(f"- {task}, missed most: {confused}.")
    if silent:
        lines.append(f"- {task}, articles without a label of any head: {silent}.")
    return "\n".join(lines)


def _interval(measured: Mapping[str, Any], name: str) -> str:
    return f"{_number(measured[name])} {_span(measured, name)}".strip()


def _span(measured: Mapping[str, Any], name: str) -> str:
    low, high = measured[f"{name}_low"], measured[f"{name}_high"]
    return "" if low is None else f"({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
