"""`newsdesk` with what it is given, in a process that loads nothing else; prints its peak memory as JSON.

The memory of a job's workers counts: each page once, however many processes share it.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress

import psutil
from harness import peak_memory

WATCH_SECONDS = 0.5


def watch(ended: threading.Event, most: list[int]) -> None:
    """Note the most bytes that this process and its children hold at once."""
    own = psutil.Process()
    while not ended.wait(WATCH_SECONDS):
        held = 0
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.Error):  # it has ended meanwhile
                held += process.memory_full_info().pss
        most.append(max(held, most.pop()))


def main() -> None:
    from newsdesk.cli import newsdesk

    ended, most = threading.Event(), [0]
    watching = threading.Thread(target=watch, args=(ended, most), daemon=True)
    if "--workers" in sys.argv:
        watching.start()
    newsdesk.main(standalone_mode=False)
    ended.set()
    if watching.ident:
        watching.join()
    sys.stdout.write(json.dumps({"peak_bytes": max(peak_memory(), *most)}) + "\n")


if __name__ == "__main__":
    main()
