"""The folder of a job, written so that a stop at any moment loses no finished part.

A resumed job continues after the last complete part. The manifest is written last: a job with a manifest is
finished, and its work folder is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write, read_json, sha256, write_json
from newsdesk.batch.identity import Row, compare_inputs, describe_code, find_difference
from newsdesk.batch.input_reader import Offset
from newsdesk.batch.input_watch import InputWatch
from newsdesk.batch.labeling import iso
from newsdesk.batch.manifest import (
    DRIFT,
    MANIFEST,
    QUARANTINE,
    build_manifest,
    count_duplicates,
    count_records,
)
from newsdesk.batch.part_writer import (
    NUL,
    WORK,
    Checkpoint,
    files_of_part,
    read_checkpoint,
    work_file,
    write_checkpoint,
)
from newsdesk.monitoring import drift
from newsdesk.monitoring.counts import LOOKUP_EVERY, PredictionCounts

BEGUN = "job.json"
LOCK = "lock"
SMALL_BYTES = 8 * 2**20  # inputs so small that the words of all articles are looked up for the drift report


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


@dataclass
class Job:
    """A job in its folder, which `lock_folder` must have locked for all that writes.

    Code, model, settings and inputs decide the bytes of its parts.
    """

    folder: Path
    model: Row
    settings: Row
    watch: InputWatch
    code: Row = field(default_factory=describe_code)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)  # of the finished parts, by number

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The name, size and hash of each input."""
        return list(self.watch.rows)

    @property
    def id(self) -> str:
        """The hash of `job.json`, by which parts know their job."""
        return sha256(self.folder / WORK / BEGUN)

    @property
    def next_offset(self) -> Offset:
        """Where the next part begins if parts are written in order."""
        return self.checkpoints[max(self.checkpoints)].ends if self.checkpoints else Offset()

    @property
    def lookup_every(self) -> int:
        """One article in so many has its words looked up for the drift report."""
        return _lookup_every(self.inputs)

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest if this job is finished and has no input to read again.

        Raise if the folder holds another job, or a file of it has changed.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        problem = "holds another job"
        self._check_same(manifest, problem)
        if self._find_again(manifest["inputs"], problem) is not None:
            return None
        reports = [manifest["drift"]] if manifest["drift"] else []
        for entry in [*manifest["parts"], manifest["quarantine"], *reports]:
            file = self.folder / entry["name"]
            if not file.is_file() or sha256(file) != entry["sha256"]:
                found = "differs from the manifest" if file.exists() else "missing"
                raise NewsdeskError(f"{file}: {found}; remove {self.folder} and run the job again")
        return manifest

    def begin(self, *, resume: bool, scored_at: datetime | None) -> datetime:
        """Begin the job, or continue it after its finished parts; return the value of column `scored_at`."""
        begun, manifest = self.folder / WORK / BEGUN, self.folder / MANIFEST
        if not begun.exists() and not manifest.exists():
            others = sorted(p.name for p in self.folder.iterdir() if p.name != WORK)
            if others:
                raise NewsdeskError(f"{self.folder}: holds other files ({others[0]}); name a new folder")
            started_at = utc_now()
            time = scored_at or datetime.fromisoformat(started_at)
            self._write_begun({"started_at": started_at, "scored_at": iso(time)})
            return time
        content = read_json(manifest if manifest.exists() else begun)
        if not resume:
            state = (
                "job with inputs that can be read only now" if manifest.exists() else "job that was stopped"
            )
            raise NewsdeskError(f"{self.folder}: holds a {state}; add --resume to continue it")
        time = datetime.fromisoformat(content["scored_at"])
        if scored_at and scored_at != time:
            raise NewsdeskError(f"{self.folder}: can't be resumed: --scored-at was {content['scored_at']}")
        self._recover(content)
        return time

    def _write_begun(self, times: Row) -> None:
        content = {name: times[name] for name in ("started_at", "scored_at")}
        content |= {name: getattr(self, name) for name in ("code", "model", "settings", "inputs")}
        write_json(content, self.folder / WORK / BEGUN)

    def _check_same(self, content: Row, problem: str) -> None:
        if difference := find_difference(content, vars(self)):
            raise NewsdeskError(f"{self.folder}: {problem}: {difference}; restore it, or name a new folder")

    def _find_again(self, inputs: Sequence[Row], problem: str) -> int | None:
        """Return the first input to read again, None if there is none; raise if others have changed."""
        difference, again = compare_inputs(inputs, self.inputs)
        if difference:
            raise NewsdeskError(f"{self.folder}: {problem}: {difference}; restore it, or name a new folder")
        return again

    def _recover(self, content: Row) -> None:
        """Read the checkpoints of finished parts, and remove all other files of the job.

        From an input on that is read again, all parts are written again.
        """
        problem, inputs = "can't be resumed", content["inputs"]
        self._check_same(content, problem)
        if not (self.folder / MANIFEST).exists():
            self._read_checkpoints()
            inputs = count_records(inputs, self.checkpoints.values())
        again = self._find_again(inputs, problem)
        if again is not None:
            self._keep_before(again, content)
        work = self.folder / WORK
        keep = {work / BEGUN, work / LOCK}
        for number, checkpoint in self.checkpoints.items():
            keep |= files_of_part(self.folder, number, checkpoint)
        patterns = ("part-[0-9]*", ".*.part", QUARANTINE, DRIFT)  # nothing else in the folder is ours
        files = [path for pattern in patterns for path in self.folder.glob(pattern)]
        for path in [*files, *work.iterdir()]:
            if path not in keep:
                path.unlink(missing_ok=True)  # a worker on another machine may still remove its own files

    def _read_checkpoints(self) -> None:
        job, is_local = self.id, self.settings["engine"] == "local"
        paths = (self.folder / WORK).glob("part-*.json")
        numbers = sorted(int(path.stem.removeprefix("part-")) for path in paths)
        if is_local:  # which writes parts in order; others leave gaps
            numbers = [number for k, number in enumerate(numbers) if number == k]
        for number in numbers:
            if found := read_checkpoint(self.folder, number, job=job):
                self.checkpoints[number] = found
            elif is_local:
                break

    def _keep_before(self, number: int, content: Row) -> None:
        """Keep only the parts before an input, as parts of the job with its present inputs."""
        ahead = [k for k, c in sorted(self.checkpoints.items()) if c.ends <= Offset(number)]
        if self.settings["engine"] != "local":
            ahead = ahead[:-1]  # by its size, the input decides where the last of them ends
        if self.lookup_every != _lookup_every(content["inputs"]):
            ahead = []
        self.checkpoints = {k: self.checkpoints[k] for k in ahead}
        self._write_begun(content)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for k, checkpoint in self.checkpoints.items():
            checkpoint.job = self.id
            write_checkpoint(self.folder, k, checkpoint)

    def remove_work(self) -> None:
        """Let the end of the lock remove the work folder of a finished job."""
        (self.folder / WORK / BEGUN).unlink(missing_ok=True)

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
        self.remove_work()
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


def _lookup_every(inputs: Sequence[Row]) -> int:
    return 1 if sum(row["bytes"] or 0 for row in inputs) < SMALL_BYTES else LOOKUP_EVERY


def utc_now() -> str:
    """Return the time in UTC in ISO 8601, to the second."""
    return iso(datetime.now(UTC).replace(microsecond=0))
