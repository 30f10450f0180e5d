"""Build the manifest of a finished job from the checkpoints of its parts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from newsdesk.batch.identity import Row
from newsdesk.batch.part_writer import Checkpoint
from newsdesk.readers.account import Account

# The underscore hides these files from readers that take the folder as a table: Spark, pandas, Hive.
MANIFEST = "_manifest.json"
QUARANTINE = "_quarantine.jsonl"
DRIFT = "_drift.json"
NAMED_DUPLICATES = 20


def build_manifest(
    checkpoints: Sequence[Checkpoint],
    begun: Row,
    *,
    finished_at: str,
    duplicate_ids: Row,
    quarantine_sha256: str,
    drift: Row | None,
) -> dict[str, Any]:
    """Build the manifest of a job from the checkpoints in the order of the parts, and from `job.json`."""
    account = build_account(checkpoints, begun["inputs"])
    total = account.total
    broken, abstained, carried = (
        sum((getattr(checkpoint, name) for checkpoint in checkpoints), Counter[Any]())
        for name in ("broken", "abstained", "carried")
    )
    return {
        "started_at": begun["started_at"],
        "finished_at": finished_at,
        "scored_at": begun["scored_at"],
        "code": begun["code"],
        "model": begun["model"],
        "settings": begun["settings"],
        "rows": {
            "read": total.seen,
            "scored": total.kept,
            "refused": total.refused.total(),
            "refused_by_reason": dict(sorted(total.refused.items())),
            "abstained_by_reason": dict(sorted(abstained.items())),
            "files_broken": len(broken),
        },
        "account": account.as_dict(),
        "duplicate_ids": duplicate_ids,
        "carried": {name: carried[name] for name in begun["settings"]["carry"]},
        "inputs": count_records(begun["inputs"], checkpoints),
        "parts": [
            {name: getattr(part, name) for name in ("name", "rows", "bytes", "sha256")}
            for part in checkpoints
        ],
        "quarantine": {"name": QUARANTINE, "rows": total.refused.total(), "sha256": quarantine_sha256},
        "drift": drift,
    }


def count_records(inputs: Sequence[Row], checkpoints: Iterable[Checkpoint]) -> list[dict[str, Any]]:
    """Return the inputs with the numbers of records that finished parts have read and refused of each."""
    read, refused = Counter[int](), Counter[int]()
    for checkpoint in checkpoints:
        read.update(checkpoint.read)
        refused.update({number: reasons.total() for number, reasons in checkpoint.refused.items()})
    return [{**row, "read": read[k], "refused": refused[k]} for k, row in enumerate(inputs)]


def build_account(checkpoints: Iterable[Checkpoint], inputs: Sequence[Row]) -> Account:
    """Build the account of all parts by input file."""
    account = Account()
    names = [row.get("percent_encoded", row["file"]) for row in inputs]
    for name in names:
        account.open(name)
    for checkpoint in checkpoints:
        for number, seen in checkpoint.read.items():
            refused = checkpoint.refused.get(number, Counter())
            name, kept = names[number], seen - refused.total()
            account.add(name, seen=seen, kept=kept, refused=refused, lines=checkpoint.lines[number])
    return account


def count_duplicates(read_ids: Callable[[], Iterable[list[bytes]]]) -> dict[str, Any]:
    """Count rows whose identifier came before, and name the first repeated identifiers.

    The identifiers of the parts are read twice if one is repeated, since only hashes are kept in memory.
    """
    hashes = np.concatenate([np.empty(0, np.uint64), *map(_hash_ids, read_ids())])
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
