"""Jobs killed at random moments, with a change before the next try: resumed right, or refused with the reason."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsdesk.batch import identity
from newsdesk.batch.job import BEGUN
from newsdesk.batch.manifest import MANIFEST
from newsdesk.batch.part_writer import WORK
from tests.jobs import (
    arguments,
    check_same_files,
    check_same_rows,
    last_line,
    n_checkpoints,
    predict,
    start,
)

pytestmark = pytest.mark.integration
LATER = "1999-01-01"


@dataclass
class Killed:
    """A job that was killed; `more` and `environment` are those of the next try."""

    corpus: Path
    folder: Path
    package: Path  # a copy of the code
    rng: random.Random
    more: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.folder / WORK

    def some_part(self) -> int:
        return self.rng.randrange(n_checkpoints(self.folder))


Change = Callable[[Killed], AbstractContextManager[None]]


def change_file(name: str, old: bytes, new: bytes) -> Change:
    """Change the bytes of an input, not its time."""

    @contextmanager
    def change(job: Killed) -> Iterator[None]:
        file = job.corpus / name
        content, found = file.read_bytes(), file.stat()
        assert old in content
        file.write_bytes(content.replace(old, new, 1))
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
        yield
        file.write_bytes(content)

    return change


def change_code(name: str, line: str) -> Change:
    @contextmanager
    def change(job: Killed) -> Iterator[None]:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(identity.PACKAGE, job.package / "newsdesk", ignore=ignored)
        with (job.package / "newsdesk" / name).open("a", encoding="utf-8") as code:
            code.write(f"\n{line}\n")
        job.environment = {"PYTHONPATH": str(job.package)}
        yield

    return change


def give(*more: str) -> Change:
    @contextmanager
    def change(job: Killed) -> Iterator[None]:
        job.more = [*more]
        yield

    return change


def move(old: str, new: str) -> Change:
    @contextmanager
    def change(job: Killed) -> Iterator[None]:
        (job.corpus / old).rename(job.corpus / new)
        yield
        (job.corpus / new).rename(job.corpus / old)

    return change


def set_mode(find: Callable[[Killed], Path], mode: int) -> Change:
    @contextmanager
    def change(job: Killed) -> Iterator[None]:
        path = find(job)
        before = path.stat().st_mode
        path.chmod(mode)
        yield
        path.chmod(before)

    return change


@contextmanager
def touch_all(job: Killed) -> Iterator[None]:
    for file in job.corpus.iterdir():
        os.utime(file, (1, 1))
    yield


@contextmanager
def add_a_file(job: Killed) -> Iterator[None]:
    shutil.copy(job.corpus / "d.csv", job.corpus / "new.csv")
    yield
    (job.corpus / "new.csv").unlink()


@contextmanager
def swap_names_that_print_alike(job: Killed) -> Iterator[None]:
    def swap() -> None:
        first, second, other = (job.corpus / name for name in ("e\x01.jsonl", "e\x02.jsonl", "other"))
        first.rename(other)
        second.rename(first)
        other.rename(second)

    swap()
    yield
    swap()


@contextmanager
def move_the_folder(job: Killed) -> Iterator[None]:
    job.folder = job.folder.rename(job.folder.with_name("moved"))
    yield


@contextmanager
def remove_a_checkpoint(job: Killed) -> Iterator[None]:
    (job.work / f"part-{job.some_part():05d}.json").unlink()
    yield


@contextmanager
def cut_a_part(job: Killed) -> Iterator[None]:
    part = job.folder / f"part-{job.some_part():05d}.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    yield


CODE = (
    r"the code that labels was \w{12} \(newsdesk \S+\), is \w{12} \(newsdesk \S+\); restore it, or name a new"
)
WORKERS = ["--workers", "2"]
CASES: list[tuple[str, Change, str | None]] = [
    ("code of a reader", change_code("readers/encodings.py", "CHANGED = 1"), CODE),
    ("code of the scorer", change_code("inference/scorer.py", "CHANGED = 1"), CODE),
    ("a comment", change_code("readers/encodings.py", "# a comment"), None),
    ("code of a command", change_code("cli/main.py", "CHANGED = 1"), None),
    (
        "content, same size and time",
        change_file("d.csv", b"st4-", b"st5-"),
        r"the input .*d\.csv has changed",
    ),
    ("content, longer", change_file("b.jsonl", b"{", b" {"), r"the input .*b\.jsonl has changed"),
    ("times of all files", touch_all, None),
    ("a file is renamed", move("d.csv", "f.csv"), r"the input .*d\.csv is not there any more"),
    ("a file is removed", move("b.jsonl", ".b.jsonl"), r"the input .*b\.jsonl is not there any more"),
    ("a file is added", add_a_file, r"the input .*new\.csv was not there"),
    ("names that print alike", swap_names_that_print_alike, r"the input .*\.jsonl has changed"),
    ("a file can't be read", set_mode(lambda job: job.corpus / "d.csv", 0), r"d\.csv can't be read now"),
    ("a folder can't be read", set_mode(lambda job: job.corpus, 0), r"the input .* is not there any more"),
    ("the job's folder", set_mode(lambda job: job.folder, 0o555), r"Permission denied"),
    ("the work folder", set_mode(lambda job: job.work, 0o555), r"Permission denied"),
    ("job.json", set_mode(lambda job: job.work / BEGUN, 0), r"Permission denied"),
    ("settings", give("--chunk-rows", "5"), "settings: chunk_rows was 4, is 5"),
    ("engine", give(*WORKERS), "settings: engine was local, is workers"),
    ("time", give("--scored-at", LATER), "--scored-at was 2026-11-27T02:00:00Z"),
    ("the folder is moved", move_the_folder, None),
    ("a checkpoint is lost", remove_a_checkpoint, None),
    ("a part is cut off", cut_a_part, None),
]


@pytest.fixture
def corpus(job_corpus: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    shutil.copytree(job_corpus, folder)
    lines = (folder / "b.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, some in (("e\x01.jsonl", lines[:4]), ("e\x02.jsonl", lines[7:11])):
        (folder / name).write_text("".join(some), encoding="utf-8")
    return folder


def kill(corpus: Path, folder: Path, rng: random.Random, *more: str) -> None:
    """Start the job and kill it once it has written some parts; if it was finished by then, do so again."""
    for _ in range(20):
        process = start(*arguments(corpus, folder, "--chunk-rows", "4", "--resume", *more), is_root=False)
        n, pause = rng.randrange(1, 40), rng.random() * 0.02
        while process.poll() is None and n_checkpoints(folder) < n:
            time.sleep(0.002)
        time.sleep(pause)
        process.kill()
        process.communicate()
        if n_checkpoints(folder):
            return
        shutil.rmtree(folder)
    pytest.fail("the job was always finished too early")


@pytest.mark.parametrize(("name", "change", "refused"), CASES, ids=[name for name, *_ in CASES])
def test_a_change_between_kill_and_resume(
    name: str, change: Change, refused: str | None, corpus: Path, tmp_path: Path
) -> None:
    rng = random.Random(zlib.crc32(name.encode()))
    given = ["--chunk-rows", "4", "--resume"]
    assert predict(*arguments(corpus, tmp_path / "undisturbed", *given)) == 0
    job = Killed(corpus, tmp_path / "out", tmp_path / "package", rng)
    kill(corpus, job.folder, rng)
    n_parts = n_checkpoints(job.folder)
    with change(job):
        process = start(*arguments(corpus, job.folder, *given, *job.more), is_root=False, **job.environment)
        _, err = process.communicate()
        assert process.returncode == (2 if refused else 0), err.decode()
    if refused:
        assert re.search(refused, last_line(err)), err.decode()
        assert not (job.folder / MANIFEST).exists()
        assert n_checkpoints(job.folder) == n_parts, "no finished part is lost"
        assert predict(*arguments(corpus, job.folder, *given)) == 0
    check_same_files(job.folder, tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("a.parquet", []), ("b.jsonl", []), ("d.csv", []),
        ("b.jsonl", WORKERS), ("d.csv", WORKERS),  # which would have a single part without the Parquet file
    ],
)  # fmt: skip
def test_a_file_that_could_be_read_only_after_the_kill(
    name: str, engine: list[str], corpus: Path, tmp_path: Path
) -> None:
    rng = random.Random(zlib.crc32(name.encode()))
    given, folder = ["--chunk-rows", "4", "--resume", *engine], tmp_path / "out"
    assert predict(*arguments(corpus, tmp_path / "undisturbed", *given)) == 0
    (corpus / name).chmod(0)
    kill(corpus, folder, rng, *engine)
    (corpus / name).chmod(0o644)
    assert predict(*arguments(corpus, folder, *given)) == 0
    (check_same_rows if engine else check_same_files)(folder, tmp_path / "undisturbed")
