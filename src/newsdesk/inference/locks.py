"""Locks that a forked child finds open, and what they guard whole: a fork waits until no thread holds one."""

from __future__ import annotations

import os
import threading
from itertools import count
from weakref import WeakValueDictionary

_numbers = count()
_locks: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()
_held: list[threading.Lock] = []  # while this process forks


def create_lock() -> threading.Lock:
    """Return a new lock; a thread that holds one may take those that were created later."""
    lock = threading.Lock()
    _locks[next(_numbers)] = lock
    return lock


def _acquire_all() -> None:
    for _, lock in sorted(_locks.items()):
        lock.acquire()
        _held.append(lock)


def _release_all() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_acquire_all, after_in_parent=_release_all, after_in_child=_release_all)
