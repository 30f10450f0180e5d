"""Build the manifest of a finished job from the checkpoints of its parts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from newsdesk.batch.part_writer import Checkpoint

# The underscore hides these files from readers that take the folder as a table: Spark, pandas, Hive.
MANIFEST = "_manifest.json"
QUARANTINE = "_quarantine.jsonl"
DRIFT = "_drift.json"
NAMED_DUPLICATES = 20

Row = Mapping[str, Any]


def build_manifest(
    checkpoints: Sequence[Checkpoint],
    *,
    model: Row,
    settings: Row,
    inputs: Sequence[Row],
    times: Row,
    duplicate_ids: Row,
    quarantine_sha256: str,
    drift: Row | None,
) -> dict[str, Any]:
    """Build the manifest of a job.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint
        In the order of the parts.
    model, settings, inputs : mapping and sequence of mapping
        As in `JobSpec`.
    times : mapping
        `started_at`, `finished_at` and `scored_at` in ISO 8601.
    duplicate_ids : mapping
        As `count_duplicates` returns it.
    drift : mapping or None
        Name, verdict and hash of the drift report.
    """
    read, refused_of, broken, refused, abstained, carried = (
        _total(getattr(checkpoint, name) for checkpoint in checkpoints)
        for name in ("read", "refused_of", "broken", "refused", "abstained", "carried")
    )
    scored = sum(checkpoint.rows for checkpoint in checkpoints)
    return {
        "started_at": times["started_at"],
        "finished_at": times["finished_at"],
        "scored_at": times["scored_at"],
        "model": model,
        "settings": settings,
        "rows": {
            "read": scored + refused.total(),
            "scored": scored,
            "refused": refused.total(),
            "refused_by_reason": dict(sorted(refused.items())),
            "abstained_by_reason": dict(sorted(abstained.items())),
            "files_broken": len(broken),
        },
        "duplicate_ids": duplicate_ids,
        "carried": {name: carried[name] for name in settings["carry"]},
        "inputs": [{**row, "read": read[k], "refused": refused_of[k]} for k, row in enumerate(inputs)],
        "parts": [
            {"name": c.name, "rows": c.rows, "bytes": c.bytes, "sha256": c.sha256} for c in checkpoints
        ],
        "quarantine": {"name": QUARANTINE, "rows": refused.total(), "sha256": quarantine_sha256},
        "drift": drift,
    }


def _total(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def count_duplicates(read_ids: Callable[[], Iterable[list[bytes]]]) -> dict[str, Any]:
    """Count rows whose identifier came before, and name the first repeated identifiers.

    Parameters
    ----------
    read_ids : callable
        Yields the identifiers of each part. They are read twice if one is repeated, since only hashes of
        eight bytes are kept in memory.
    """
    hashes = np.concatenate([np.empty(0, np.uint64), *(_hash_ids(ids) for ids in read_ids())])
    unique, counts = np.unique(hashes, return_counts=True)
    repeated, counts = unique[counts > 1], counts[counts > 1]
    first: dict[str, int] = {}
    for ids in read_ids() if len(repeated) else ():
        for row in np.flatnonzero(np.isin(_hash_ids(ids), repeated)):
            if len(first) == NAMED_DUPLICATES:
                break
            k = int(np.searchsorted(repeated, _hash_ids([ids[row]]))[0])
            first[ids[row].decode()] = int(counts[k])
    return {"rows": len(hashes) - len(unique), "ids": len(repeated), "first": first}


def _hash_ids(ids: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    digests = b"".join(hashlib.blake2b(identifier, digest_size=8).digest() for identifier in ids)
    return np.frombuffer(digests, np.uint64)
