"""The folder of a job, written so that a stop at any moment loses no finished part.

A resumed job continues after the last complete part. The manifest is written last: a job with a manifest is
finished, and its work folder is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write, read_json, sha256, write_json
from newsdesk.batch.input_reader import Input, Offset
from newsdesk.batch.labeling import iso
from newsdesk.batch.manifest import DRIFT, MANIFEST, QUARANTINE, Row, build_manifest, count_duplicates
from newsdesk.batch.part_writer import NUL, WORK, Checkpoint, files_of_part, read_checkpoint, work_file
from newsdesk.monitoring import drift
from newsdesk.monitoring.counts import PredictionCounts

BEGUN = "job.json"
LOCK = "lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a job's folder for this process; the system releases the lock when the process ends in any way."""
    created = not folder.exists()
    work = folder / WORK
    while True:
        work.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(work / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:  # another job has just ended and removed its work folder
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise NewsdeskError(f"{folder}: another process is working on this job") from None
        with suppress(FileNotFoundError):  # another job may have removed the file in between
            if os.fstat(handle).st_ino == (work / LOCK).stat().st_ino:
                break
        os.close(handle)
    try:
        yield
    finally:
        if not (work / BEGUN).exists():
            shutil.rmtree(work, ignore_errors=True)
            if created and not any(folder.iterdir()):
                folder.rmdir()
        os.close(handle)


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Return the name, size and hash of each input; size and hash are null if it can't be read."""
    seen: set[Path] = set()
    described = []
    for each in inputs:
        row: dict[str, Any] = {"file": each.provenance.printable_file, "bytes": None, "sha256": None}
        described.append(row)
        if each.path is None:
            if each.refusal is None:
                raise NewsdeskError(
                    "standard input can't be read twice, so a job can't resume it; give files"
                )
            continue
        path = each.path.resolve()
        if path in seen:
            raise NewsdeskError(f"{each.provenance.file}: the inputs name this file twice")
        seen.add(path)
        with suppress(OSError):  # reading it yields a refusal
            row |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
    return described


@dataclass
class Job:
    """A job in its folder, which `lock_folder` must have locked.

    `model`, `settings` and `inputs` decide the bytes of its parts.
    """

    folder: Path
    model: Row
    settings: Row
    inputs: list[dict[str, Any]]  # as `describe_inputs` returns them
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)  # of the finished parts, by number

    @property
    def id(self) -> str:
        """The hash of `job.json`, by which parts know their job."""
        return sha256(self.folder / WORK / BEGUN)

    @property
    def next_offset(self) -> Offset:
        """Where the next part begins if parts are written in order."""
        return self.checkpoints[max(self.checkpoints)].ends if self.checkpoints else Offset()

    def find_difference(self, other: Mapping[str, Any]) -> str | None:
        """Describe the first difference to the JSON of another job, None if there is none."""
        theirs, ours = ({row["file"]: row for row in rows} for rows in (other["inputs"], self.inputs))
        for name in [*theirs, *ours]:
            if name not in theirs:
                return f"the input {name} was not there"
            if name not in ours:
                return f"the input {name} is not there any more"
            if theirs[name]["sha256"] != ours[name]["sha256"]:
                return f"the input {name} has changed"
        for group, values in (("settings", self.settings), ("model", self.model)):
            for name, value in values.items():
                if other[group].get(name) != value:
                    return f"{group}: {name} was {other[group].get(name)}, is {value}"
        return None if list(theirs) == list(ours) else "the inputs come in another order"

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest if this job is finished; raise if another job is, or a file has changed."""
        path = self.folder / MANIFEST
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        self._check_same(manifest, "holds another job")
        reports = [manifest["drift"]] if manifest["drift"] else []
        for entry in [*manifest["parts"], manifest["quarantine"], *reports]:
            file = self.folder / entry["name"]
            if not file.is_file() or sha256(file) != entry["sha256"]:
                found = "differs from the manifest" if file.exists() else "missing"
                raise NewsdeskError(f"{file}: {found}; remove {self.folder} and run the job again")
        (self.folder / WORK / BEGUN).unlink(missing_ok=True)  # left if stopped after the manifest
        return manifest

    def begin(self, *, resume: bool, scored_at: datetime | None) -> datetime:
        """Begin the job, or continue it after its finished parts; return the value of column `scored_at`."""
        begun = self.folder / WORK / BEGUN
        if not begun.exists():
            others = sorted(p.name for p in self.folder.iterdir() if p.name != WORK)
            if others:
                raise NewsdeskError(f"{self.folder}: holds other files ({others[0]}); name a new folder")
            started_at = utc_now()
            time = scored_at or datetime.fromisoformat(started_at)
            content = {"started_at": started_at, "scored_at": iso(time)}
            content |= {name: getattr(self, name) for name in ("model", "settings", "inputs")}
            write_json(content, begun)
            return time
        content = read_json(begun)
        if not resume:
            raise NewsdeskError(f"{self.folder}: holds a job that was stopped; add --resume to continue it")
        self._check_same(content, "can't be resumed")
        time = datetime.fromisoformat(content["scored_at"])
        if scored_at and scored_at != time:
            raise NewsdeskError(f"{self.folder}: can't be resumed: --scored-at was {content['scored_at']}")
        self._recover()
        return time

    def _check_same(self, content: Row, problem: str) -> None:
        if difference := self.find_difference(content):
            raise NewsdeskError(f"{self.folder}: {problem}: {difference}; name a new folder")

    def _recover(self) -> None:
        """Read the checkpoints of finished parts, and remove all other files of the job."""
        work, job = self.folder / WORK, self.id
        keep = {work / BEGUN, work / LOCK}
        numbers = sorted(int(path.stem.removeprefix("part-")) for path in work.glob("part-*.json"))
        if self.settings["engine"] == "local":  # which writes parts in order; others leave gaps
            numbers = [number for k, number in enumerate(numbers) if number == k]
        for number in numbers:
            if found := read_checkpoint(self.folder, number, job=job):
                self.checkpoints[number] = found
                keep |= files_of_part(self.folder, number, found)
            elif self.settings["engine"] == "local":
                break
        patterns = ("part-[0-9]*", ".*.part", QUARANTINE, DRIFT)  # nothing else in the folder is ours
        files = [path for pattern in patterns for path in self.folder.glob(pattern)]
        for path in [*files, *work.iterdir()]:
            if path not in keep:
                path.unlink(missing_ok=True)  # a worker on another machine may still remove its own files

    def finish(self, reference: Row | None) -> dict[str, Any]:
        """Write quarantine, drift report against a reference, and manifest; return the manifest."""
        checkpoints = [self.checkpoints[number] for number in sorted(self.checkpoints)]
        with atomic_write(self.folder / QUARANTINE) as path, path.open("wb") as quarantine:
            for number in range(len(checkpoints)):
                with work_file(self.folder, number, "refused").open("rb") as lines:
                    shutil.copyfileobj(lines, quarantine)
        drift_entry = self._write_drift(checkpoints, reference)
        manifest = build_manifest(
            checkpoints,
            read_json(self.folder / WORK / BEGUN),
            finished_at=utc_now(),
            duplicate_ids=count_duplicates(self._read_ids),
            quarantine_sha256=sha256(self.folder / QUARANTINE),
            drift=drift_entry,
        )
        write_json(manifest, self.folder / MANIFEST)
        (self.folder / WORK / BEGUN).unlink()  # so that the end of the lock removes the work folder
        return manifest

    def _read_ids(self) -> Iterator[list[bytes]]:
        for number in sorted(self.checkpoints):
            content = work_file(self.folder, number, "ids").read_bytes()
            yield content.split(NUL)[: self.checkpoints[number].rows]

    def _write_drift(self, checkpoints: Sequence[Checkpoint], reference: Row | None) -> dict[str, Any] | None:
        """Write the drift report; return its entry in the manifest, None without a reference."""
        if reference is None or not checkpoints:
            return None
        counts = PredictionCounts.from_dict(checkpoints[0].tally)
        for checkpoint in checkpoints[1:]:
            counts.merge(PredictionCounts.from_dict(checkpoint.tally))
        report = drift.compare(reference, counts)
        write_json(report, self.folder / DRIFT)
        found = {name: report[name] for name in ("verdict", "drifted")}
        return {"name": DRIFT, **found, "sha256": sha256(self.folder / DRIFT)}


def utc_now() -> str:
    """Return the time in UTC in ISO 8601, to the second."""
    return iso(datetime.now(UTC).replace(microsecond=0))
