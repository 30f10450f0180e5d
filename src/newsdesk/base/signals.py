"""A signal that asks to stop, held back to a moment at which its exception can do its work.

What a handler raises is raised wherever the process is. Where compiled code calls Python, it becomes an error
of another kind; in a destructor it is shown and lost; behind a file that was just made, no one removes it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Within, handlers of SIGINT and SIGTERM wait for the function that this yields, or for the end.

    A second signal does not wait. A signal that is ignored stays so, and outside of the main thread, where
    Python handles none, this does nothing.
    """
    handlers: dict[int, Callable[..., object]] = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handlers = {number: handler for number, handler in found.items() if callable(handler)}
    came: list[int] = []

    def hold(number: int, frame: object) -> None:
        if came:
            handlers[number](number, frame)
        came.append(number)

    def release() -> None:
        if came:
            handlers[came[0]](came[0], None)

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield release
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    release()
