"""Progress: what a log is told, and how seldom."""

import pytest

from newsdesk.base import console
from newsdesk.cli.label.job import ahead


def test_a_log_is_told_rows_share_and_time_to_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "NOTE_EVERY_SECONDS", 0.0)
    shown = console.Pace("predict", total=1000, done=200)
    shown.tell(1500, 600)
    shown.tell(500, 1000)
    shown.end()
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("predict: 1,500 rows, ")
    assert ", 60 %, " in first
    assert last.startswith("predict: 2,000 rows, ")
    assert last.endswith("/s, 100 %, 0:00 to go")


def test_a_log_is_left_alone_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    shown = console.Pace("predict", total=0)
    shown.tell(10, 0)
    shown.end()
    assert capsys.readouterr().err == ""


def test_what_is_got_ready_in_a_thread_comes_in_order_and_with_its_error() -> None:
    assert list(ahead(iter(range(1, 50)))) == list(range(1, 50))
    found: list[int] = []
    with pytest.raises(ZeroDivisionError):
        found.extend(ahead(6 // (3 - k) for k in range(5)))
    assert found == [2, 3, 6]
    left = ahead(iter([1, 2, 3]))
    assert next(left) == 1
    left.close()  # type: ignore[attr-defined]
