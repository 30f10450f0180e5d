"""Hold a lock against a rerun and the files at hand: outputs first, then predictions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.batch.output_reader import read_output
from newsdesk.reproducibility import rerun
from newsdesk.reproducibility.bytewise import compare_outputs
from newsdesk.reproducibility.certificate import Compared, Finding, compare_predictions
from newsdesk.reproducibility.dvc_lock import Stage, changed_inputs, md5_of, parse_lock
from newsdesk.reproducibility.kept import committed, damaged, fetch

LOCK = "dvc.lock"
MODEL, ARTICLES, RECEIPT = "model", "data/clean/articles.parquet", "metrics/receipt.json"


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared.

    Attributes
    ----------
    stages : sequence of Stage
        Of the committed lock, in the order of running.
    commit : str
        Whose lock that is.
    folder, ran : Path
        Where the lock lies in the checkout, and in the clone that was run again.
    cache : Path
        DVC's, of the checkout.
    scratch : Path
        For copies and labels.
    """

    stages: Sequence[Stage]
    commit: str
    folder: Path
    ran: Path
    cache: Path
    scratch: Path

    def outputs(self) -> Iterator[tuple[Stage, str, str]]:
        """Stage, path and hash of each output."""
        for stage in self.stages:
            for path, md5 in stage.outs.items():
                yield stage, path, md5

    def locate(self, path: str, md5: str) -> Path | None:
        """Where the content lies that the lock names; the rerun's is it too, if it is the same."""
        if md5_of(self.ran / path) == md5:
            return self.ran / path
        into = self.scratch / "kept"
        return fetch(path, md5, folder=self.folder, commit=self.commit, cache=self.cache, into=into)


def inspect(sides: Sides) -> tuple[list[Compared], list[Finding]]:
    """Compare every output of every stage, and what went into each."""
    findings = list(_inputs(sides))
    compared = []
    for stage, path, md5 in sides.outputs():
        outcome = Compared(stage.name, path, md5, md5_of(sides.ran / path), md5_of(sides.folder / path))
        compared.append(outcome)
        findings += _output(sides, outcome)
    return compared, findings


def _inputs(sides: Sides) -> Iterator[Finding]:
    lock = sides.folder / LOCK
    at_hand = lock.read_bytes() if lock.is_file() else None
    if committed(LOCK, folder=sides.folder, commit=sides.commit) != at_hand:
        yield Finding("lock", "", LOCK, f"{LOCK} at hand is not the one of commit {sides.commit[:12]}")
    wrote = parse_lock((sides.ran / LOCK).read_text(encoding="utf-8"), str(sides.ran / LOCK))
    for stage, names in changed_inputs(sides.stages, wrote).items():
        told = f"not what the lock was made with: {', '.join(names)}; run `dvc repro` and commit {LOCK}"
        yield Finding("inputs", stage, "", told)


def _output(sides: Sides, outcome: Compared) -> Iterator[Finding]:
    stage, path, md5 = outcome.stage, outcome.path, outcome.expected
    kept = sides.locate(path, md5)
    if outcome.found is None:
        yield Finding("rerun", stage, path, f"{path}: the rerun made none")
    elif outcome.found != md5:
        nowhere = "" if kept else "; what the lock names is nowhere at hand, so that only hashes are compared"
        differences = tuple(compare_outputs(kept, sides.ran / path)) if kept else ()
        yield Finding("rerun", stage, path, f"{path}: the rerun gives other bytes{nowhere}", differences)
    if outcome.at_hand not in (None, md5):
        differences = tuple(compare_outputs(kept, sides.folder / path)) if kept else ()
        told = "is what the rerun gives, and not" if outcome.at_hand == outcome.found else "is not"
        message = f"{path}: what is at hand {told} what the lock says"
        yield Finding("at_hand", stage, path, message, differences)
    for name in damaged(md5, sides.cache):
        what = f"{name} of {path}" if name else path
        told = f"{what}: its content in .dvc/cache is not what its name there says; remove it there"
        yield Finding("cache", stage, path, told)


def inspect_predictions(sides: Sides, environment: Mapping[str, str]) -> tuple[dict[str, Any], list[Finding]]:
    """Label the same articles by the model of the lock, that of the rerun and that at hand, and compare.

    The rerun's labels under its conditions, the others in an ordinary environment, each in a process of its
    own.

    Parameters
    ----------
    environment : mapping of str to str
        The variables that make the rerun's conditions.

    Returns
    -------
    dict
        JSON: of `lock` and of `at_hand`, if that is another model, what was compared with the rerun; or why
        nothing was, as `reason`.
    """
    found = {path: (stage.name, md5) for stage, path, md5 in sides.outputs()}
    if MODEL not in found or ARTICLES not in found:
        return {"reason": "the lock has no packaged model, or no articles"}, []
    stage, md5 = found[MODEL]
    plain = rerun.plain_environment(sides.scratch / rerun.CHECKOUT / "src")
    folder = sides.scratch / "labels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def labels(name: str, model: Path, extra: Mapping[str, str]) -> list[Any]:
        output = folder / f"{name}.parquet"
        rerun.label(sides.ran / ARTICLES, model, output, plain | dict(extra))
        return list(read_output(output))

    now = labels("rerun", sides.ran / MODEL, environment)
    account: dict[str, Any] = {}
    findings = []
    if kept := sides.locate(MODEL, md5):
        what = "the model of the lock and that of the rerun"
        account["lock"], finding = compare_predictions(
            labels("lock", kept, {}), now, stage=stage, path=MODEL, what=what
        )
        findings.append(finding)
    else:
        account["reason"] = (
            "the model of the lock is nowhere at hand; its predictions are compared by hash alone"
        )
    if md5_of(sides.folder / MODEL) not in (None, md5):
        what = "the model at hand and that of the rerun"
        try:
            at_hand = labels("at_hand", sides.folder / MODEL, {})
        except NewsdeskError as error:
            findings.append(Finding("at_hand", stage, MODEL, f"the model at hand does not label: {error}"))
        else:
            account["at_hand"], finding = compare_predictions(
                at_hand, now, stage=stage, path=MODEL, what=what
            )
            findings.append(finding)
    return account, [finding for finding in findings if finding]


def receipt_of(sides: Sides) -> str | None:
    """SHA-256 of the receipt that the lock names, by which its run is found; None where it is nowhere."""
    for _, path, md5 in sides.outputs():
        if path == RECEIPT:
            kept = sides.locate(path, md5)
            return sha256(kept) if kept else None
    return None
