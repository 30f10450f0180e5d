"""Tables of results in the documentation: the committed metrics, formatted by `newsdesk results`.

A comment before a table names the folder and the options that print it; `metrics` as the last word stands for the
second of the two tables that `newsdesk results --markdown` prints.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsdesk.cli.main import newsdesk
from tests import ROOT
from tests.documented import documented_pages, read_page

TABLE = re.compile(r"<!-- table: (?P<folder>\S+) (?P<options>.+?) -->\n\n(?P<table>(?:\|.*\n)+)")
TABLES = [
    pytest.param(found, id=f"{page}:{found['folder']}")
    for page in documented_pages()
    for found in TABLE.finditer(read_page(page))
]


def without_blanks(table: str) -> list[str]:
    return [re.sub(" +", "", line) for line in table.strip().splitlines()]


def test_there_is_one_of_each_profile() -> None:
    folders = {param.values[0]["folder"] for param in TABLES}  # type: ignore[index]
    assert folders == {".", "profiles/public", "profiles/unseen"}


@pytest.mark.parametrize("found", TABLES)
def test_a_table_is_what_results_prints(found: re.Match[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / Path(found["folder"]))
    options = found["options"].split()
    second = options[-1] == "metrics"
    done = CliRunner().invoke(newsdesk, ["results", *options[: -1 if second else None]])
    assert done.exit_code == 0, done.output
    printed = done.stdout.strip().split("\n\n")[-1 if second else 0]
    assert without_blanks(found["table"]) == without_blanks(printed), (
        f"paste `newsdesk results {' '.join(options)}`"
    )
