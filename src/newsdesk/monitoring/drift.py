"""Measure drift: the population stability index (PSI) of counts against a reference, with limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from newsdesk.inference.decision import FloatArray
from newsdesk.monitoring.counts import (
    LANGUAGES,
    LENGTH_EDGES,
    NO_LABEL,
    OUTCOMES,
    UNKNOWN_EDGES,
    IntArray,
    PredictionCounts,
)
from newsdesk.monitoring.reference import LIMITS, parse_reference

N_BINS = 10  # of equal mass in the reference, as is usual for PSI
MIN_ROWS = 100  # with fewer articles the bootstrap interval is too narrow
PRIOR = 0.5  # Jeffreys prior: articles added to each bin, so that no share is 0


@dataclass(frozen=True, slots=True)
class PsiEstimate:
    """A PSI, the part of it that is due to chance, and bootstrap draws of the PSI less that part."""

    psi: float
    by_chance: float
    draws: FloatArray


def psi(expected: FloatArray, found: FloatArray) -> FloatArray:
    """Compute the population stability index of shares above 0, shape (..., n_bins).

    Source: Jeffreys (1946) for the divergence; Siddiqi, Credit Risk Scorecards (2006) for the name.
    """
    return np.asarray(np.sum((found - expected) * np.log(found / expected), axis=-1))


def equal_mass_bins(counts: IntArray, n_bins: int = N_BINS) -> IntArray:
    """Assign each of the fine bins to one of at most `n_bins` bins of about equal mass, numbered from 0."""
    # position of the middle of each fine bin among all articles, from 0 to 1
    position = (np.cumsum(counts) - counts / 2.0) / max(1, counts.sum())
    bins = np.minimum((position * n_bins).astype(np.int64), n_bins - 1)
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def estimate_psi(
    expected: IntArray, found: IntArray, *, n_bootstrap: int, seed: Sequence[int]
) -> PsiEstimate:
    """Estimate the PSI of two rows of counts and its bias by a parametric bootstrap of two multinomials.

    Each draw samples both rows again, which adds as much chance as the measured PSI already has: the mean of
    the draws less the measured PSI estimates the bias (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 10), which is in the measured PSI once and in each draw twice. Articles count as
    independent; copies of one story make the interval too narrow, which the limits allow for.
    """
    p, q = _shares(expected), _shares(found)
    value = float(psi(p, q))
    rng = np.random.default_rng(seed)
    draws = psi(
        _shares(rng.multinomial(int(expected.sum()), p, n_bootstrap)),
        _shares(rng.multinomial(int(found.sum()), q, n_bootstrap)),
    )
    bias = float(draws.mean()) - value
    return PsiEstimate(value, bias, draws - 2.0 * bias)


def _shares(counts: IntArray) -> FloatArray:
    smoothed = counts + PRIOR
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))


def compare(
    reference: Mapping[str, Any], counts: PredictionCounts, *, n_bootstrap: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compare counts with a reference.

    Parameters
    ----------
    reference : mapping
        As `newsdesk.monitoring.reference.build_reference` returns it.
    counts : PredictionCounts
    n_bootstrap : int, default=1000
        Bootstrap draws for each interval.
    seed : int, default=0

    Returns
    -------
    dict
        JSON types. `verdict` is `drift` if any quantity has drifted, `too_few` if no quantity has enough
        articles, else `quiet`. `quantities` holds for each quantity the number `n` of articles, the `psi`,
        the part of it that is expected `by_chance`, the 95 % interval of the rest from `low` to `high`, and
        the bin or label that contributes `most`. It has drifted if `low` exceeds `limit`. `labels` holds each
        label's share in both and the interval of the difference.

    Raises
    ------
    ValueError
        If the reference is damaged or has other labels.

    Examples
    --------
    >>> from newsdesk.monitoring.reference import build_reference
    >>> counts = PredictionCounts({"region": ["us"], "topic": ["sport"]})
    >>> model = {"name": "newsdesk", "version": "0.1.0", "weights_sha256": "0" * 64}
    >>> compare(build_reference(counts, model=model, sources={}), counts)["verdict"]
    'too_few'
    """
    before, limits = parse_reference(reference)
    if before.heads != counts.heads:
        raise ValueError("the reference has other labels than the model; make a reference with this model")
    quantities = [
        _measure_quantity(name, before, counts, limit=limits[name], n_bootstrap=n_bootstrap, seed=seed)
        for name in LIMITS
    ]
    drifted = [quantity["quantity"] for quantity in quantities if quantity["verdict"] == "drift"]
    any_measured = any(quantity["verdict"] != "too_few" for quantity in quantities)
    return {
        "verdict": "drift" if drifted else "quiet" if any_measured else "too_few",
        "drifted": drifted,
        "n_rows": counts.n_rows,
        "reference": {"n_rows": before.n_rows, **{key: reference[key] for key in ("model", "made_of")}},
        "settings": {"n_bootstrap": n_bootstrap, "seed": seed, "min_rows": MIN_ROWS},
        "quantities": quantities,
        "labels": {task: _label_shares(before, counts, task) for task in counts.heads},
    }


