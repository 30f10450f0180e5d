"""Write the parts of a job by several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from newsdesk.base import log
from newsdesk.base.console import ProgressLine
from newsdesk.base.errors import NewsdeskError
from newsdesk.batch.partitioning import WorkerContext, write_slice

_context: WorkerContext  # of this worker


def write_slices(context: WorkerContext, numbers: Sequence[int], *, n: int) -> None:
    """Write `n` parts side by side, each in a process of its own."""
    others = multiprocessing.active_children()
    executor = ProcessPoolExecutor(
        min(n, len(numbers)),
        mp_context=multiprocessing.get_context("spawn"),  # a fork of a process with threads may hang
        initializer=_start_worker,
        initargs=(context, log.current()),
    )
    workers: list[BaseProcess] = []
    try:
        futures = _submit(executor, numbers)
        workers = [process for process in multiprocessing.active_children() if process not in others]
        done = len(context.slices) - len(numbers)
        with ProgressLine("predict", unit="row", total=len(context.slices), done=done) as progress:
            for n_done, future in enumerate(as_completed(futures), 1):
                progress.update(future.result(), done + n_done)
    except (BrokenProcessPool, MemoryError) as error:
        problem = "a worker has no memory left"
        if isinstance(error, BrokenProcessPool):
            executor.shutdown()  # it ends the other workers, and no exit code is missing after it
            problem = _describe_end(workers)
        raise NewsdeskError(f"{context.folder}: {problem}; run again with --resume") from None
    finally:
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()  # idle, or busy with a part that is not wanted any more
        executor.shutdown()


def _submit(executor: ProcessPoolExecutor, numbers: Iterable[int]) -> list[Future[int]]:
    """Submit all slices, which starts the workers; they ignore SIGINT, which a terminal sends to them too."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return [executor.submit(_write_slice, number) for number in numbers]
    finally:
        signal.signal(signal.SIGINT, handler)


def _describe_end(workers: Iterable[BaseProcess]) -> str:
    """Name the exit code of the worker that ended first; the executor terminates the others."""
    codes = [process.exitcode for process in workers if process.exitcode is not None]
    code = next((code for code in codes if code != -signal.SIGTERM), -signal.SIGTERM)
    cause = ", as when memory runs out" if code == -signal.SIGKILL else ""
    return f"a worker ended by exit code {code}{cause}"


def _start_worker(context: WorkerContext, settings: log.LogSettings) -> None:
    global _context
    _context = context
    log.use(settings)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """End this worker when its parent ends in any way."""
    parent = multiprocessing.parent_process()
    wait([parent.sentinel] if parent else [])
    os._exit(1)


def _write_slice(number: int) -> int:
    return write_slice(_context, number).rows
