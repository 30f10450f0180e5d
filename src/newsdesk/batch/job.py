"""A job's folder: parts, manifest and quarantine, written so that a stop at any moment loses nothing.

A resumed job goes on behind the last part whose checkpoint and hash are there. The manifest comes last: with
it the job is done, and the work folder goes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import atomic_write, read_json, sha256, write_json
from newsdesk.batch import labeling, part_writer
from newsdesk.batch.input_reader import At, Input, Piece
from newsdesk.batch.part_writer import NUL, WORK, Chunk
from newsdesk.monitoring import drift
from newsdesk.monitoring.counts import PredictionCounts

# The underscore hides them from whoever reads the folder as a table: Spark, pandas, Hive.
MANIFEST = "_manifest.json"
QUARANTINE = "_quarantine.jsonl"
DRIFT = "_drift.json"
BEGUN = "job.json"
LOCK = "lock"
NAMED_DUPLICATES = 20

Row = Mapping[str, Any]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a job's folder for this process; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    NewsdeskError
        If another process holds it.
    """
    made = not folder.exists()
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
            raise NewsdeskError(f"{folder}: another process is at work on this job") from None
        if _is_same(handle, work / LOCK):  # else it was removed at the end of another job in between
            break
        os.close(handle)
    try:
        yield
    finally:
        if not (work / BEGUN).exists():
            shutil.rmtree(work, ignore_errors=True)
            if made and not any(folder.iterdir()):
                folder.rmdir()
        os.close(handle)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Each input's name, size and hash; these are null for what can't be read.

    Raises
    ------
    NewsdeskError
        If a file is named twice, or by standard input, which can't be read again.
    """
    seen: set[Path] = set()
    described = []
    for given in inputs:
        if given.path is None and given.refusal is None:
            raise NewsdeskError("standard input can't be read twice, so a job can't resume it; give files")
        if given.path is not None:
            whole = given.path.resolve()
            if whole in seen:
                raise NewsdeskError(f"{given.provenance.file}: the inputs name this file twice")
            seen.add(whole)
        described.append({"file": given.provenance.printable_file, **_content(given.path)})
    return described


def _stat(given: Input) -> tuple[int, int] | None:
    try:
        found = given.path.stat() if given.path else None
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found else None


def _content(path: Path | None) -> dict[str, Any]:
    try:
        if path is not None:
            return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    except OSError:  # it is refused when it is read
        pass
    return {"bytes": None, "sha256": None}


class Job:
    """A job and its folder, which is locked.

    Parameters
    ----------
    settings, model : mapping
        All that decides the bytes of the parts beside the inputs, of JSON's types.
    """

    def __init__(self, folder: Path, *, inputs: Sequence[Input], settings: Row, model: Row) -> None:
        self.folder = folder
        self.work = folder / WORK
        self._files = inputs
        self._stats = [_stat(given) for given in inputs]
        self.inputs = describe_inputs(inputs)
        self.settings = settings
        self.model = model
        self._chunks: dict[int, Chunk] = {}  # by the number of the part
        self.started_at = ""

    @property
    def id(self) -> str:
        """The hash of what was begun, by which parts know their job."""
        return sha256(self.work / BEGUN)

    @property
    def chunks(self) -> list[Chunk]:
        """What is done, in the order of the parts."""
        return [self._chunks[number] for number in sorted(self._chunks)]

    @property
    def done(self) -> set[int]:
        """The numbers of the parts that are done."""
        return set(self._chunks)

    @property
    def ends(self) -> At:
        """Where the next part begins, of parts that were written in their order."""
        return self._chunks[max(self._chunks)].ends if self._chunks else At()

    def finished(self) -> dict[str, Any] | None:
        """The manifest of this very job if it is done.

        Raises
        ------
        NewsdeskError
            If another job is, or a file is not as its manifest says.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        self._check_same(manifest, "holds another job")
        reports = [manifest["drift"]] if manifest["drift"] else []
        for named in [*manifest["parts"], manifest["quarantine"], *reports]:
            part = self.folder / named["name"]
            if not part.is_file() or sha256(part) != named["sha256"]:
                found = "not as the manifest says" if part.exists() else "missing"
                raise NewsdeskError(f"{part}: {found}; remove {self.folder} and run the job again")
        (self.work / BEGUN).unlink(missing_ok=True)  # a stop right behind the manifest left it
        return manifest

    def begin(self, *, resume: bool, scored_at: datetime | None, anywhere: bool = False) -> datetime:
        """Begin, or go on behind the last whole part; returns the time that rows are stamped with.

        Parameters
        ----------
        anywhere : bool
            Keep whole parts behind a gap too: those who write parts side by side leave gaps.

        Raises
        ------
        NewsdeskError
            If the folder holds other files, another job, or a job to resume without being told to.
        """
        begun = self.work / BEGUN
        if not begun.exists():
            others = sorted(p.name for p in self.folder.iterdir() if p.name != WORK)
            if others:
                raise NewsdeskError(f"{self.folder}: holds other files ({others[0]}); name a new folder")
            self.started_at = _now()
            at = scored_at or datetime.fromisoformat(self.started_at)
            content = {"started_at": self.started_at, "scored_at": labeling.iso(at), **self._identity()}
            write_json(content, begun)
            return at
        content = read_json(begun)
        if not resume:
            raise NewsdeskError(f"{self.folder}: holds a job that was stopped; add --resume to go on with it")
        self._check_same(content, "can't be resumed")
        at = datetime.fromisoformat(content["scored_at"])
        if scored_at and scored_at != at:
            raise NewsdeskError(f"{self.folder}: can't be resumed: --scored-at was {content['scored_at']}")
        self.started_at = content["started_at"]
        self._recover(anywhere=anywhere)
        return at

    def _identity(self) -> dict[str, Any]:
        return {"model": self.model, "settings": self.settings, "inputs": self.inputs}

    def _check_same(self, content: Row, otherwise: str) -> None:
        was, now = ({row["file"]: row for row in rows} for rows in (content["inputs"], self.inputs))
        for name in [*was, *now]:
            if name not in now or name not in was:
                change = "was not there" if name in now else "is not there any more"
            elif was[name]["sha256"] != now[name]["sha256"]:
                change = "has changed"
            else:
                continue
            raise NewsdeskError(f"{self.folder}: {otherwise}: the input {name} {change}; name a new folder")
        for of in ("settings", "model"):
            for name, value in getattr(self, of).items():
                if content[of].get(name) != value:
                    change = f"{of}: {name} was {content[of].get(name)}, is {value}"
                    raise NewsdeskError(f"{self.folder}: {otherwise}: {change}; name a new folder")
        if list(was) != list(now):
            raise NewsdeskError(
                f"{self.folder}: {otherwise}: the inputs come in another order; name a new folder"
            )

    def _recover(self, *, anywhere: bool) -> None:
        """Keep the whole parts, those before the first gap unless told, and remove what else a stop left."""
        keep = {self.work / BEGUN, self.work / LOCK}
        numbers = sorted(int(path.stem.removeprefix("part-")) for path in self.work.glob("part-*.json"))
        job = self.id
        for k, number in enumerate(numbers):
            chunk = part_writer.read_part(self.folder, number, job=job) if anywhere or k == number else None
            if chunk:
                self._chunks[number] = chunk
                keep |= part_writer.files_of(self.folder, number, chunk)
            elif not anywhere:
                break
        own = ("part-[0-9]*", ".*.part", QUARANTINE, DRIFT)  # others' files are theirs
        left = [path for pattern in own for path in self.folder.glob(pattern)]
        for path in [*left, *self.work.iterdir()]:
            if path not in keep:
                path.unlink(missing_ok=True)  # who began it may be at work still, on another machine

    def write_part(
        self, pieces: Iterable[Piece], labeler: part_writer.Labeler, *, tell: Callable[[Piece], object]
    ) -> None:
        """Label pieces and write the next part of them; `tell` is told of each that is done."""
        number = len(self._chunks)
        self._chunks[number] = part_writer.write_part(
            self.folder, number, pieces, labeler, begins=self.ends, tell=tell
        )

    def collect(self, n_parts: int) -> None:
        """Take in the parts that others have written.

        Raises
        ------
        NewsdeskError
            If one is not there or not whole.
        """
        job = self.id
        for number in range(n_parts):
            if number not in self._chunks:
                chunk = part_writer.read_part(self.folder, number, job=job)
                if chunk is None:
                    raise NewsdeskError(f"{self.folder}: part {number} is missing; go on with --resume")
                self._chunks[number] = chunk

    def finish(self, reference: Row | None) -> dict[str, Any]:
        """Put the quarantine together, report drift, write the manifest, remove the work folder's files.

        Parameters
        ----------
        reference : mapping or None
            What to hold the job against; without one there is no report of drift.

        Raises
        ------
        NewsdeskError
            If an input has changed since the job began.
        """
        for given, stat in zip(self._files, self._stats, strict=True):
            if _stat(given) != stat:
                found = f"the input {given.provenance.file} changed while it was read"
                raise NewsdeskError(f"{self.folder}: {found}; remove the folder and run the job again")
        with atomic_write(self.folder / QUARANTINE) as path, path.open("wb") as whole:
            for number in range(len(self.chunks)):
                with part_writer.beside(self.folder, number, "refused").open("rb") as lines:
                    shutil.copyfileobj(lines, whole)
        manifest = self._manifest(self._report_drift(reference))
        write_json(manifest, self.folder / MANIFEST)
        (self.work / BEGUN).unlink()  # the lock's end removes the rest
        return manifest

    def _report_drift(self, reference: Row | None) -> dict[str, Any] | None:
        """Write what the job's articles are like beside those of the reference; the manifest's word on it."""
        tallies = [PredictionCounts.from_dict(chunk.tally) for chunk in self.chunks]
        if reference is None or not tallies:
            return None
        total = tallies[0]
        for tally in tallies[1:]:
            total.merge(tally)
        found = drift.compare(reference, total)
        path = self.folder / DRIFT
        write_json(found, path)
        told = {name: found[name] for name in ("verdict", "drifted")}
        return {"name": DRIFT, **told, "sha256": sha256(path)}

    def _manifest(self, drifted: dict[str, Any] | None) -> dict[str, Any]:
        names = ("read", "refused_of", "broken", "refused", "abstained", "carried")
        read, refused_of, broken, refused, abstained, carried = (self._total(name) for name in names)
        scored = sum(chunk.rows for chunk in self.chunks)
        quarantine = self.folder / QUARANTINE
        return {
            "started_at": self.started_at,
            "finished_at": _now(),
            "scored_at": read_json(self.work / BEGUN)["scored_at"],
            "model": self.model,
            "settings": self.settings,
            "rows": {
                "read": scored + refused.total(),
                "scored": scored,
                "refused": refused.total(),
                "refused_by_reason": dict(sorted(refused.items())),
                "abstained_by_reason": dict(sorted(abstained.items())),
                "files_broken": len(broken),
            },
            "duplicate_ids": self._duplicates(),
            "carried": {name: carried[name] for name in self.settings["carry"]},
            "inputs": [
                {**row, "read": read[k], "refused": refused_of[k]} for k, row in enumerate(self.inputs)
            ],
            "parts": [
                {"name": c.name, "rows": c.rows, "bytes": c.bytes, "sha256": c.sha256} for c in self.chunks
            ],
            "quarantine": {
                "name": QUARANTINE,
                "rows": refused.total(),
                "sha256": sha256(quarantine),
            },
            "drift": drifted,
        }

    def _total(self, name: str) -> Counter[Any]:
        total: Counter[Any] = Counter()
        for chunk in self.chunks:
            total.update(getattr(chunk, name))
        return total

    def _ids(self) -> Iterator[list[bytes]]:
        for number, chunk in enumerate(self.chunks):
            yield part_writer.beside(self.folder, number, "ids").read_bytes().split(NUL)[: chunk.rows]

    def _duplicates(self) -> dict[str, Any]:
        """How many rows have an identifier that came before, and the first of these identifiers."""
        hashes = np.concatenate([np.empty(0, np.uint64), *(_hashes(ids) for ids in self._ids())])
        unique, counts = np.unique(hashes, return_counts=True)
        repeated, counts = unique[counts > 1], counts[counts > 1]
        named: dict[str, int] = {}
        for ids in self._ids() if len(repeated) else ():
            for row in np.flatnonzero(np.isin(_hashes(ids), repeated)):
                if len(named) == NAMED_DUPLICATES:
                    break
                place = int(np.searchsorted(repeated, _hashes([ids[row]]))[0])
                named[ids[row].decode()] = int(counts[place])
        return {"rows": len(hashes) - len(unique), "ids": len(repeated), "first": named}


def _hashes(ids: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    digests = b"".join(hashlib.blake2b(identifier, digest_size=8).digest() for identifier in ids)
    return np.frombuffer(digests, np.uint64)


def _now() -> str:
    return labeling.iso(datetime.now(UTC).replace(microsecond=0))
