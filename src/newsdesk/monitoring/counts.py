"""Count inputs and predictions of a model batch by batch: constant memory, mergeable, stored as JSON."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.inference.decision import BoolArray, FloatArray, Prediction
from newsdesk.inference.scorer import Scorer
from newsdesk.inference.text import build_stemmer, normalize, tokenize

IntArray = np.ndarray[Any, np.dtype[np.int64]]
UnknownShare = Callable[[str, str], float | None]  # of (title, text)

LANGUAGES = ("arabic", "not_arabic")
LABELLED = "labelled"
OUTCOMES = (LABELLED, "ambiguous", "no_evidence", "too_short", "stub")
NO_LABEL = "none"
# Fine bins, joined later into bins of equal mass: the counts must not depend on a reference. Probabilities of
# equally spaced log-odds; not by `sigmoid`, whose last bits differ from the edges of counts already stored.
SCORE_EDGES = 1.0 / (1.0 + np.exp(-np.arange(-8.0, 8.25, 0.25)))
LENGTH_EDGES = 2.0 ** np.arange(4.0, 18.25, 0.25)  # characters
UNKNOWN_EDGES = np.arange(0.01, 1.0, 0.01)
LEAD_CHARS = 400  # with the title about 70 words, enough to estimate the share of unknown ones
LOOKUP_EVERY = 50


class PredictionCounts:
    """Histograms of a stream of articles and of a model's predictions for them.

    Parameters
    ----------
    heads : mapping of str to sequence of str
        Labels by task.
    unknown_share : callable, optional
        Share of unknown words of a title and a text, as `build_unknown_share` returns it. Without it, no
        unknown words are counted.
    lookup_every : int, default=50
        Unknown words are looked up in one of this many articles.

    Attributes
    ----------
    heads : dict of str to tuple of str
    counts : dict of str to int64 ndarray
        `language` and `abstention` (Arabic articles), bins as in `LANGUAGES` and `OUTCOMES`. For each task,
        over Arabic articles of sufficient length that are no stubs: `TASK`, the main label with "none" last,
        and `TASK_held`, each assigned label; over scored articles: `TASK_scores`, the probabilities, shape
        (n_labels, n_bins). `length` and `unknown`, over Arabic articles whose text was given.

    Examples
    --------
    >>> from newsdesk.inference.decision import Prediction
    >>> counts = PredictionCounts({"topic": ["sport", "health"]})
    >>> counts.update([Prediction({"topic": ["sport"]}, {"topic": {"sport": 0.9, "health": 0.1}}, None)])
    >>> counts.counts["topic"].tolist()
    [1, 0, 0]
    """

    def __init__(
        self,
        heads: Mapping[str, Sequence[str]],
        *,
        unknown_share: UnknownShare | None = None,
        lookup_every: int = LOOKUP_EVERY,
    ) -> None:
        self.heads = {task: tuple(labels) for task, labels in heads.items()}
        self._unknown_share, self._lookup_every = unknown_share, lookup_every
        self.counts = {
            "language": np.zeros(len(LANGUAGES), np.int64),
            "abstention": np.zeros(len(OUTCOMES), np.int64),
        }
        for task, labels in self.heads.items():
            self.counts[task] = np.zeros(len(labels) + 1, np.int64)
            self.counts[f"{task}_held"] = np.zeros(len(labels), np.int64)
            self.counts[f"{task}_scores"] = np.zeros((len(labels), len(SCORE_EDGES) + 1), np.int64)
        self.counts["length"] = np.zeros(len(LENGTH_EDGES) + 1, np.int64)
        self.counts["unknown"] = np.zeros(len(UNKNOWN_EDGES) + 1, np.int64)

    @classmethod
    def for_model(cls, scorer: Scorer, *, lookup_every: int = LOOKUP_EVERY) -> Self:
        """Return empty counts for the heads and the vocabulary of a model."""
        heads = {head.task: head.labels for head in scorer.heads}
        return cls(heads, unknown_share=build_unknown_share(scorer), lookup_every=lookup_every)

    @property
    def n_rows(self) -> int:
        """Number of articles counted."""
        return int(self.counts["language"].sum())

    def update(
        self,
        predictions: Sequence[Prediction],
        *,
        titles: Sequence[str | None] | None = None,
        texts: Sequence[str | None] | None = None,
    ) -> None:
        """Count a batch of predictions; lengths and unknown words only if titles and texts are given."""
        scores, held = {}, {}
        for task, labels in self.heads.items():
            column = {label: j for j, label in enumerate(labels)}
            scores[task] = np.full((len(predictions), len(labels)), np.nan)
            held[task] = np.zeros(scores[task].shape, bool)
            for i, prediction in enumerate(predictions):
                held[task][i, [column[label] for label in prediction.labels[task]]] = True
                if prediction.scores[task]:
                    scores[task][i] = [prediction.scores[task][label] for label in labels]
        reasons = [prediction.reason for prediction in predictions]
        self.update_arrays(scores, held, reasons, titles=titles, texts=texts)

    def update_arrays(
        self,
        scores: Mapping[str, FloatArray],
        held: Mapping[str, BoolArray],
        reasons: Sequence[str | None],
        *,
        titles: Any = None,
        texts: Any = None,
    ) -> None:
        """Count a batch given as arrays by task: scores, NaN for articles without, and assigned labels.

        Titles and texts may be Arrow string arrays.
        """
        reason_array = np.array(reasons, object)
        arabic = reason_array != "not_arabic"
        self.counts["language"] += np.bincount(~arabic, minlength=len(LANGUAGES))
        for i, outcome in enumerate(OUTCOMES):
            reason = None if outcome == LABELLED else outcome
            self.counts["abstention"][i] += np.count_nonzero(reason_array == reason)
        long_enough = arabic & (reason_array != "too_short") & (reason_array != "stub")
        for task in self.heads:
            self._count_labels(task, scores[task][long_enough], held[task][long_enough])
        if titles is not None and texts is not None:
            title_lengths, titles = _lengths_and_leads(titles, None)
            text_lengths, leads = _lengths_and_leads(texts, LEAD_CHARS)
            self._count("length", LENGTH_EDGES, (title_lengths + text_lengths)[arabic])
            self._count_unknown([(titles[i], leads[i]) for i in np.flatnonzero(arabic)])

    def _count_labels(self, task: str, scores: FloatArray, held: BoolArray) -> None:
        n_labels, n_bins = len(self.heads[task]), len(SCORE_EDGES) + 1
        main = np.argmax(np.where(held, np.nan_to_num(scores), -1.0), axis=1)
        main[~held.any(axis=1)] = n_labels
        self.counts[task] += np.bincount(main, minlength=n_labels + 1)
        self.counts[f"{task}_held"] += held.sum(axis=0)
        scored = scores[~np.isnan(scores).any(axis=1)]
        bins = np.searchsorted(SCORE_EDGES, scored, side="right")  # (n_scored, n_labels)
        flat = (bins + n_bins * np.arange(n_labels)).ravel()
        counts = np.bincount(flat, minlength=n_bins * n_labels)
        self.counts[f"{task}_scores"] += counts.reshape(n_labels, n_bins)

    def _count_unknown(self, articles: Sequence[tuple[str, str]]) -> None:
        if not self._unknown_share:
            return
        # sampled by content, so that neither the order nor the batches change the sample
        every = self._lookup_every
        sample = (row for row in articles if zlib.crc32(row[1].encode("utf-8", "replace")) % every == 0)
        shares = [self._unknown_share(title, lead) for title, lead in sample]
        self._count("unknown", UNKNOWN_EDGES, [share for share in shares if share is not None])

    def _count(self, name: str, edges: FloatArray, values: Sequence[float] | IntArray) -> None:
        bins = np.searchsorted(edges, np.array(values, np.float64), side="right")
        self.counts[name] += np.bincount(bins, minlength=len(edges) + 1)

    def merge(self, other: PredictionCounts) -> None:
        """Add the counts of another part of the stream; raise ValueError if its labels differ."""
        if other.heads != self.heads:
            raise ValueError(f"counts: expected the labels {self.heads}, found {other.heads}")
        for name, counts in other.counts.items():
            self.counts[name] += counts

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types, for `from_dict`."""
        heads = {task: list(labels) for task, labels in self.heads.items()}
        return {"heads": heads, "counts": {name: counts.tolist() for name, counts in self.counts.items()}}

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """Return counts that `as_dict` stored, for reading and merging; raise ValueError if damaged."""
        try:
            read = cls(content["heads"])
            stored = {name: np.array(counts) for name, counts in content["counts"].items()}
            if len(stored["abstention"]) == len(OUTCOMES) - 1:  # stored before stubs were told apart
                stored["abstention"] = np.append(stored["abstention"], 0)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError("prediction counts: expected an object with `heads` and `counts`") from None
        for name, counts in read.counts.items():
            found = stored.get(name)
            if found is None or found.shape != counts.shape or found.dtype.kind != "i" or (found < 0).any():
                shape = " x ".join(map(str, counts.shape))
                raise ValueError(f"prediction counts: {name}: expected {shape} whole numbers from 0")
            read.counts[name] = found.astype(np.int64)
        return read


