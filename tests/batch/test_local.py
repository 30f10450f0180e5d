"""Batches that are read ahead in a thread: in order, and with the error of their reader."""

import threading

import pytest

from newsdesk.batch.local import read_ahead


def test_items_keep_their_order() -> None:
    assert list(read_ahead(iter(range(1, 50)))) == list(range(1, 50))
    assert list(read_ahead(iter([]))) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    found: list[int] = []
    with pytest.raises(ZeroDivisionError):
        found.extend(read_ahead(6 // (3 - k) for k in range(5)))
    assert found == [2, 3, 6]


def test_a_reader_that_is_left_early_ends_its_thread() -> None:
    before = threading.active_count()
    items = read_ahead(iter([1, 2, 3]))
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
