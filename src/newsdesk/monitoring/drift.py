"""Tell whether what a model is given, and says, still is what it was: PSI against a reference, by limits."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import LANGUAGES, LENGTH_EDGES, NONE, OUTCOMES, UNKNOWN_EDGES, IntArray, Tally

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Verdict = Literal["quiet", "drift", "too_few"]

FORMAT = 1
N_CELLS = 10  # of equal mass in the reference, as PSI is used to
REFERENCE = "drift.json"  # its place in a packaged model
MIN_ROWS = 100  # fewer tell too little: of samples as small the interval is too narrow
PRIOR = 0.5  # Jeffreys': articles that each cell is given, so that none is empty
BATCH = 1024
# The largest PSI that is no drift, by quantity; docs/drift.md tells how they were found.
LIMITS: Mapping[str, float] = {
    "language": 0.05,
    "abstention": 0.05,
    "length": 0.1,
    "unknown": 0.15,
    "region": 0.2,
    "topic": 0.45,
    "region_scores": 0.05,
    "topic_scores": 0.05,
}


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one quantity lies from the reference.

    Attributes
    ----------
    n : int
        Articles that it was measured on.
    psi : float
        As measured; of scores, the mean over labels.
    by_chance : float
        How much of it is there though nothing changed: it grows with the cells and falls with `n`. Where
        much changed it may be below 0, as the prior of empty cells takes more than chance adds.
    low, high : float
        95 % interval of the PSI without its share of chance.
    limit : float
    verdict : str
        `drift` where `low` is above the limit, `too_few` with fewer than `MIN_ROWS` articles, else `quiet`.
    most : str
        The cell, or the label, that adds most.
    """

    quantity: str
    n: int
    psi: float
    by_chance: float
    low: float
    high: float
    limit: float
    verdict: Verdict
    most: str


def psi(expected: FloatArray, found: FloatArray) -> FloatArray:
    """Population stability index of shares: the sum of `(found - expected) ln(found / expected)`.

    It is the divergence of Jeffreys (1946), named so by Siddiqi, Credit Risk Scorecards (2006).

    Parameters
    ----------
    expected, found : ndarray of shape (..., n_cells)
        Shares above 0.

    Returns
    -------
    ndarray of shape (...)
    """
    total: FloatArray = np.sum((found - expected) * np.log(found / expected), axis=-1)
    return total


def cells_of_equal_mass(counts: IntArray, n_cells: int = N_CELLS) -> IntArray:
    """Join neighbouring fine cells into at most so many of about equal mass.

    Returns
    -------
    ndarray of shape (n_fine,)
        The joined cell of each fine one, from 0.
    """
    # where the middle of a fine cell lies among all articles
    position = (np.cumsum(counts) - counts / 2.0) / max(1, counts.sum())
    cells = np.minimum((position * n_cells).astype(np.int64), n_cells - 1)
    numbered: IntArray = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    return numbered


def measure(
    expected: IntArray, found: IntArray, *, n_bootstrap: int, seed: Sequence[int]
) -> tuple[float, float, FloatArray]:
    """PSI of two rows of counts, how much of it is chance, and draws of it without chance.

    Each draw takes both samples anew (a parametric bootstrap of two multinomials), which adds as much chance
    as there is already: the draws' mean less the measured PSI is the bootstrap's estimate of bias (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 10). With many articles in each cell it is
    (n_cells - 1) (1/n + 1/m) where nothing changed (B. Yurdakul, Statistical Properties of Population
    Stability Index, Western Michigan University, 2018). It is in the measured PSI once and in a draw twice.
    Articles count as independent: copies of one story in a window make the interval too narrow, which the
    limits allow for.

    Parameters
    ----------
    expected, found : int ndarray of shape (n_cells,)

    Returns
    -------
    float, float, ndarray of shape (n_bootstrap,)
    """
    p, q = _shares(expected), _shares(found)
    value = float(psi(p, q))
    rng = np.random.default_rng(seed)
    draws = psi(
        _shares(rng.multinomial(int(expected.sum()), p, n_bootstrap)),
        _shares(rng.multinomial(int(found.sum()), q, n_bootstrap)),
    )
    chance = float(draws.mean()) - value
    return value, chance, draws - 2.0 * chance


def _shares(counts: IntArray) -> FloatArray:
    given = counts + PRIOR
    shares: FloatArray = given / given.sum(axis=-1, keepdims=True)
    return shares


