"""The command line in the process of the tests."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from newsdesk.base.console import entry_point
from newsdesk.cli.main import newsdesk as group

ARTICLE = "أعلنت وزارة الدفاع الأميركية في واشنطن أن الجيش قتل قيادياً في تنظيم «القاعدة» بغارة جوية."
Newsdesk = Callable[..., Result]


class EntryPoint:
    """The console script, called as click's test runner calls a command."""

    name = "newsdesk"

    def main(self, args: list[str], prog_name: str, **_: object) -> None:
        sys.argv = [prog_name, *args]
        entry_point(group)


@pytest.fixture
def folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A folder with the files of a finished pipeline, to which tests may add files."""
    folder = tmp_path / "project"
    folder.mkdir()
    for path in tiny_run.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def newsdesk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Newsdesk]:
    """Run a command in `folder`; what is not an error of the user raises."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str, stdin: bytes = b"") -> Result:
        result = CliRunner().invoke(EntryPoint(), arguments, input=stdin)  # type: ignore[arg-type]
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    signal.signal(signal.SIGTERM, handler)


def rows_of(*texts: str | None, **fields: object) -> bytes:
    """Return JSON lines, one a text."""
    return "".join(json.dumps({"text": t, **fields}, ensure_ascii=False) + "\n" for t in texts).encode()


def read_lines(text: str) -> list[dict]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
