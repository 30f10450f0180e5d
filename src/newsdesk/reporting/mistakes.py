"""Wrong labels, and the words of the article that contributed to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from newsdesk.inference.explain import Contribution, explanations
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.blocks import Block, MarkedSpan, MarkedText, Mistake, Mistakes, Note
from newsdesk.reporting.predictions import HeadPredictions
from newsdesk.reporting.run_files import RunContent

EXCERPT = 900  # characters of a text that are shown
N_TERMS = 8
MAX_MISTAKES = 600  # more would make the page slow on a phone
LEAST = 0.04  # a word is marked from this share of the largest contribution on
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
    yield Mistakes(shown, len(mistakes) - len(shown))


def list_mistakes(
    predictions: Mapping[str, HeadPredictions], thresholds: Mapping[str, Mapping[str, float]]
) -> list[Mistake]:
    """List every wrong label, the most confident first; predictions and thresholds are by task."""
    found = []
    for task, head in predictions.items():
        y_true = head.y_true
        for i, j in np.argwhere(y_true != head.y_pred).tolist():
            label = head.labels[j]
            found.append(
                Mistake(
                    head.article_ids[i],
                    task,
                    label,
                    head.outlets[i],
                    "missed" if y_true[i, j] else "spurious",
                    float(head.scores[i, j]),
                    thresholds.get(task, {}).get(label),
                    head.true_labels[i],
                    head.predicted_labels[i],
                )
            )
    return sorted(found, key=lambda m: (_probability_of_truth(m), m.article_id, m.task, m.label))


def _probability_of_truth(mistake: Mistake) -> float:
    return mistake.probability if mistake.kind == "missed" else 1 - mistake.probability


def explain_mistakes(
    mistakes: Sequence[Mistake], texts: Mapping[str, tuple[str, str]], scorer: Scorer | None
) -> list[Mistake]:
    """Add title and text to mistakes, with the words that contributed to the label if there is a scorer."""
    explained: dict[int, Mistake] = {}
    order = sorted(range(len(mistakes)), key=lambda i: mistakes[i].article_id)
    for article_id, rows in groupby(order, key=lambda i: mistakes[i].article_id):
        own = {i: mistakes[i] for i in rows}
        if article_id not in texts:
            explained |= own
            continue
        title, text = texts[article_id]
        contributions = {}
        if scorer is not None:
            known = {label for head in scorer.heads for label in head.labels}
            labels = sorted({mistake.label for mistake in own.values()} & known)
            for found in explanations(scorer, title, text, labels=labels):
                contributions[found.task, found.label] = found.contributions
        for i, mistake in own.items():
            explained[i] = _add_texts(
                mistake, title, text, contributions.get((mistake.task, mistake.label), ())
            )
    return [explained[i] for i in range(len(mistakes))]


def _add_texts(mistake: Mistake, title: str, text: str, contributions: Iterable[Contribution]) -> Mistake:
    by_part: dict[str | None, list[Contribution]] = defaultdict(list)
    for contribution in contributions:
        by_part[contribution.part].append(contribution)
    words = {"title": sum_by_word(title, by_part["title"]), "text": sum_by_word(text, by_part["text"])}
    terms: dict[str, float] = defaultdict(float)
    for part, whole in (("title", title), ("text", text)):
        for span in words[part]:
            terms[whole[span.start : span.stop]] += span.value
    least = LEAST * max((abs(span.value) for spans in words.values() for span in spans), default=0.0)
    marked = {part: [span for span in spans if abs(span.value) >= least] for part, spans in words.items()}
    excerpt = text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(None, 1)[0]
    return replace(
        mistake,
        title=MarkedText(title, marked["title"]),
        text=MarkedText(excerpt, [span for span in marked["text"] if span.stop <= len(excerpt)]),
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
