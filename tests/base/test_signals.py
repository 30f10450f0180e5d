"""Signals at moments when their exception would be lost, changed, or leave a file behind."""

import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base import signals
from newsdesk.batch import labeling
from newsdesk.batch.manifest import MANIFEST
from tests.jobs import arguments, check_same_files, predict


class Signalled(BaseException):
    """Raised by the handlers of these tests."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    def handle(number: int, frame: object) -> None:
        raise Signalled(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def work(reached: list[str], *numbers: int, deliver_at_end: bool = True, fail: bool = False) -> None:
    with signals.deferred() as deliver:
        deliver()
        for number in numbers:
            signal.raise_signal(number)
            reached.append(signal.strsignal(number) or "")
        if fail:
            raise ZeroDivisionError
        if deliver_at_end:
            deliver()
            reached.append("after the delivery")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("deliver_at_end", [True, False])
def test_a_signal_is_deferred(number: int, deliver_at_end: bool) -> None:
    reached: list[str] = []
    with pytest.raises(Signalled) as signalled:
        work(reached, number, deliver_at_end=deliver_at_end)
    assert (signalled.value.args, reached) == ((number,), [signal.strsignal(number)])
    with pytest.raises(Signalled):  # the handler is back
        signal.raise_signal(number)


def test_a_second_signal_is_not_deferred() -> None:
    reached: list[str] = []
    with pytest.raises(Signalled) as signalled:
        work(reached, signal.SIGTERM, signal.SIGINT)
    assert (signalled.value.args, reached) == ((signal.SIGINT,), [signal.strsignal(signal.SIGTERM)])


def test_an_error_takes_precedence_over_a_signal() -> None:
    with pytest.raises(ZeroDivisionError):
        work([], signal.SIGTERM, fail=True)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.deferred() as deliver:
        signal.raise_signal(signal.SIGINT)
        deliver()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_another_thread_defers_nothing() -> None:
    def defer() -> None:
        with signals.deferred() as deliver:
            deliver()
            done.append(signal.getsignal(signal.SIGTERM))

    done: list[Any] = []
    thread = threading.Thread(target=defer)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert done == [before]


class SignalWhenDestroyed:
    """Raises a signal in its destructor, where the exception of a handler is lost."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("output", ["out/", "out.jsonl"])
def test_a_signal_in_a_destructor_ends_the_command(
    output: str, job_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = labeling.label_columns

    def label_columns(*given: Any, **named: Any) -> Any:
        SignalWhenDestroyed()
        return label(*given, **named)

    monkeypatch.setattr(labeling, "label_columns", label_columns)
    with pytest.raises(Signalled):
        predict("predict", str(job_corpus), "--output", f"{tmp_path}/{output}")
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert not (tmp_path / "out.jsonl").exists()


def test_a_signal_just_after_a_new_file_leaves_none(
    job_corpus: Path, finished_job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tempfile.mkstemp

    def mkstemp(**named: Any) -> Any:
        made = make(**named)
        if MANIFEST in named["prefix"]:  # all parts are written
            signal.raise_signal(signal.SIGTERM)
        return made

    folder = tmp_path / "out"
    given = arguments(job_corpus, folder)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "mkstemp", mkstemp)
        with pytest.raises(Signalled):
            predict(*given)
    assert not list(folder.rglob(".*.part"))
    assert predict(*given, "--resume") == 0
    check_same_files(folder, finished_job)
