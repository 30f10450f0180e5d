"""Stops at moments when their exception would be lost, changed, or leave a file behind."""

import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsdesk.base import signals
from newsdesk.batch import labeling
from newsdesk.batch.job import MANIFEST
from tests.batch.test_job import SCORED_AT, predict
from tests.mixed import same_as_alone


class Asked(BaseException):
    """What the handlers of these tests raise."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    def ask(number: int, frame: object) -> None:
        raise Asked(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def work(reached: list[str], *numbers: int, release_at_end: bool = True, fail: bool = False) -> None:
    with signals.held() as release:
        release()
        for number in numbers:
            signal.raise_signal(number)
            reached.append(signal.strsignal(number) or "")
        if fail:
            raise ZeroDivisionError
        if release_at_end:
            release()
            reached.append("behind the release")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("release_at_end", [True, False])
def test_a_signal_waits(number: int, release_at_end: bool) -> None:
    reached: list[str] = []
    with pytest.raises(Asked) as asked:
        work(reached, number, release_at_end=release_at_end)
    assert (asked.value.args, reached) == ((number,), [signal.strsignal(number)])
    with pytest.raises(Asked):  # the handler is back
        signal.raise_signal(number)


def test_a_second_signal_does_not_wait() -> None:
    reached: list[str] = []
    with pytest.raises(Asked) as asked:
        work(reached, signal.SIGTERM, signal.SIGINT)
    assert (asked.value.args, reached) == ((signal.SIGINT,), [signal.strsignal(signal.SIGTERM)])


def test_an_error_goes_before_a_signal() -> None:
    with pytest.raises(ZeroDivisionError):
        work([], signal.SIGTERM, fail=True)


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.held() as release:
        signal.raise_signal(signal.SIGINT)
        release()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_another_thread_holds_nothing() -> None:
    def hold() -> None:
        with signals.held() as release:
            release()
            done.append(signal.getsignal(signal.SIGTERM))

    done: list[Any] = []
    thread = threading.Thread(target=hold)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert done == [before]


class Asking:
    """Asks to stop where it is destroyed: what a handler raises there is lost."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("output", ["out/", "out.jsonl"])
def test_a_stop_in_a_destructor_is_heeded(
    output: str, mixed_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = labeling.label_columns

    def label_columns(*given: Any, **named: Any) -> Any:
        Asking()
        return label(*given, **named)

    monkeypatch.setattr(labeling, "label_columns", label_columns)
    with pytest.raises(Asked):
        predict("predict", str(mixed_corpus), "--output", f"{tmp_path}/{output}")
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert not (tmp_path / "out.jsonl").exists()


def test_a_stop_behind_a_new_file_leaves_none(
    mixed_corpus: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tempfile.mkstemp

    def mkstemp(**named: Any) -> Any:
        made = make(**named)
        if MANIFEST in named["prefix"]:  # all parts are there
            signal.raise_signal(signal.SIGTERM)
        return made

    folder = tmp_path / "out"
    given = ["predict", str(mixed_corpus), "--output", f"{folder}/", "--scored-at", SCORED_AT]
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "mkstemp", mkstemp)
        with pytest.raises(Asked):
            predict(*given)
    assert not list(folder.rglob(".*.part"))
    assert predict(*given, "--resume") == 0
    same_as_alone(folder, alone)
