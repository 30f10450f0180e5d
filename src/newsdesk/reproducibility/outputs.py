"""Compare each output of a rerun, and of the checkout, to the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsdesk.reproducibility.diff import Difference, compare_outputs
from newsdesk.reproducibility.dvc_lock import LockedStage, md5_of

VERDICTS = ("equal", "rounding", "differs")  # from best to worst


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """An output of a stage: its MD5 in the lock, after the rerun and in the checkout (None if missing)."""

    stage: str
    path: str
    locked: str
    rerun: str | None
    checkout: str | None
    verdict: str
    message: str = ""
    differences: tuple[Difference, ...] = ()


def compare_to_lock(
    locked: Mapping[str, LockedStage], ran: Mapping[str, LockedStage], *, rerun: Path, checkout: Path
) -> Iterator[OutputComparison]:
    """Compare outputs by hash, and by value if the rerun or the checkout has the content of the lock."""
    for name, stage in locked.items():
        for path, md5 in stage.outs.items():
            found = ran[name].outs.get(path) if name in ran else None
            hashes = name, path, md5, found, md5_of(checkout / path)
            if found == md5 and hashes[-1] in (md5, None):
                yield OutputComparison(*hashes, "equal")
            elif found == md5:
                differences = compare_outputs(rerun / path, checkout / path)
                yield OutputComparison(*hashes, "differs", "changed in the checkout", tuple(differences))
            elif found is None:
                yield OutputComparison(*hashes, "differs", "not made by the rerun")
            elif hashes[-1] == md5:
                differences = compare_outputs(checkout / path, rerun / path)
                verdict = "rounding" if all(d.rounding for d in differences) else "differs"
                yield OutputComparison(*hashes, verdict, "other content from the rerun", tuple(differences))
            else:
                message = "other content from the rerun; `dvc checkout` makes it possible to compare values"
                yield OutputComparison(*hashes, "differs", message)
