"""What differs between two jobs: code, settings, model, and inputs by their exact names."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from newsdesk.batch import identity
from newsdesk.batch.identity import compare_inputs, describe_name, find_difference

CODE = {"newsdesk": "0.2.0", "sha256": "a" * 64}
JOB = {"code": CODE, "model": {"name": "m"}, "settings": {"format": "csv"}}
A, B = {"file": "a", "sha256": "1"}, {"file": "b", "sha256": "2"}
CLOSED = {"file": "b", "sha256": None}


def test_the_first_difference_is_named() -> None:
    assert find_difference(JOB, JOB) is None
    assert find_difference({**JOB, "model": {"name": "n"}}, JOB) == "model: name was n, is m"
    assert find_difference({**JOB, "settings": {}}, JOB) == "settings: format was None, is csv"


def test_other_code_is_named_by_both_hashes() -> None:
    other = {"newsdesk": "0.3.0", "sha256": "b" * 64}
    expected = "the code that labels was aaaaaaaaaaaa (newsdesk 0.2.0), is bbbbbbbbbbbb (newsdesk 0.3.0)"
    assert find_difference(JOB, {**JOB, "code": other}) == expected
    before = {"model": JOB["model"], "settings": {"format": "csv", "newsdesk": "0.1.0"}}
    expected = "the code that labels was unknown (newsdesk 0.1.0), is aaaaaaaaaaaa (newsdesk 0.2.0)"
    assert find_difference(before, JOB) == expected


@pytest.mark.parametrize(
    ("file", "line", "changes"),
    [
        ("readers/encodings.py", "CHANGED = 1", True),
        ("inference/scorer.py", "CHANGED = 1", True),
        ("batch/arrow_columns.py", "CHANGED = 1", True),
        ("readers/words.txt", "a table beside the code", True),
        ("readers/encodings.py", "# a comment", False),
        ("cli/main.py", "CHANGED = 1", False),
    ],
)
def test_the_hash_is_of_the_code_that_decides_rows(
    file: str, line: str, changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = identity.code_sha256()
    package = tmp_path / "newsdesk"
    shutil.copytree(identity.PACKAGE, package, ignore=shutil.ignore_patterns("shipped", "__pycache__"))
    monkeypatch.setattr(identity, "PACKAGE", package)
    assert identity.code_sha256.__wrapped__() == expected
    with (package / file).open("a", encoding="utf-8") as code:
        code.write(f"{line}\n")
    assert (identity.code_sha256.__wrapped__() != expected) == changes


@pytest.mark.parametrize(
    ("old", "new", "difference", "again"),
    [
        ([A, B], [A, B], None, None),
        ([A], [A, B], "the input b was not there", None),
        ([A, B], [A], "the input b is not there any more", None),
        ([A, B], [B, A], "the inputs come in another order", None),
        ([A, B], [A, {**B, "sha256": "3"}], "the input b has changed", None),
        ([A, B], [A, CLOSED], "the input b can't be read now", None),
        ([A, CLOSED], [A, CLOSED], None, None),
        ([A, CLOSED], [A, B], None, 1),
        ([A, CLOSED], [A], "the input b is not there any more", None),
        ([CLOSED, A], [{"file": "b/x", "sha256": "3"}, {"file": "b/y", "sha256": "4"}, A], None, 0),
        ([CLOSED, A], [{"file": "b/x", "sha256": "3"}], "the input a is not there any more", None),
        ([A, {**B, "read": 2, "refused": 2}], [A, {**B, "sha256": "3"}], None, 1),
        ([A, {**B, "read": 2, "refused": 1}], [A, {**B, "sha256": "3"}], "the input b has changed", None),
        ([A, {**B, "read": 0, "refused": 0}], [A, {**B, "sha256": "3"}], "the input b has changed", None),
    ],
)  # fmt: skip
def test_inputs_of_two_jobs(
    old: list[dict[str, Any]], new: list[dict[str, Any]], difference: str | None, again: int | None
) -> None:
    """An input of which no row was kept is read again; all others must be as they were."""
    assert compare_inputs(old, new) == (difference, again)


def test_names_that_print_alike_are_told_apart() -> None:
    names = ["a\x01", "a\x02", "a\ufffd", "a\udcff", "a"]
    printable = ["a\ufffd"] * 4 + ["a"]
    rows = [describe_name(name, shown) for name, shown in zip(names, printable, strict=True)]
    assert len({tuple(row.items()) for row in rows}) == len(names)
    assert rows[3] == {"file": "a\ufffd", "percent_encoded": "a%FF"}
    assert rows[4] == {"file": "a"}
    old = [{**row, "sha256": "1"} for row in rows]
    for k in range(len(names)):
        new = [{**row, "sha256": "2" if j == k else "1"} for j, row in enumerate(rows)]
        assert compare_inputs(old, new) == (f"the input {printable[k]} has changed", None)