def _lengths_and_leads(texts: Any, n_chars: int | None) -> tuple[IntArray, list[str]]:
    """Return the number of characters of each text, and its first `n_chars` characters."""
    if isinstance(texts, pa.Array):
        texts = pc.fill_null(texts, "")
        lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
        return lengths, pc.utf8_slice_codeunits(texts, 0, n_chars).to_pylist()
    strings = [text or "" for text in texts]
    return np.array([len(text) for text in strings], np.int64), [text[:n_chars] for text in strings]


def build_unknown_share(scorer: Scorer) -> UnknownShare | None:
    """Return a function for the share of words that are no terms; None for a model without word features.

    A word is no term if it was too rare in training, or more frequent than `max_df`; the latter are about as
    many in any Arabic text. Without words, the share is None.
    """
    features, fold = scorer.info["features"], scorer.info["normalization"]
    if not features["ngram_max"]:
        return None
    table = str.maketrans(fold["from"], fold["to"], fold["remove"])
    stem = build_stemmer(features["stem"])
    terms = frozenset(scorer.terms)

    def share(title: str, text: str) -> float | None:
        words = tokenize(normalize(f"{title}\n{text}", table))
        stems = stem(words) if stem else words
        return sum(word not in terms for word in stems) / len(stems) if stems else None

    return share
