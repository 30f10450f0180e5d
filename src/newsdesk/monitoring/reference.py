"""Drift references: the counts of a model on articles that it was not trained on, as `drift.json`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, sha256, sha256_of_json
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts

FORMAT = 1
REFERENCE = "drift.json"  # file name in the folder of a packaged model
WEIGHTS = "weights.npz"
BATCH = 1024
N_LOOKED_UP = 10_000  # articles, about, whose words are looked up
# The largest PSI that is not drift, by quantity; docs/drift.md says how these limits were found.
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


def build_reference(
    counts: PredictionCounts, *, model: Mapping[str, Any], sources: Mapping[str, int]
) -> dict[str, Any]:
    """Return a reference as JSON types: counts, their model and sources, and limits, which users may edit."""
    return {
        "format": FORMAT,
        "model": dict(model),
        "made_of": {"sources": dict(sorted(sources.items()))},
        "limits": dict(LIMITS),
        **counts.as_dict(),
    }


def count_unseen_articles(
    articles: pa.Table, scorer: Scorer, *, trained_groups: Collection[str]
) -> tuple[PredictionCounts, dict[str, int]]:
    """Count the articles, also by source, that are not of evaluation outlets or trained groups."""
    trained = pc.is_in(articles["group_id"], pa.array(sorted(trained_groups), pa.string()))
    unseen = articles.filter(pc.and_(pc.invert(trained), pc.not_equal(articles["split"], "evaluation")))
    if not unseen.num_rows:
        raise ValueError("no article for a drift reference: the model was trained on all of them")
    counts = PredictionCounts.for_model(scorer, lookup_every=max(1, unseen.num_rows // N_LOOKED_UP))
    for batch in unseen.select(["title", "text"]).to_batches(max_chunksize=BATCH):
        titles, texts = batch["title"].to_pylist(), batch["text"].to_pylist()
        counts.update(scorer.predict(titles, texts), titles=titles, texts=texts)
    return counts, {row["values"]: row["counts"] for row in pc.value_counts(unseen["source"]).to_pylist()}


def parse_reference(reference: Any) -> tuple[PredictionCounts, Mapping[str, float]]:
    """Return the counts of a reference and its limit for each quantity; raise ValueError if it is damaged."""
    try:
        if reference["format"] != FORMAT:
            raise ValueError(f"drift reference: expected format {FORMAT}, found {reference['format']!r}")
        limits = {name: float(reference["limits"][name]) for name in LIMITS}
        if not all(limit >= 0 for limit in limits.values()):
            raise ValueError("drift reference: limits: expected numbers from 0")
        _ = reference["made_of"], [reference["model"][key] for key in ("name", "version", "weights_sha256")]
        return PredictionCounts.from_dict(reference), limits
    except (KeyError, TypeError) as error:
        raise ValueError(f"no drift reference as `newsdesk drift reference` writes it: {error}") from None


def read_reference(path: Path) -> Any:
    """Read a reference file as JSON types; raise if it is missing or damaged."""
    if not path.exists():
        raise NewsdeskError(f"{path}: no such reference; make one with `newsdesk drift reference`")
    reference = read_json(path)
    try:
        parse_reference(reference)
        sha256_of_json(reference)  # rejects infinity, which JSON reports can't hold
    except ValueError as error:
        raise NewsdeskError(f"{path}: {error}") from None
    return reference


def read_reference_of(scorer: Scorer, folder: Path, path: Path) -> Any:
    """Read a reference file as JSON types; raise if it is not of the model in the folder."""
    reference = read_reference(path)
    expected, found = model_identity(scorer, folder), reference["model"]
    if found != expected:
        raise NewsdeskError(
            f"{path}: made with model {_describe(found)}, not with {_describe(expected)}; "
            "give that model, or make a reference with this one"
        )
    if reference["heads"] != {head.task: list(head.labels) for head in scorer.heads}:
        raise NewsdeskError(f"{path}: its labels are not the model's; make a reference with this model")
    return reference


def model_identity(scorer: Scorer, folder: Path) -> dict[str, str]:
    """Return name, version and weights hash of the model in a folder."""
    weights_sha256 = sha256(folder / WEIGHTS)
    return {"name": scorer.info["name"], "version": scorer.info["version"], "weights_sha256": weights_sha256}


def _describe(model: Mapping[str, str]) -> str:
    return f"{model['name']} {model['version']} ({model['weights_sha256'][:12]})"
