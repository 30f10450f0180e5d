"""Count what a model said of articles, batch by batch: constant memory, mergeable, kept as JSON."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.inference.scorer import BoolArray, FloatArray, Prediction, Scorer, normalize, stemmer, tokenize

IntArray = np.ndarray[Any, np.dtype[np.int64]]

LANGUAGES = ("arabic", "not_arabic")
LABELLED = "labelled"
OUTCOMES = (LABELLED, "ambiguous", "no_evidence", "too_short")
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
        """Count a batch; titles and texts, if they are at hand, in the predictions' order.

        Raises
        ------
        KeyError
            If a label is none of the heads', or has no score where others have.
        """
        scores, held = {}, {}
        for task, labels in self.heads.items():
            place = {label: k for k, label in enumerate(labels)}
            scores[task] = np.full((len(predictions), len(labels)), np.nan)
            held[task] = np.zeros(scores[task].shape, bool)
            for row, p in enumerate(predictions):
                held[task][row, [place[label] for label in p.labels[task]]] = True
                if p.scores[task]:
                    scores[task][row] = [p.scores[task][label] for label in labels]
        self.update_arrays(scores, held, [p.reason for p in predictions], titles=titles, texts=texts)

    def update_arrays(
        self,
        scores: Mapping[str, FloatArray],
        held: Mapping[str, BoolArray],
        reasons: Sequence[str | None],
        *,
        titles: Any = None,
        texts: Any = None,
    ) -> None:
        """Count a batch as a scorer says it, without an object an article.

        Parameters
        ----------
        scores, held : mapping of str to ndarray of shape (n_articles, n_labels)
            By task: probabilities, NaN where there are none, and which labels hold.
        reasons : sequence of (str or None)
        titles, texts : sequence of (str or None) or Arrow string array, optional
        """
        why = np.array(reasons, object)
        arabic = why != "not_arabic"
        self.counts["language"] += np.bincount(~arabic, minlength=2)
        for i, outcome in enumerate(OUTCOMES):
            reason = None if outcome == LABELLED else outcome
            self.counts["abstention"][i] += np.count_nonzero(why == reason)
        read = arabic & (why != "too_short")
        for task in self.heads:
            self._count_labels(task, scores[task][read], held[task][read])
        if titles is not None and texts is not None:
            names = ["" if title is None else title for title in _listed(titles)]
            lengths, leads = _lengths_and_leads(texts)
            self._add("length", LENGTH_EDGES, (lengths + [len(name) for name in names])[arabic])
            self._count_unknown([(names[row], leads[row]) for row in np.flatnonzero(arabic)])

    def _count_labels(self, task: str, scores: FloatArray, held: BoolArray) -> None:
        n_labels = len(self.heads[task])
        main = np.argmax(np.where(held, np.nan_to_num(scores), -1.0), axis=1)
        main[~held.any(axis=1)] = n_labels
        self.counts[task] += np.bincount(main, minlength=n_labels + 1)
        self.counts[f"{task}_held"] += held.sum(axis=0)
        scored = scores[~np.isnan(scores).any(axis=1)]
        cells = np.searchsorted(SCORE_EDGES, scored, side="right")  # (n_articles, n_labels)
        n_cells = len(SCORE_EDGES) + 1
        flat = (cells + n_cells * np.arange(n_labels)).ravel()
        counts = np.bincount(flat, minlength=n_cells * n_labels)
        self.counts[f"{task}_scores"] += counts.reshape(n_labels, n_cells)

    def _count_unknown(self, rows: Sequence[tuple[str, str]]) -> None:
        """Count the share of unknown words of so manieth rows: the title, and the text's start."""
        if not self._unknown_share:
            return
        # chosen by content, so that no order and no cut into batches changes the choice
        drawn = (row for row in rows if zlib.crc32(row[1].encode("utf-8", "replace")) % self._every == 0)
        shares = (self._unknown_share(title, lead) for title, lead in drawn)
        self._add("unknown", UNKNOWN_EDGES, [share for share in shares if share is not None])

    def _add(
        self, name: str, edges: np.ndarray[Any, np.dtype[np.float64]], values: Sequence[float] | IntArray
    ) -> None:
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


def _listed(values: Any) -> list[str | None]:
    return values.to_pylist() if isinstance(values, pa.Array) else list(values)


def _lengths_and_leads(texts: Any) -> tuple[IntArray, list[str]]:
    """How many characters each text has, and its first ones."""
    if isinstance(texts, pa.Array):
        texts = pc.fill_null(texts, "")
        lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
        return lengths, pc.utf8_slice_codeunits(texts, 0, LEAD_CHARS).to_pylist()
    strings = [text or "" for text in texts]
    return np.array([len(text) for text in strings], np.int64), [text[:LEAD_CHARS] for text in strings]


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
