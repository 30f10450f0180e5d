"""A job's parts written by processes of this machine, side by side.

A pool of the standard library would lose a task whose process is killed, or could not be stopped before its
tasks are done; so each process has a pipe of its own, which also ends where the process does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

from newsdesk.base.console import Pace
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import partitioning
from newsdesk.batch.input_reader import Input
from newsdesk.batch.job import Job
from newsdesk.batch.part_writer import Order
from newsdesk.batch.partitioning import Given


@dataclass(frozen=True)
class Workers:
    """The engine of so many processes of this machine: a part at a time in each.

    Parameters
    ----------
    model : Path
        The packaged folder.
    n : int
        Processes.
    threads : int
        Threads that score in each.
    """

    model: Path
    taxonomy: Taxonomy
    n: int
    threads: int
    name: str = "workers"
    leaves_gaps: bool = True

    def write_parts(self, job: Job, inputs: Sequence[Input], order: Order, chunk_rows: int) -> None:
        """Have the processes write all parts that are missing, and take them in.

        Raises
        ------
        NewsdeskError
            If a process dies.
        OSError
            If one can't write.
        """
        partitioning.write_parts(
            job, inputs, order, chunk_rows,
            model=self.model, taxonomy=self.taxonomy, threads=self.threads, run=self._run,
        )  # fmt: skip

    def _run(self, given: Given, todo: Sequence[int]) -> None:
        waiting, n_done = iter(todo), len(given.units) - len(todo)
        pace = Pace("predict", total=len(given.units), done=n_done)
        at_work: dict[Connection, SpawnProcess] = {}
        try:
            for _ in todo[: self.n]:
                pipe, process = _start()
                at_work[pipe] = process
            for pipe in at_work:  # only now: each takes it when it has its libraries
                with suppress(BrokenPipeError):
                    pipe.send(given)
                    pipe.send(next(waiting))
            while at_work:
                for pipe in cast("list[Connection]", wait(list(at_work))):
                    n_rows = _hear(pipe, at_work[pipe], given.folder)
                    n_done += 1
                    pace.tell(n_rows, n_done)
                    more = next(waiting, None)
                    with suppress(BrokenPipeError):  # it died; that is heard next
                        pipe.send(more)
                    if more is None:
                        at_work.pop(pipe).join()
        except BaseException:
            for process in at_work.values():
                process.kill()
            for process in at_work.values():
                process.join()
            raise
        pace.end()


def _start() -> tuple[Connection, SpawnProcess]:
    """A process and its pipe: a new one, since the fork of one that has threads may never wake."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    # a terminal interrupts all its processes; this one tells of it and ends the others
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, interrupt)
    theirs.close()  # else the pipe would not end with the process
    return pipe, process


def _hear(pipe: Connection, process: SpawnProcess, folder: Path) -> int:
    """The number of rows that a process has written."""
    try:
        said = pipe.recv()
    except (EOFError, ConnectionError):
        process.join()
        cause = ", as where memory runs out" if process.exitcode == -signal.SIGKILL else ""
        raise NewsdeskError(
            f"{folder}: a worker ended by exit code {process.exitcode}{cause}; go on with --resume"
        ) from None
    if isinstance(said, Exception):
        raise said
    return int(said)


def _work(pipe: Connection) -> None:
    """What a process does: units by their numbers, until there is none for it.

    SIGTERM kills it: a signal's exception is lost, and shown as a traceback, where it meets a destructor.
    """
    threading.Thread(target=_follow, daemon=True).start()
    received = _receive(pipe)
    given: Any = next(received, None)
    for number in received:
        said: int | Exception
        try:
            said = partitioning.write_unit(given, number).rows
        except (NewsdeskError, OSError) as error:
            said = error
        except MemoryError:
            said = NewsdeskError(f"{given.folder}: a worker has no memory left; go on with --resume")
        with suppress(BrokenPipeError):
            pipe.send(said)


def _receive(pipe: Connection) -> Iterator[Any]:
    """What comes through a pipe until it ends, or is said to."""
    with suppress(EOFError, ConnectionError):
        while (item := pipe.recv()) is not None:
            yield item


def _follow() -> None:
    """End with the process that gives the numbers, however it ends."""
    parent = multiprocessing.parent_process()
    wait([parent.sentinel] if parent else [])
    os._exit(1)
