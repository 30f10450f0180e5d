"""`newsdesk` with what it is given, in a process that loads nothing else; prints its peak memory as JSON.

The memory of a job's workers counts: each page once, however many processes share it.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import psutil
from harness import peak_memory

WATCH_SECONDS = 0.5


def watch(ended: threading.Event) -> int:
    """The most bytes that this process and its children hold at once, as long as it has any; else 0."""
    own, most = psutil.Process(), 0
    while not ended.wait(WATCH_SECONDS):
        if children := own.children(recursive=True):
            held = 0
            for process in (own, *children):
                with suppress(psutil.Error):  # it has ended meanwhile
                    held += process.memory_full_info().pss
            most = max(most, held)
    return most


def call_watched(call: Callable[[], object]) -> int:
    """Call, and return the most bytes that this process and its children ever held."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch, ended)
        try:
            call()
        finally:
            ended.set()
    return max(peak_memory(), watched.result())


def main() -> None:
    from newsdesk.cli.main import newsdesk

    peak = call_watched(partial(newsdesk.main, standalone_mode=False))
    sys.stdout.write(json.dumps({"peak_bytes": peak}) + "\n")


if __name__ == "__main__":
    main()
