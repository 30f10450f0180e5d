"""Count what a model said of articles, batch by batch: constant memory, mergeable, kept as JSON."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from newsdesk.scorer import Prediction, Scorer, normalize, stemmer, tokenize

IntArray = np.ndarray[Any, np.dtype[np.int64]]

LANGUAGES = ("arabic", "not_arabic")
OUTCOMES = ("labelled", "ambiguous", "no_evidence", "too_short")
NONE = "none"
# Fine cells that are joined later: what is counted must not depend on a reference.
SCORE_EDGES = 1.0 / (1.0 + np.exp(-np.arange(-8.0, 8.25, 0.25)))  # probabilities, by their log odds
LENGTH_EDGES = 2.0 ** np.arange(4.0, 18.25, 0.25)  # characters
UNKNOWN_EDGES = np.arange(0.01, 1.0, 0.01)
LEAD_CHARS = 400  # of the text; with the title some seventy words, of which a share is told well enough
EVERY = 50


class Tally:
    """Counts of a stream of articles and of what a model said of them.

    Attributes
    ----------
    heads : dict of str to tuple of str
        Labels by task.
    counts : dict of str to int64 ndarray
        `language` and `abstention` by `LANGUAGES` and `OUTCOMES` (of Arabic rows); by task, of the Arabic
        rows that are long enough, `TASK` the main label, `NONE` last, and `TASK_held` each label;
        of those that were scored, `TASK_scores` the probabilities, shape (n_labels, n_cells); `length` and
        `unknown` where texts were given.
    """

    def __init__(
        self,
        heads: Mapping[str, Sequence[str]],
        *,
        unknown_share: Callable[[str, str], float | None] | None = None,
        every: int = EVERY,
    ) -> None:
        self.heads = {task: tuple(labels) for task, labels in heads.items()}
        self._unknown_share, self._every = unknown_share, every
        sizes: dict[str, tuple[int, ...]] = {"language": (2,), "abstention": (4,)}
        for task, labels in self.heads.items():
            sizes |= {
                task: (len(labels) + 1,),
                f"{task}_held": (len(labels),),
                f"{task}_scores": (len(labels), len(SCORE_EDGES) + 1),
            }
        sizes |= {"length": (len(LENGTH_EDGES) + 1,), "unknown": (len(UNKNOWN_EDGES) + 1,)}
        self.counts = {name: np.zeros(size, np.int64) for name, size in sizes.items()}

    @classmethod
    def of(cls, scorer: Scorer, *, every: int = EVERY) -> Self:
        """An empty tally of a model's rows; the words of every so manieth article are looked up."""
        heads = {head.task: head.labels for head in scorer.heads}
        return cls(heads, unknown_share=build_unknown_share(scorer), every=every)

    @property
    def n_rows(self) -> int:
        """Articles counted."""
        return int(self.counts["language"].sum())

    def update(
        self,
        predictions: Sequence[Prediction],
        *,
        titles: Sequence[str | None] | None = None,
        texts: Sequence[str | None] | None = None,
    ) -> None:
        """Count a batch; titles and texts, if they are at hand, in the predictions' order."""
        arabic = [p.reason != "not_arabic" for p in predictions]
        self.counts["language"] += np.bincount(~np.array(arabic, bool), minlength=2)
        outcomes = [
            p.reason or "labelled" for p, is_arabic in zip(predictions, arabic, strict=True) if is_arabic
        ]
        for i, outcome in enumerate(OUTCOMES):
            self.counts["abstention"][i] += outcomes.count(outcome)
        read = [p for p in predictions if p.reason not in ("not_arabic", "too_short")]
        for task, labels in self.heads.items():
            self._count_labels(task, labels, read)
        if titles is not None and texts is not None:
            rows = zip(predictions, titles, texts, strict=True)
            self._count_texts([(a or "", b or "") for p, a, b in rows if p.reason != "not_arabic"])

    def _count_labels(self, task: str, labels: tuple[str, ...], read: Sequence[Prediction]) -> None:
        number = {label: i for i, label in enumerate((*labels, NONE))}
        main = [number[(p.labels[task] or [NONE])[0]] for p in read]
        held = [number[label] for p in read for label in p.labels[task]]
        self.counts[task] += np.bincount(np.array(main, np.int64), minlength=len(number))
        self.counts[f"{task}_held"] += np.bincount(np.array(held, np.int64), minlength=len(labels))
        scores = np.array([[p.scores[task][label] for label in labels] for p in read if p.scores[task]])
        if len(scores):
            cells = np.searchsorted(SCORE_EDGES, scores, side="right")  # (n_articles, n_labels)
            n_cells = len(SCORE_EDGES) + 1
            flat = (cells + n_cells * np.arange(len(labels))).ravel()
            self.counts[f"{task}_scores"] += np.bincount(flat, minlength=n_cells * len(labels)).reshape(
                len(labels), n_cells
            )

    def _count_texts(self, rows: Sequence[tuple[str, str]]) -> None:
        self._add("length", LENGTH_EDGES, [len(title) + len(text) for title, text in rows])
        if self._unknown_share:
            # chosen by content, so that no order and no cut into batches changes the choice
            drawn = (
                (title, text[:LEAD_CHARS])
                for title, text in rows
                if zlib.crc32(text[:LEAD_CHARS].encode("utf-8", "replace")) % self._every == 0
            )
            shares = (self._unknown_share(title, text) for title, text in drawn)
            self._add("unknown", UNKNOWN_EDGES, [share for share in shares if share is not None])

    def _add(self, name: str, edges: np.ndarray[Any, np.dtype[np.float64]], values: Sequence[float]) -> None:
        cells = np.searchsorted(edges, np.array(values, np.float64), side="right")
        self.counts[name] += np.bincount(cells, minlength=len(edges) + 1)

    def merge(self, other: Tally) -> None:
        """Add the counts of another part of the stream.

        Raises
        ------
        ValueError
            If it is of a model with other labels.
        """
        if other.heads != self.heads:
            raise ValueError("tallies of models with other labels can't be merged")
        for name, counts in other.counts.items():
            self.counts[name] += counts

    def as_dict(self) -> dict[str, Any]:
        """All that `from_dict` needs, of JSON's types."""
        heads = {task: list(labels) for task, labels in self.heads.items()}
        return {"heads": heads, "counts": {name: counts.tolist() for name, counts in self.counts.items()}}

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """Take counts back; what else they need for texts is not kept, so they are for merging and reading.

        Raises
        ------
        ValueError
            If it is no tally, or one of other cells.
        """
        try:
            tally = cls(content["heads"])
            given = {name: np.array(counts) for name, counts in content["counts"].items()}
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError("not the counts of a tally") from None
        for name, counts in tally.counts.items():
            found = given.get(name)
            if found is None or found.shape != counts.shape or found.dtype.kind != "i" or (found < 0).any():
                raise ValueError(f"{name}: not {' x '.join(map(str, counts.shape))} counts")
            tally.counts[name] = found.astype(np.int64)
        return tally


def build_unknown_share(scorer: Scorer) -> Callable[[str, str], float | None] | None:
    """The function that tells which share of an article's words are no terms of a model.

    These are words that it never met or met too rarely, and the few that stand in most articles (`max_df`),
    of which there are about as many in any Arabic. Of title and text each word counts as often as it occurs;
    None for an article without words. There is no such function for a model that counts no words.
    """
    features, fold = scorer.info["features"], scorer.info["normalization"]
    if not features["ngram_max"]:
        return None
    table = str.maketrans(fold["from"], fold["to"], fold["remove"])
    stem = stemmer(features["stem"])
    terms = frozenset(scorer.terms)

    def share(title: str, text: str) -> float | None:
        words = tokenize(normalize(f"{title}\n{text}", table))
        stems = stem(words) if stem else words
        return sum(word not in terms for word in stems) / len(stems) if stems else None

    return share