def _measure_quantity(
    name: str, before: PredictionCounts, now: PredictionCounts, *, limit: float, n_bootstrap: int, seed: int
) -> dict[str, Any]:
    pairs, names = _comparable_counts(name, before, now)
    n_before, n = (int(min(counts.sum() for counts in side)) for side in zip(*pairs, strict=True))
    unmeasured = {"psi": 0.0, "by_chance": 0.0, "low": 0.0, "high": 0.0}
    drift = {"quantity": name, "n": n, **unmeasured, "limit": limit, "verdict": "too_few", "most": ""}
    if min(n_before, n) < MIN_ROWS:
        return drift
    estimates = [
        estimate_psi(*pair, n_bootstrap=n_bootstrap, seed=[seed, list(LIMITS).index(name), i])
        for i, pair in enumerate(pairs)
    ]
    # the scores of one article depend on each other: average the sorted draws, as if fully dependent
    draws = np.mean([np.sort(estimate.draws) for estimate in estimates], axis=0)
    low, high = (round(max(0.0, float(x)), 4) for x in np.quantile(draws, [0.025, 0.975]))
    psis, by_chance = (np.array([getattr(e, part) for e in estimates]) for part in ("psi", "by_chance"))
    if before.counts[name].ndim == 2:
        contributions = psis - by_chance
    else:
        p, q = (_shares(counts) for counts in pairs[0])
        contributions = (q - p) * np.log(q / p)
    return drift | {
        "psi": round(float(psis.mean()), 4),
        "by_chance": round(float(by_chance.mean()), 4),
        "low": low,
        "high": high,
        "verdict": "drift" if low > limit else "quiet",
        "most": names[int(np.argmax(contributions))],
    }


def _comparable_counts(
    name: str, before: PredictionCounts, now: PredictionCounts
) -> tuple[list[tuple[IntArray, IntArray]], Sequence[str]]:
    """Return pairs of binned counts and names: of each bin, or for scores of each pair (a label)."""
    a, b = before.counts[name], now.counts[name]
    categories = {"language": LANGUAGES, "abstention": OUTCOMES}
    categories |= {task: (*labels, NO_LABEL) for task, labels in before.heads.items()}
    if name in categories:
        return [(a, b)], categories[name]
    if a.ndim == 2:
        labels = before.heads[name.removesuffix("_scores")]
        return [_join_bins(a[j], b[j])[0] for j in range(len(labels))], labels
    pair, starts = _join_bins(a, b)
    edges = LENGTH_EDGES if name == "length" else UNKNOWN_EDGES
    ends = [*starts[1:], None]
    return [pair], [_bin_name(edges, start, end) for start, end in zip(starts, ends, strict=True)]


def _join_bins(a: IntArray, b: IntArray) -> tuple[tuple[IntArray, IntArray], list[int]]:
    """Join fine bins of both into bins of equal mass in `a`; return the first fine bin of each too."""
    starts = np.flatnonzero(np.diff(equal_mass_bins(a), prepend=-1))
    return (np.add.reduceat(a, starts), np.add.reduceat(b, starts)), starts.tolist()


def _bin_name(edges: FloatArray, start: int, end: int | None) -> str:
    """Return the range of values of the fine bins from `start` up to `end`."""
    low = f"from {edges[start - 1]:.4g}" if start else ""
    high = f"below {edges[end - 1]:.4g}" if end is not None else ""
    return " ".join(filter(None, (low, high)))


def _label_shares(before: PredictionCounts, now: PredictionCounts, task: str) -> dict[str, dict[str, float]]:
    """Return each label's share of the articles in both, and the 95 % interval of the difference."""
    n_before, n = (int(counts.counts[task].sum()) for counts in (before, now))
    if not (n_before and n):
        return {}
    columns = (before.heads[task], before.counts[f"{task}_held"], now.counts[f"{task}_held"])
    shares = {}
    for label, a, b in zip(*columns, strict=True):
        low, high = difference_interval(int(a), n_before, int(b), n)
        values = {"reference": a / n_before, "now": b / n, "low": low, "high": high}
        shares[label] = {name: round(value, 4) for name, value in values.items()}
    return shares


def difference_interval(a: int, n_a: int, b: int, n_b: int) -> tuple[float, float]:
    """Return the 95 % interval of `b / n_b - a / n_a`, which combines the Wilson intervals of both shares.

    Source: method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998).
    """
    p, q = a / n_a, b / n_b
    (p_low, p_high), (q_low, q_high) = _wilson(a, n_a), _wilson(b, n_b)
    return q - p - math.hypot(q - q_low, p_high - p), q - p + math.hypot(q_high - q, p - p_low)


def _wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    p = k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
