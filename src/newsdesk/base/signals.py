"""Defer SIGINT and SIGTERM to a moment when the exception that their handler raises is safe.

A handler raises its exception wherever the process is. In Python code that compiled code calls, it becomes
another error; in a destructor, it is printed and lost; just after a temporary file is made, the file remains.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Defer the handlers of SIGINT and SIGTERM until the yielded function is called, or until the end.

    A second signal is not deferred, and an ignored signal stays ignored. Outside of the main thread, where
    Python runs no handlers, this does nothing.
    """
    handlers: dict[int, Callable[..., object]] = {}
    if threading.current_thread() is threading.main_thread():
        current = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handlers = {number: handler for number, handler in current.items() if callable(handler)}
    received: list[int] = []

    def defer(number: int, frame: object) -> None:
        if received:
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
