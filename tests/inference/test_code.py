"""The hash of the code that scores: it ignores comments and docstrings, and models name it."""

import ast
import json
import shutil
import tokenize
import warnings
from pathlib import Path

import pytest

from newsdesk.base.files import SHIPPED
from newsdesk.inference.code import PROSE_OR_STRING, WRAPPER, code_files, code_sha256, copy_code, strip_prose
from newsdesk.inference.scorer import Scorer

CODE = '''"""A module."""
import re

MARK = "#"  # a comment


def f(x: int) -> str:
    """Return # x."""
    text = """
    # kept
    """
    return f"{x}#" + text
'''


def test_comments_docstrings_and_blank_lines_are_ignored() -> None:
    changed = CODE.replace("A module.", 'Another\nmodule with "quotes" and #.').replace("a comment", "other")
    changed = changed.replace("\n\n\n", "\n").replace("Return # x.", "Return it.")
    assert changed != CODE
    assert strip_prose(changed) == strip_prose(CODE)


@pytest.mark.parametrize(
    ("old", "new"), [('"#"', '"!"'), ("# kept", "# changed"), ("{x}#", "{x}!"), ("import re", "import os")]
)
def test_changed_code_is_noticed(old: str, new: str) -> None:
    """Also in strings, and in what looks like a comment within a string."""
    assert old in CODE
    assert strip_prose(CODE.replace(old, new)) != strip_prose(CODE)


@pytest.mark.parametrize(
    "file", [file for file in code_files() if file.suffix == ".py"], ids=lambda file: file.name
)
def test_only_comments_and_docstrings_of_this_package_are_ignored(file: Path) -> None:
    """A triple-quoted string at the beginning of a line is a docstring, and a # outside a string a comment."""
    source = file.read_text(encoding="utf-8")
    ignored = [(m.start(), m[0].strip()) for m in PROSE_OR_STRING.finditer(source) if m[1] is None]
    nodes = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    docstrings = {node.body[0].lineno for node in nodes if ast.get_docstring(node)}
    with file.open("rb") as handle:
        comments = {t.start[0] for t in tokenize.tokenize(handle.readline) if t.type == tokenize.COMMENT}
    lines = [(source.count("\n", 0, start) + 1, text) for start, text in ignored]
    assert {line for line, text in lines if text.startswith("#")} == comments
    assert {line for line, text in lines if not text.startswith("#")} == docstrings


def test_copy_is_the_code_without_the_wrapper(tmp_path: Path) -> None:
    copy_code(tmp_path / "inference")
    names = sorted(file.name for file in (tmp_path / "inference").iterdir())
    assert names == [file.name for file in code_files()]
    assert WRAPPER not in names


def test_shipped_model_names_this_code() -> None:
    info = json.loads((SHIPPED / "model.json").read_text(encoding="utf-8"))
    assert info["code_sha256"] == code_sha256(), "run `make public` and `make ship`, commit both"


def test_model_of_other_code_warns_in_one_line(tiny_model: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scorer.load(tiny_model)
    shutil.copytree(tiny_model, tmp_path / "model")
    info = json.loads((tiny_model / "model.json").read_text(encoding="utf-8"))
    for named, shown in (("0123456789abcdef" * 4, "0123456789ab"), (None, "None")):
        (tmp_path / "model/model.json").write_text(
            json.dumps(info | {"code_sha256": named}), encoding="utf-8"
        )
        with pytest.warns(RuntimeWarning, match="evaluated with code") as raised:
            Scorer.load(tmp_path / "model")
        message = str(raised[0].message)
        assert (len(raised), message.count("\n")) == (1, 0)
        assert str(tmp_path / "model") in message
        assert shown in message
        assert code_sha256()[:12] in message
