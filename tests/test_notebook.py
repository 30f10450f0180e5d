"""Helpers for notebooks: copies of the project, commands, Arabic tables and texts."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from newsdesk.base.errors import NewsdeskError
from newsdesk.notebook import copy_project, run, show_mistake, tabulate
from newsdesk.reporting.blocks import MarkedSpan, MarkedText, Mistake
from tests.commands import run as run_apart

HOSTILE = "<script>alert(1)</script> & خبر"


def cells(frame: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Return the attributes and the text of each cell of a table's body, by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", tabulate(frame)._repr_html_())
    return [re.findall(r"<td([^>]*)>(.*?)</td>", row) for row in rows[1:]]


def test_arabic_columns_are_set_from_right_to_left() -> None:
    frame = pd.DataFrame(
        {
            "title": ["قمة في برلين", "Berlin"],
            "labels": [["europe", "us"], np.array([], dtype=object)],
            "score": [0.123456, 2.0],
            "reason": [None, "too_short"],
        }
    )
    rows = cells(frame)
    assert [[text for _, text in row] for row in rows] == [
        ["قمة في برلين", "europe, us", "0.123", ""], ["Berlin", "", "2.000", "too_short"],
    ]  # fmt: skip
    directions = [["rtl" in attributes for attributes, _ in row] for row in rows]
    assert directions == [[True, False, False, False]] * 2, "this column only"


def test_a_table_is_the_same_in_each_run_and_not_held_twice() -> None:
    frame = pd.DataFrame({"title": ["قمة"], "articles": [3]}, index=["a<b"])
    html = tabulate(frame).text
    assert html == tabulate(frame).text
    assert html == (
        "<table>\n<tr><th></th><th>title</th><th>articles</th></tr>\n"
        '<tr><th>a&lt;b</th><td dir="rtl" style="text-align:right">قمة</td><td>3</td></tr>\n</table>'
    )
    assert repr(tabulate(frame)) == "Html()"


def test_markup_in_articles_is_escaped() -> None:
    assert cells(pd.DataFrame({"title": [HOSTILE]}))[0][0][1] == (
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; خبر"
    )


def mistake(**changes: object) -> Mistake:
    text = MarkedText("قتل ستة\nفي انفجار", [MarkedSpan(0, 3, 2.0), MarkedSpan(11, 17, -0.4)])
    values = {"title": MarkedText(HOSTILE), "text": text, **changes}
    return Mistake("a1", "topic", "conflict", "paper", "spurious", 0.7, 0.4, [], ["conflict"], **values)  # type: ignore[arg-type]


def test_a_mistake_shows_the_contributions_of_words() -> None:
    html = show_mistake(mistake())._repr_html_()
    assert "<p>spurious: conflict, probability 0.700, threshold 0.400</p>" in html
    marked = re.findall(
        r'<mark title="(\S+)" style="color:inherit;background:(rgba\S+ \S+ \S+ \S+)">(\S+)</mark>', html
    )
    assert marked == [
        ("+2.000", "rgba(255, 171, 26, 0.6)", "قتل"), ("-0.400", "rgba(122, 108, 214, 0.25)", "انفجار"),
    ]  # fmt: skip
    assert "ستة<br>في" in html
    assert html.count('dir="rtl"') == 2
    assert "<script>" not in html


def test_a_mistake_without_texts_is_one_line() -> None:
    html = show_mistake(mistake(title=None, text=None))._repr_html_()
    assert html == "<p>spurious: conflict, probability 0.700, threshold 0.400</p>"


@pytest.mark.integration
def test_a_command_prints_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("python -c 'import os; print(os.getcwd())'", cwd=tmp_path)
    assert capsys.readouterr().out == f"{tmp_path}\n"


@pytest.mark.integration
def test_a_failing_command_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NewsdeskError, match=r"^newsdesk predict none.txt: exit code 2$"):
        run("newsdesk predict none.txt", cwd=tmp_path)
    assert capsys.readouterr().out.startswith("newsdesk: none.txt: ")
    with pytest.raises(NewsdeskError, match=r"^no-such-command: .*No such file"):
        run("no-such-command")


def test_a_copy_has_the_outputs_and_does_not_change_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project / "notebooks")
    copy = copy_project(tmp_path / "a copy")
    assert (copy / "model/weights.npz").read_bytes() == (project / "model/weights.npz").read_bytes()
    assert "up to date" in run_apart("dvc", "status", "clean", "package", "evaluate", cwd=copy).stdout
    assert not (copy / "mlflow.db").exists()
    (copy / "model/weights.npz").unlink()
    assert (project / "model/weights.npz").is_file()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NewsdeskError, match=r"^git clone .*: exit code 128$"):
        copy_project(tmp_path / "another")
    assert "fatal" in capsys.readouterr().out
