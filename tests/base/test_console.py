"""Progress: a plain line now and then in a log, a live line on a terminal; tables with Arabic cells."""

import os
import pty
import re
import subprocess
import sys

import pytest

from newsdesk.base import console

LIVE = """
import time
from newsdesk.base.console import ProgressLine, note, progress
with ProgressLine("predict", unit="row", total=1000) as line:
    line.update(500, 400)
    time.sleep(0.5)
    note("a note between")
    line.update(500, 1000)
for _ in progress(range(3), "reading", prints_rows=True):
    pass
note("the end")
"""


def test_a_log_shows_rows_share_and_time_to_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "NOTE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(console, "UPDATE_EVERY_SECONDS", 0.0)
    with console.ProgressLine("predict", unit="row", total=1000, done=200) as line:
        line.update(1500, 600)
        line.update(500, 800)
        line.update(500, 1000)
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("predict: 1,500 rows, ")
    assert first.endswith("/s, 60 %")
    assert second.endswith("/s, 80 %, 0:00:01 to go")
    assert last.startswith("predict: 2,500 rows, ")
    assert last.endswith("/s, 100 %")


def test_a_log_gets_no_line_in_the_first_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.progress(range(9), "reading")) == list(range(9))
    assert capsys.readouterr().err == ""


def test_slow_items_show_seconds_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "NOTE_EVERY_SECONDS", 0.0)
    with console.ProgressLine("splits") as line:
        assert line._task.start_time is not None
        line._task.start_time -= 24
        line.update(2)
    assert capsys.readouterr().err == "splits: 2, 12 s each\n"


@pytest.mark.integration
def test_a_terminal_keeps_notes_and_no_progress() -> None:
    reader, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", LIVE],
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm"},
        check=False,
    )
    os.close(terminal)
    written = os.read(reader, 65536).decode()
    os.close(reader)
    assert done.returncode == 0, written
    assert "predict: 1,000 rows, " in written
    assert left_on_screen(written) == ["a note between", "the end"]
    assert "reading" not in written, "rows on a terminal take the place of a live line"
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is shown again"


def left_on_screen(written: str) -> list[str]:
    """Return the lines that a terminal shows at the end; it knows the escapes that rich writes for a live line."""
    lines, at = [""], 0
    for piece in re.findall(r"\x1b\[[?\d;]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", written):
        if piece == "\n":
            at += 1
            lines += [""] * (at == len(lines))
        elif piece == "\x1b[1A":
            at -= 1
        elif piece == "\x1b[2K":
            lines[at] = ""
        elif piece[0] not in "\x1b\r":
            lines[at] += piece
        else:
            assert piece == "\r" or piece[-1] in "mhl", f"unknown escape {piece!r}"
    return [line for line in lines if line]


def test_arabic_is_isolated_in_the_last_column(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_rows(
        [{"title": "قمة في \u202eبرلين\x1b[31m", "score": "0.5"}, {"title": "", "score": "1"}], arabic="title"
    )
    head, _, first, second = (line.strip() for line in capsys.readouterr().out.splitlines() if line.strip())
    assert head.split() == ["score", "title"]
    assert first == "0.5     \u2067قمة في برلين[31m\u2069"
    assert second == "1"


WIDE = [
    {"id": "a1", "kind": "article", "labels": "middle_east 0.99, europe 0.41", "title": "قمة في برلين " * 9},
    {"id": "a2", "kind": "article", "labels": "us 0.98", "title": "خبر"},
]


def shown_at(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Print `WIDE` as on a terminal; return the lines, without styles and outer space."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    console.print_rows(WIDE, arabic="title")
    plain = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    assert all(len(line.strip("\u2067\u2069\n")) <= width + 2 for line in plain.splitlines())
    return [line.rstrip() for line in plain.splitlines() if line.strip()]


def test_the_arabic_column_gives_way_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, _, first, second, constant = shown_at(80, capsys, monkeypatch)
    assert head.split() == ["id", "labels", "title"]
    assert first.startswith(" a1   middle_east 0.99, europe 0.41   \u2067قمة في برلين")
    assert first.endswith("…\u2069")
    assert second.endswith("\u2067خبر\u2069")
    assert constant == "kind is article in all rows"


def test_cells_fold_between_words_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown_at(40, capsys, monkeypatch)
    assert [line.split()[:2] for line in lines[2:4]] == [["a1", "middle_east"], ["0.99,", "europe"]]


def test_a_wide_terminal_and_a_pipe_show_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown_at(200, capsys, monkeypatch)[0].split() == ["id", "kind", "labels", "title"]
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    console.print_rows(WIDE, arabic="title")
    assert WIDE[0]["title"].strip() in capsys.readouterr().out
