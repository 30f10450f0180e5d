"""The specification and the folder of a job, written so that a stop at any moment loses no finished part.

A resumed job continues after the last complete part. The manifest is written last: a job with a manifest is
finished, and its work folder is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write, read_json, sha256, write_json
from newsdesk.batch import labeling, part_writer
from newsdesk.batch.input_reader import Batch, Input, Offset
from newsdesk.batch.manifest import DRIFT, MANIFEST, QUARANTINE, Row, build_manifest, count_duplicates
from newsdesk.batch.part_writer import NUL, WORK, Checkpoint
from newsdesk.monitoring import drift
from newsdesk.monitoring.counts import PredictionCounts

BEGUN = "job.json"
LOCK = "lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a job's folder for this process; the system releases the lock when the process ends in any way.

    Raises
    ------
    NewsdeskError
        If another process holds the lock.
    """
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
        if _is_open_file(handle, work / LOCK):  # else another job has removed it in between
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


def _is_open_file(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class JobSpec:
    """Everything that decides the bytes of a job's parts, as values of JSON.

    Attributes
    ----------
    model, settings : mapping
    inputs : list of mapping
        Name, size and hash of each; see `describe_inputs`.
    """

    model: Row
    settings: Row
    inputs: list[dict[str, Any]]

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


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Return the name, size and hash of each input; size and hash are null if it can't be read.

    Raises
    ------
    NewsdeskError
        If a file is named twice, or standard input is named, which can't be read again.
    """
    seen: set[Path] = set()
    described = []
    for each in inputs:
        if each.path is None and each.refusal is None:
            raise NewsdeskError("standard input can't be read twice, so a job can't resume it; give files")
        if each.path is not None:
            path = each.path.resolve()
            if path in seen:
                raise NewsdeskError(f"{each.provenance.file}: the inputs name this file twice")
            seen.add(path)
        described.append({"file": each.provenance.printable_file, **_size_and_hash(each.path)})
    return described


def _size_and_hash(path: Path | None) -> dict[str, Any]:
    try:
        if path is not None:
            return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    except OSError:  # reading it yields a refusal
        pass
    return {"bytes": None, "sha256": None}


def size_and_mtime(source: Input) -> tuple[int, int] | None:
    """Return the size and the modification time of an input, to see whether it changes during a job."""
    try:
        found = source.path.stat() if source.path else None
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found else None


class JobFolder:
    """The folder of a job, which `lock_folder` must have locked.

    Attributes
    ----------
    checkpoints : dict of int to Checkpoint
        Of the finished parts, by number.
    """

    def __init__(self, path: Path, spec: JobSpec) -> None:
        self.path = path
        self.spec = spec
        self.checkpoints: dict[int, Checkpoint] = {}
        self._work = path / WORK

    @property
    def id(self) -> str:
        """The hash of `job.json`, by which parts know their job."""
        return sha256(self._work / BEGUN)

    @property
    def next_offset(self) -> Offset:
        """Where the next part begins if parts are written in order."""
        return self.checkpoints[max(self.checkpoints)].ends if self.checkpoints else Offset()

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest if this job is finished.

        Raises
        ------
        NewsdeskError
            If the folder holds another finished job, or a file differs from its manifest.
        """
        path = self.path / MANIFEST
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        self._check_same(manifest, "holds another job")
        reports = [manifest["drift"]] if manifest["drift"] else []
        for entry in [*manifest["parts"], manifest["quarantine"], *reports]:
            file = self.path / entry["name"]
            if not file.is_file() or sha256(file) != entry["sha256"]:
                found = "differs from the manifest" if file.exists() else "missing"
                raise NewsdeskError(f"{file}: {found}; remove {self.path} and run the job again")
        (self._work / BEGUN).unlink(missing_ok=True)  # left if the job was stopped after its manifest
        return manifest

    def begin(self, *, resume: bool, scored_at: datetime | None, with_gaps: bool = False) -> datetime:
        """Begin the job, or continue it after its finished parts; returns the value of column `scored_at`.

        Parameters
        ----------
        with_gaps : bool
            Keep finished parts after a missing one too, as engines leave them that write parts in parallel.

        Raises
        ------
        NewsdeskError
            If the folder holds other files or another job, or a job to resume and `resume` is false.
        """
        begun = self._work / BEGUN
        if not begun.exists():
            others = sorted(p.name for p in self.path.iterdir() if p.name != WORK)
            if others:
                raise NewsdeskError(f"{self.path}: holds other files ({others[0]}); name a new folder")
            started_at = utc_now()
            time = scored_at or datetime.fromisoformat(started_at)
            content = {"started_at": started_at, "scored_at": labeling.iso(time), **asdict(self.spec)}
            write_json(content, begun)
            return time
        content = read_json(begun)
        if not resume:
            raise NewsdeskError(f"{self.path}: holds a job that was stopped; add --resume to continue it")
        self._check_same(content, "can't be resumed")
        time = datetime.fromisoformat(content["scored_at"])
        if scored_at and scored_at != time:
            raise NewsdeskError(f"{self.path}: can't be resumed: --scored-at was {content['scored_at']}")
        self._recover(with_gaps=with_gaps)
        return time

    def _check_same(self, content: Row, problem: str) -> None:
        if difference := self.spec.find_difference(content):
            raise NewsdeskError(f"{self.path}: {problem}: {difference}; name a new folder")

    def _recover(self, *, with_gaps: bool) -> None:
        """Read the checkpoints of finished parts, and remove all other files of the job."""
        keep = {self._work / BEGUN, self._work / LOCK}
        numbers = sorted(int(path.stem.removeprefix("part-")) for path in self._work.glob("part-*.json"))
        job = self.id
        for k, number in enumerate(numbers):
            in_order = k == number
            found = part_writer.read_checkpoint(self.path, number, job=job) if with_gaps or in_order else None
            if found:
                self.checkpoints[number] = found
                keep |= part_writer.files_of_part(self.path, number, found)
            elif not with_gaps:
                break
        patterns = ("part-[0-9]*", ".*.part", QUARANTINE, DRIFT)  # nothing else in the folder is ours
        files = [path for pattern in patterns for path in self.path.glob(pattern)]
        for path in [*files, *self._work.iterdir()]:
            if path not in keep:
                path.unlink(missing_ok=True)  # a worker on another machine may still remove its own files

    def write_part(
        self,
        batches: Iterable[Batch],
        labeler: part_writer.BatchLabeler,
        *,
        on_batch: Callable[[Batch], object],
    ) -> None:
        """Label batches and write them as the next part; see `part_writer.write_part`."""
        number = len(self.checkpoints)
        self.checkpoints[number] = part_writer.write_part(
            self.path, number, batches, labeler, start=self.next_offset, on_batch=on_batch
        )

    def collect(self, n_parts: int) -> None:
        """Read the checkpoints of parts that other processes have written.

        Raises
        ------
        NewsdeskError
            If a part is missing or incomplete.
        """
        job = self.id
        for number in range(n_parts):
            if number not in self.checkpoints:
                checkpoint = part_writer.read_checkpoint(self.path, number, job=job)
                if checkpoint is None:
                    raise NewsdeskError(f"{self.path}: part {number} is missing; run again with --resume")
                self.checkpoints[number] = checkpoint

    def finish(self, reference: Row | None) -> dict[str, Any]:
        """Write quarantine, drift report against a reference, and manifest; returns the manifest."""
        checkpoints = [self.checkpoints[number] for number in sorted(self.checkpoints)]
        with atomic_write(self.path / QUARANTINE) as path, path.open("wb") as quarantine:
            for number in range(len(checkpoints)):
                with part_writer.work_file(self.path, number, "refused").open("rb") as lines:
                    shutil.copyfileobj(lines, quarantine)
        drift_entry = self._write_drift(checkpoints, reference)
        begun = read_json(self._work / BEGUN)
        manifest = build_manifest(
            checkpoints,
            **asdict(self.spec),
            times={**begun, "finished_at": utc_now()},
            duplicate_ids=count_duplicates(self._read_ids),
            quarantine_sha256=sha256(self.path / QUARANTINE),
            drift=drift_entry,
        )
        write_json(manifest, self.path / MANIFEST)
        (self._work / BEGUN).unlink()  # so that the end of the lock removes the work folder
        return manifest

    def _read_ids(self) -> Iterator[list[bytes]]:
        for number in sorted(self.checkpoints):
            content = part_writer.work_file(self.path, number, "ids").read_bytes()
            yield content.split(NUL)[: self.checkpoints[number].rows]

    def _write_drift(self, checkpoints: Sequence[Checkpoint], reference: Row | None) -> dict[str, Any] | None:
        """Write the drift report; returns its entry in the manifest, None without a reference."""
        if reference is None or not checkpoints:
            return None
        counts = PredictionCounts.from_dict(checkpoints[0].tally)
        for checkpoint in checkpoints[1:]:
            counts.merge(PredictionCounts.from_dict(checkpoint.tally))
        report = drift.compare(reference, counts)
        write_json(report, self.path / DRIFT)
        found = {name: report[name] for name in ("verdict", "drifted")}
        return {"name": DRIFT, **found, "sha256": sha256(self.path / DRIFT)}


def utc_now() -> str:
    """Return the time in UTC in ISO 8601, to the second."""
    return labeling.iso(datetime.now(UTC).replace(microsecond=0))
