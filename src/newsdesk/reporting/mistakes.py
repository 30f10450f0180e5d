"""Wrong labels, and the words of the article that contributed to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from newsdesk.inference.explain import Contribution, explanations
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.blocks import Block, MarkedSpan, MarkedText, Mistake, Mistakes, Note
from newsdesk.reporting.predictions import HeadPredictions
from newsdesk.reporting.run_files import RunContent

EXCERPT = 900  # characters of a text that are shown
N_TERMS = 8
MAX_MISTAKES = 600  # more would make the page slow on a phone
LEAST = 0.4  # a word is marked from this share of the largest contribution on
WORD = re.compile(r"[\w\u0610-\u061a\u064b-\u065f\u0670\u0640]+")


def show_mistakes(run: RunContent) -> Iterator[Block]:
    """List the wrong labels of the test articles, with the words that contributed to them."""
    if not run.predictions:
        return
    heads = run.scorer.heads if run.scorer else ()
    thresholds = {head.task: dict(zip(head.labels, head.thresholds, strict=True)) for head in heads}
    mistakes = list_mistakes(run.predictions, thresholds)
    shown = explain_mistakes(mistakes[:MAX_MISTAKES], run.texts, run.scorer)
    if n_without := sum(mistake.text is None for mistake in shown):
        yield Note(f"{n_without:,} of {len(shown):,} errors are shown without their text.")
    yield Mistakes([_with_names(mistake, run) for mistake in shown], len(mistakes) - len(shown))


def _with_names(mistake: Mistake, run: RunContent) -> Mistake:
    return replace(
        mistake,
        label=run.name(mistake.label),
        outlet=run.name(mistake.outlet),
        true_labels=[run.name(label) for label in mistake.true_labels],
        predicted_labels=[run.name(label) for label in mistake.predicted_labels],
    )


def list_mistakes(
    predictions: Mapping[str, HeadPredictions], thresholds: Mapping[str, Mapping[str, float]]
) -> list[Mistake]:
    """List every wrong label, the most confident first; predictions and thresholds are by task."""
    found = []
    for task, head in predictions.items():
        y_true = head.y_true
        for i, j in np.argwhere(y_true != head.y_pred).tolist():
            label, probability = head.labels[j], float(head.scores[i, j])
            mistake = Mistake(
                head.article_ids[i], task, label, head.outlets[i],
                "missed" if y_true[i, j] else "spurious", probability,
                thresholds.get(task, {}).get(label), head.true_labels[i], head.predicted_labels[i],
            )  # fmt: skip
            probability_of_truth = probability if y_true[i, j] else 1 - probability
            found.append((probability_of_truth, mistake.article_id, task, label, mistake))
    return [mistake for *_, mistake in sorted(found, key=lambda row: row[:4])]


def tabulate_mistakes(run: RunContent) -> list[dict[str, Any]]:
    """Tabulate the wrong labels of the test articles, without texts, the most confident first."""
    return [
        {
            "head": mistake.task,
            "label": mistake.label,
            "error": mistake.kind,
            "outlet": mistake.outlet,
            "article_id": mistake.article_id,
            "probability": round(mistake.probability, 4),
            "true": ", ".join(mistake.true_labels),
            "predicted": ", ".join(mistake.predicted_labels),
        }
        for mistake in list_mistakes(run.predictions, {})
    ]


def explain_mistakes(
    mistakes: Sequence[Mistake], texts: Mapping[str, tuple[str, str]], scorer: Scorer | None
) -> list[Mistake]:
    """Add title and text to mistakes, with the words that contributed to the label if there is a scorer."""
    known = {label for head in scorer.heads for label in head.labels} if scorer else set()
    explained = list(mistakes)
    by_article: defaultdict[str, list[int]] = defaultdict(list)
    for i, mistake in enumerate(mistakes):
        by_article[mistake.article_id].append(i)
    for article_id in by_article.keys() & texts.keys():
        title, text = texts[article_id]
        rows = by_article[article_id]
        labels = sorted({mistakes[i].label for i in rows} & known)
        found = explanations(scorer, title, text, labels=labels) if scorer else ()
        contributions = {(each.task, each.label): each.contributions for each in found}
        for i in rows:
            own = contributions.get((mistakes[i].task, mistakes[i].label), ())
            explained[i] = _add_texts(mistakes[i], title, text, own)
    return explained


def _add_texts(mistake: Mistake, title: str, text: str, contributions: Sequence[Contribution]) -> Mistake:
    of_title, of_text = (
        sum_by_word(whole, [each for each in contributions if each.part == part])
        for part, whole in (("title", title), ("text", text))
    )
    terms: dict[str, float] = defaultdict(float)
    for whole, spans in ((title, of_title), (text, of_text)):
        for span in spans:
            terms[whole[span.start : span.stop]] += span.value
    least = LEAST * max((abs(span.value) for span in (*of_title, *of_text)), default=0.0)
    excerpt = text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(None, 1)[0]
    shown = [span for span in of_text if abs(span.value) >= least and span.stop <= len(excerpt)]
    return replace(
        mistake,
        title=MarkedText(title, [span for span in of_title if abs(span.value) >= least]),
        text=MarkedText(excerpt, shown),
        n_characters_left_out=len(text) - len(excerpt),
        terms=sorted(terms.items(), key=lambda item: (-abs(item[1]), item[0]))[:N_TERMS],
    )


def sum_by_word(text: str, contributions: Iterable[Contribution]) -> list[MarkedSpan]:
    """Sum contributions by word; each is divided evenly among the characters that it spans."""
    by_character = np.zeros(len(text))
    for found in contributions:
        if found.start is not None and found.end is not None and found.end > found.start:
            by_character[found.start : found.end] += found.value / (found.end - found.start)
    sums = np.concatenate([[0.0], np.cumsum(by_character)])
    return [
        MarkedSpan(start, stop, round(value, 4))
        for start, stop in (match.span() for match in WORD.finditer(text))
        if abs(value := float(sums[stop] - sums[start])) > 1e-4
    ]
