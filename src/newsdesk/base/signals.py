"""Defer SIGINT and SIGTERM to a moment when the exception that their handler raises is safe.

In code that compiled code calls it would become another error, and in a destructor it would be lost.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Defer the handlers of SIGINT and SIGTERM until the yielded function is called, or until the end."""
    handlers: dict[int, Callable[..., object]] = {}  # none in other threads, which run no handlers
    if threading.current_thread() is threading.main_thread():
        current = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handlers = {number: handler for number, handler in current.items() if callable(handler)}
    received: list[int] = []

    def defer(number: int, frame: object) -> None:
        if received:  # a second signal is not deferred
            handlers[number](number, frame)
        received.append(number)

    def deliver() -> None:
        if received:
            handlers[received[0]](received[0], None)

    for number in handlers:
        signal.signal(number, defer)
    try:
        yield deliver
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    deliver()
