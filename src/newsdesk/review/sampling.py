"""Sample articles for review: uncertain, drifting and random ones, with inclusion probabilities."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from newsdesk.inference.decision import Head, Prediction
from newsdesk.monitoring.counts import LEAD_CHARS, UNKNOWN_EDGES, IntArray, UnknownShare

Stratum = Literal["uncertain", "drifting", "random"]

UNCERTAIN_ODDS = 1.5  # largest factor between the odds of an uncertain label and those of its threshold
DRIFTING_SHARE = 0.95  # of the reference's articles have fewer unknown words than a drifting article
NOTHING_TO_LABEL = ("not_arabic", "too_short", "stub")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article with a model's prediction; labels refer to it by `outlet` and `key`."""

    article_id: str
    outlet: str
    key: str
    title: str
    text: str
    prediction: Prediction
    model: str = ""


@dataclass(frozen=True, slots=True)
class SampledArticle:
    """An article to review."""

    candidate: Candidate
    strata: tuple[Stratum, ...]  # that sampled it
    probability: float  # of being sampled by any stratum; its inverse is the weight in an average
    margin: float  # log-odds between the least certain label and its threshold, infinite without scores
    unknown_share: float | None


def margin(prediction: Prediction, heads: Sequence[Head]) -> float:
    """Return the log-odds between the least certain label and its threshold."""
    return min((distance for distance, _ in _distances(prediction, heads)), default=math.inf)


def nearest_label(prediction: Prediction, heads: Sequence[Head]) -> str | None:
    """Return the label whose probability is nearest to its threshold."""
    return min(_distances(prediction, heads), default=(0.0, None))[1]


def _distances(prediction: Prediction, heads: Sequence[Head]) -> list[tuple[float, str]]:
    return [
        (abs(_log_odds(prediction.scores[head.task][label]) - _log_odds(threshold)), label)
        for head in heads
        for label, threshold in zip(head.labels, head.thresholds, strict=True)
        if label in prediction.scores[head.task]
    ]


def _log_odds(probability: float) -> float:
    p = min(max(probability, 1e-12), 1.0 - 1e-12)
    return math.log(p) - math.log1p(-p)


def drifting_limit(counts: IntArray) -> float | None:
    """Return the share of unknown words above which an article is drifting, by a reference's counts."""
    if not counts.sum():
        return None
    bin_ = int(np.searchsorted(np.cumsum(counts), DRIFTING_SHARE * counts.sum()))
    return float(UNKNOWN_EDGES[min(bin_, len(UNKNOWN_EDGES) - 1)])


def sample_articles(
    candidates: Iterable[Candidate],
    *,
    n: int,
    seed: int,
    heads: Sequence[Head],
    unknown_share: UnknownShare | None = None,
    unknown_limit: float | None = None,
) -> list[SampledArticle]:
    """Sample up to `n` articles in one pass: a third uncertain, a third drifting, the others random.

    Each stratum samples the articles with the smallest hashes of seed, stratum and id, so the sample does not
    depend on the order. The inclusion probability is then the smallest hash that was not sampled (E. Cohen
    and H. Kaplan, Summarizing Data using Bottom-k Sketches, PODC 2007).
    """

    limit = math.inf if unknown_limit is None else unknown_limit

    def share_of(candidate: Candidate) -> float | None:
        return unknown_share(candidate.title, candidate.text[:LEAD_CHARS]) if unknown_share else None

    def is_uncertain(candidate: Candidate) -> bool:
        return margin(candidate.prediction, heads) <= math.log(UNCERTAIN_ODDS)

    def is_drifting(candidate: Candidate) -> bool:
        return limit < math.inf and (share_of(candidate) or 0.0) > limit

    uncertain = _BottomK("uncertain", n // 3, is_uncertain)
    drifting = _BottomK("drifting", n // 3 if unknown_share and unknown_limit is not None else 0, is_drifting)
    random = _BottomK("random", n, lambda candidate: True)
    strata = uncertain, drifting, random
    for candidate in candidates:
        if candidate.prediction.reason not in NOTHING_TO_LABEL:
            for stratum in strata:
                stratum.offer(candidate, seed)

    articles = []
    for candidate, sampled_by in _combine(*strata):
        excluded = math.prod(1.0 - stratum.limit for stratum in strata if stratum.contains(candidate))
        least, share = margin(candidate.prediction, heads), share_of(candidate)
        articles.append(SampledArticle(candidate, tuple(sampled_by), 1.0 - excluded, least, share))
    return articles


def _combine(
    uncertain: _BottomK, drifting: _BottomK, random: _BottomK
) -> Iterable[tuple[Candidate, list[Stratum]]]:
    """Return the sampled articles with their strata: all of the first two, then random ones up to `n`."""
    sampled: dict[str, tuple[Candidate, list[Stratum]]] = {}
    for stratum in (uncertain, drifting):
        for candidate in stratum.take(stratum.size):
            sampled.setdefault(candidate.article_id, (candidate, []))[1].append(stratum.name)
    n_random = 0
    for candidate in random.candidates():
        if candidate.article_id not in sampled and len(sampled) == random.size:
            break
        sampled.setdefault(candidate.article_id, (candidate, []))[1].append("random")
        n_random += 1  # an article that is sampled already counts as random too
    random.take(n_random)
    return sampled.values()


class _BottomK:
    """The `size` members of a stratum with the smallest hashes, and the next one, which limits them.

    `limit` is the inclusion probability: the hash of the first member that `take` left, 1 if there is none.
    """

    def __init__(self, name: Stratum, size: int, contains: Callable[[Candidate], bool]) -> None:
        self.name, self.size, self.contains = name, size, contains
        self.limit = 0.0
        self._heap: list[float] = []  # negated hashes
        self._by_hash: dict[float, Candidate] = {}

    def offer(self, candidate: Candidate, seed: int) -> None:
        """Keep a candidate if its hash is among the smallest and the stratum contains it."""
        key = f"{seed}:{self.name}:{candidate.article_id}".encode("utf-8", "replace")
        position = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") / 2**64
        if not self.size or position in self._by_hash:  # a repeated id
            return
        too_large = len(self._heap) > self.size and position >= -self._heap[0]
        if not too_large and self.contains(candidate):  # which may look words up
            heapq.heappush(self._heap, -position)
            self._by_hash[position] = candidate
            if len(self._heap) > self.size + 1:
                del self._by_hash[-heapq.heappop(self._heap)]

    def candidates(self) -> list[Candidate]:
        """Return up to `size` candidates by hash."""
        return [self._by_hash[position] for position in sorted(self._by_hash)[: self.size]]

    def take(self, n: int) -> list[Candidate]:
        """Return the first `n` candidates by hash, and set `limit`."""
        positions = sorted(self._by_hash)
        self.limit = positions[n] if n < len(positions) else float(self.size > 0)
        return self.candidates()[:n]