def compare(
    reference: Mapping[str, Any], tally: Tally, *, n_bootstrap: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """The report of a tally against a reference.

    Parameters
    ----------
    reference : dict
        As `describe` makes it.
    n_bootstrap : int
        Draws of each interval.

    Returns
    -------
    dict
        `verdict` is `drift` if any quantity's is, `too_few` if all are, else `quiet`; `quantities` are
        `Shift`s, `labels` the share of each label then and now with the interval of its change.

    Raises
    ------
    ValueError
        If the reference is none, or is of a model with other labels.
    """
    before, limits = parse_reference(reference)
    if before.heads != tally.heads:
        raise ValueError("the reference is of a model with other labels; make it anew with this one")
    shifts = [
        _shift(name, before, tally, limit=limits[name], n_bootstrap=n_bootstrap, seed=seed) for name in LIMITS
    ]
    drifted = [shift.quantity for shift in shifts if shift.verdict == "drift"]
    told = any(shift.verdict != "too_few" for shift in shifts)
    verdict: Verdict = "drift" if drifted else "quiet" if told else "too_few"
    return {
        "verdict": verdict,
        "drifted": drifted,
        "n_rows": tally.n_rows,
        "reference": {"n_rows": before.n_rows, **{key: reference[key] for key in ("model", "made_of")}},
        "settings": {"n_bootstrap": n_bootstrap, "seed": seed, "min_rows": MIN_ROWS},
        "quantities": [asdict(shift) for shift in shifts],
        "labels": {task: _label_shares(before, tally, task) for task in tally.heads},
    }


def parse_reference(reference: Any) -> tuple[Tally, Mapping[str, float]]:
    """The counts of a reference, and its limit of each quantity.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        if reference["format"] != FORMAT:
            raise ValueError(f"reference of format {reference['format']!r}, this version reads {FORMAT}")
        limits = {name: float(reference["limits"][name]) for name in LIMITS}
        if not all(limit >= 0 for limit in limits.values()):
            raise ValueError("a limit is no number from 0 on")
        _ = reference["model"], reference["made_of"]
        return Tally.from_dict(reference), limits
    except (KeyError, TypeError) as error:
        raise ValueError(f"no reference: it lacks {error}") from None


def _shift(name: str, before: Tally, now: Tally, *, limit: float, n_bootstrap: int, seed: int) -> Shift:
    pairs, names = _cells(name, before, now)
    n_before, n = (int(min(counts.sum() for counts in side)) for side in zip(*pairs, strict=True))
    if min(n_before, n) < MIN_ROWS:
        return Shift(name, n, 0.0, 0.0, 0.0, 0.0, limit, "too_few", "")
    measured = [
        measure(a, b, n_bootstrap=n_bootstrap, seed=[seed, list(LIMITS).index(name), i])
        for i, (a, b) in enumerate(pairs)
    ]
    # labels of one article move together: their draws are averaged in order of size, as if all the way
    draws = np.mean([np.sort(draw) for _, _, draw in measured], axis=0)
    low, high = (round(max(0.0, float(x)), 4) for x in np.quantile(draws, [0.025, 0.975]))
    value, chance = (round(float(np.mean([part[k] for part in measured])), 4) for k in (0, 1))
    if before.counts[name].ndim == 2:
        most = names[int(np.argmax([part[0] - part[1] for part in measured]))]
    else:
        p, q = _shares(pairs[0][0]), _shares(pairs[0][1])
        most = names[int(np.argmax((q - p) * np.log(q / p)))]
    verdict: Verdict = "drift" if low > limit else "quiet"
    return Shift(name, n, value, chance, low, high, limit, verdict, most)


def _cells(name: str, before: Tally, now: Tally) -> tuple[list[tuple[IntArray, IntArray]], Sequence[str]]:
    """Pairs of counts to compare, and the names of their cells; of scores, a pair and a name a label."""
    a, b = before.counts[name], now.counts[name]
    if name == "language":
        return [(a, b)], LANGUAGES
    if name == "abstention":
        return [(a, b)], OUTCOMES
    if name in before.heads:
        return [(a, b)], (*before.heads[name], NONE)
    if a.ndim == 2:
        joined = [_join(cells_of_equal_mass(row), row, other)[0] for row, other in zip(a, b, strict=True)]
        return joined, before.heads[name.removesuffix("_scores")]
    pair, firsts = _join(cells_of_equal_mass(a), a, b)
    edges = LENGTH_EDGES if name == "length" else UNKNOWN_EDGES
    return [pair], [
        _span(edges, first, last) for first, last in zip(firsts, [*firsts[1:], None], strict=True)
    ]


def _join(cells: IntArray, a: IntArray, b: IntArray) -> tuple[tuple[IntArray, IntArray], list[int]]:
    firsts = np.flatnonzero(np.diff(cells, prepend=-1))
    return (np.add.reduceat(a, firsts), np.add.reduceat(b, firsts)), firsts.tolist()


def _span(edges: FloatArray, first: int, last: int | None) -> str:
    """The values of fine cells from `first` up to `last`."""
    low = f"from {edges[first - 1]:.4g}" if first else ""
    high = f"below {edges[last - 1]:.4g}" if last is not None else ""
    return " ".join(filter(None, (low, high)))


def _label_shares(before: Tally, now: Tally, task: str) -> dict[str, dict[str, float]]:
    """Share of the articles with each label, and the 95 % interval of its change."""
    n_before, n = (int(tally.counts[task].sum()) for tally in (before, now))
    if not (n_before and n):
        return {}
    shares = {}
    for label, a, b in zip(
        before.heads[task], before.counts[f"{task}_held"], now.counts[f"{task}_held"], strict=True
    ):
        low, high = difference_interval(int(a), n_before, int(b), n)
        values = {"reference": a / n_before, "now": b / n, "low": low, "high": high}
        shares[label] = {name: round(value, 4) for name, value in values.items()}
    return shares


def difference_interval(a: int, n_a: int, b: int, n_b: int) -> tuple[float, float]:
    """95 % interval of the share `b` of `n_b` less the share `a` of `n_a`.

    Method 10 of R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17 (1998): the Wilson intervals of both, combined.
    """
    p, q = a / n_a, b / n_b
    (p_low, p_high), (q_low, q_high) = _wilson(a, n_a), _wilson(b, n_b)
    low = q - p - math.hypot(q - q_low, p_high - p)
    high = q - p + math.hypot(q_high - q, p - p_low)
    return low, high


def _wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    p = k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def describe(tally: Tally, *, model: Mapping[str, Any], made_of: Mapping[str, Any]) -> dict[str, Any]:
    """A reference as JSON keeps it: the counts, what made them, and the limits, which may be edited there."""
    return {
        "format": FORMAT,
        "model": dict(model),
        "made_of": dict(made_of),
        "limits": dict(LIMITS),
        **tally.as_dict(),
    }


def name_model(scorer: Scorer, weights_sha256: str) -> dict[str, str]:
    """What a reference knows its model by."""
    return {"name": scorer.info["name"], "version": scorer.info["version"], "weights_sha256": weights_sha256}


def build_reference(
    articles: pa.Table, scorer: Scorer, *, trained: Collection[str], model: Mapping[str, Any]
) -> dict[str, Any]:
    """The reference of a model: what it says of the articles that it did not learn.

    Those of evaluation outlets stay out, and every near-duplicate of an article that trained.

    Parameters
    ----------
    articles : Table
        Columns `title`, `text`, `source`, `group_id`, `split`.
    trained : collection of str
        Near-duplicate groups (`group_id`) of the articles that trained the model.
    model : dict
        What to know the model by.

    Raises
    ------
    ValueError
        If no article is left.
    """
    learned = pc.is_in(articles["group_id"], pa.array(sorted(trained), pa.string()))
    kept = articles.filter(pc.and_(pc.invert(learned), pc.not_equal(articles["split"], "evaluation")))
    if not kept.num_rows:
        raise ValueError("no article for a reference: the model learned all of them")
    tally = Tally.of(scorer, every=1)
    for rows in kept.select(["title", "text"]).to_batches(max_chunksize=BATCH):
        titles, texts = rows["title"].to_pylist(), rows["text"].to_pylist()
        tally.update(scorer.predict(titles, texts), titles=titles, texts=texts)
    sources = pc.value_counts(kept["source"]).to_pylist()
    return describe(
        tally,
        model=model,
        made_of={"sources": dict(sorted((row["values"], row["counts"]) for row in sources))},
    )
