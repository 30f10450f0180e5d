"""Which words of an article spoke for a wrong label, and which against it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from newsdesk.inference.explain import Contribution, explanations
from newsdesk.inference.scorer import Scorer
from newsdesk.reporting.blocks import Mistake, Shown, Span

EXCERPT = 900  # characters of a text that are shown
N_TERMS = 8
LEAST = 0.04  # of the strongest word's value, for a word to be marked
WORD = re.compile(r"[\w\u0610-\u061a\u064b-\u065f\u0670\u0640]+")


def explain_mistakes(
    mistakes: Sequence[Mistake], texts: Mapping[str, tuple[str, str]], scorer: Scorer | None
) -> list[Mistake]:
    """The mistakes with title and text, and what in them the model went by.

    What contributions add to stretches of any length is told of whole words, which is what people read.
    """
    found: dict[int, Mistake] = {}
    order = sorted(range(len(mistakes)), key=lambda i: mistakes[i].article_id)
    for article_id, rows in groupby(order, key=lambda i: mistakes[i].article_id):
        own = {i: mistakes[i] for i in rows}
        if article_id not in texts:
            found |= own
            continue
        title, text = texts[article_id]
        told = {}
        if scorer is not None:
            known = {label for head in scorer.heads for label in head.labels}
            labels = sorted({m.label for m in own.values()} & known)
            told = {
                (e.task, e.label): e.contributions for e in explanations(scorer, title, text, labels=labels)
            }
        for i, mistake in own.items():
            found[i] = _show(mistake, title, text, told.get((mistake.task, mistake.label), ()))
    return [found[i] for i in range(len(mistakes))]


def excerpt(text: str) -> str:
    """The beginning of a text, up to a word's end."""
    if len(text) <= EXCERPT:
        return text
    return text[:EXCERPT].rsplit(None, 1)[0]


def _show(mistake: Mistake, title: str, text: str, contributions: Iterable[Contribution]) -> Mistake:
    by_part: dict[str | None, list[Contribution]] = defaultdict(list)
    for contribution in contributions:
        by_part[contribution.part].append(contribution)
    spans = {part: sum_words(whole, by_part[part]) for part, whole in (("title", title), ("text", text))}
    terms: dict[str, float] = defaultdict(float)
    for part, whole in (("title", title), ("text", text)):
        for span in spans[part]:
            terms[whole[span.start : span.stop]] += span.value
    strongest = sorted(terms.items(), key=lambda item: (-abs(item[1]), item[0]))[:N_TERMS]
    least = LEAST * max((abs(span.value) for each in spans.values() for span in each), default=0.0)
    shown = excerpt(text)
    return replace(
        mistake,
        title=Shown(title, [span for span in spans["title"] if abs(span.value) >= least]),
        text=Shown(shown, [s for s in spans["text"] if abs(s.value) >= least and s.stop <= len(shown)]),
        n_left_out=len(text) - len(shown),
        terms=strongest,
    )


def sum_words(text: str, contributions: Iterable[Contribution]) -> list[Span]:
    """What contributions add to each word of a text; a stretch over many words is shared by its letters."""
    by_letter = np.zeros(len(text))
    for found in contributions:
        if found.start is not None and found.end is not None and found.end > found.start:
            by_letter[found.start : found.end] += found.value / (found.end - found.start)
    added = np.concatenate([[0.0], np.cumsum(by_letter)])
    words = [match.span() for match in WORD.finditer(text)]
    return [
        Span(start, stop, round(value, 4))
        for start, stop in words
        if abs(value := float(added[stop] - added[start])) > 1e-4
    ]
