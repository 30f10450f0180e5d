"""Draw articles for a person to read: uncertain, drifting and random ones, each with its probability."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from newsdesk.inference.decision import Head, Prediction
from newsdesk.monitoring.counts import LEAD_CHARS

Stratum = Literal["uncertain", "drifting", "random"]

UNCERTAIN_ODDS = (
    1.5  # a label whose odds are within this factor of its threshold's could as well be another's
)
UNREAD = ("not_arabic", "too_short")  # reasons for which there is nothing to label


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article and what a model said of it; `outlet` and `key` are what labels refer to."""

    article_id: str
    outlet: str
    key: str
    title: str
    text: str
    prediction: Prediction
    model: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An article to read.

    Attributes
    ----------
    strata : tuple of str
        Those that drew it, the first being the one that it is shown under.
    probability : float
        That it is drawn by any stratum; an average over drawn rows that weighs each by its inverse is one
        over all rows.
    margin : float
        Log-odds between the least certain label and its threshold; infinite without scores.
    unknown_share : float or None
        Of its words, how many the model does not know.
    """

    candidate: Candidate
    strata: tuple[Stratum, ...]
    probability: float
    margin: float
    unknown_share: float | None


def margin(prediction: Prediction, heads: Sequence[Head]) -> float:
    """Log-odds between the least certain label and its threshold."""
    return min((distance for distance, _ in _distances(prediction, heads)), default=math.inf)


def nearest_label(prediction: Prediction, heads: Sequence[Head]) -> str | None:
    """The label that the least speaks for or against."""
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


def draw(
    candidates: Iterable[Candidate],
    *,
    n: int,
    seed: int,
    heads: Sequence[Head],
    unknown_share: Callable[[str, str], float | None] | None = None,
    unknown_limit: float | None = None,
) -> list[Drawn]:
    """Draw up to `n` articles in one pass: a third uncertain, a third drifting, the others at random.

    Uncertain are those with a label whose odds are within `UNCERTAIN_ODDS` of its threshold's, drifting
    those with a share of unknown words above `unknown_limit`; where a stratum has too few, more are drawn at
    random.
    Each stratum takes the articles with the smallest hashes of seed, stratum and id, so the same
    rows in any order give the same draw. Of such a draw the probability is the smallest hash that was not
    taken (E. Cohen and H. Kaplan, Summarizing Data using Bottom-k Sketches, PODC 2007). Rows that are too
    short or not Arabic are never drawn: there is nothing to label.

    Parameters
    ----------
    candidates : iterable of Candidate
    heads : sequence of Head
        Of the model, for its thresholds.
    unknown_share : (title, text) to float or None, optional
        As `tally.build_unknown_share` gives it; without it, or a limit, nothing is drifting.

    Returns
    -------
    list of Drawn
        By stratum, then by hash.
    """
    looks = unknown_share if unknown_limit is not None else None
    pools = {
        "uncertain": _Smallest(n // 3),
        "drifting": _Smallest(n // 3 if looks else 0),
        "random": _Smallest(n),
    }

    def is_drifting(candidate: Candidate) -> bool:
        share = looks(candidate.title, candidate.text[:LEAD_CHARS]) if looks else None
        return share is not None and unknown_limit is not None and share > unknown_limit

    def is_uncertain(candidate: Candidate) -> bool:
        return margin(candidate.prediction, heads) <= math.log(UNCERTAIN_ODDS)

    belongs: dict[str, Callable[[Candidate], bool]] = {
        "uncertain": is_uncertain, "drifting": is_drifting, "random": lambda candidate: True,
    }  # fmt: skip
    for candidate in candidates:
        if candidate.prediction.reason in UNREAD:
            continue
        for stratum, pool in pools.items():
            position = _position(seed, stratum, candidate.article_id)
            # the words of those that would not be taken need no looking up
            if pool.takes(position) and belongs[stratum](candidate):
                pool.add(position, candidate)
    return _combine(pools, belongs, n=n, heads=heads, unknown_share=unknown_share)


def _combine(
    pools: dict[str, _Smallest],
    belongs: dict[str, Callable[[Candidate], bool]],
    *,
    n: int,
    heads: Sequence[Head],
    unknown_share: Callable[[str, str], float | None] | None,
) -> list[Drawn]:
    taken: dict[str, tuple[Candidate, list[Any]]] = {}
    limits: dict[str, float] = {}
    for stratum in ("uncertain", "drifting"):
        rows, limits[stratum] = pools[stratum].smallest(pools[stratum].size)
        for candidate in rows:
            taken.setdefault(candidate.article_id, (candidate, []))[1].append(stratum)
    # at random until there are `n`; who is there already counts as drawn at random too
    rows, _ = pools["random"].smallest(n)
    n_random, n_new = 0, 0
    for candidate in rows:
        is_new = candidate.article_id not in taken
        if is_new and len(taken) == n:
            break
        taken.setdefault(candidate.article_id, (candidate, []))[1].append("random")
        n_random, n_new = n_random + 1, n_new + is_new
    limits["random"] = pools["random"].smallest(n_random)[1]
    drawn = []
    for candidate, strata in taken.values():
        missed = math.prod(1.0 - limits[name] for name in pools if belongs[name](candidate))
        share = unknown_share(candidate.title, candidate.text[:LEAD_CHARS]) if unknown_share else None
        drawn.append(
            Drawn(candidate, tuple(strata), 1.0 - missed, margin(candidate.prediction, heads), share)
        )
    return drawn


def _position(seed: int, stratum: str, article_id: str) -> float:
    digest = hashlib.sha256(f"{seed}:{stratum}:{article_id}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class _Smallest:
    """The candidates with the smallest positions, and the one behind them, which is the sample's limit."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[float] = []  # negated
        self._rows: dict[float, Candidate] = {}

    def takes(self, position: float) -> bool:
        """Whether a candidate there would be kept; of one id there is one."""
        if not self.size or position in self._rows:
            return False
        return len(self._heap) <= self.size or position < -self._heap[0]

    def add(self, position: float, candidate: Candidate) -> None:
        heapq.heappush(self._heap, -position)
        self._rows[position] = candidate
        if len(self._heap) > self.size + 1:
            del self._rows[-heapq.heappop(self._heap)]

    def smallest(self, n: int) -> tuple[list[Candidate], float]:
        """The first `n`, and the position of the next; 1 if there is none."""
        positions = sorted(self._rows)
        limit = positions[n] if n < len(positions) else float(self.size > 0)
        return [self._rows[position] for position in positions[:n]], limit
