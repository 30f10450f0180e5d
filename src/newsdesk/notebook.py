"""Helpers for notebooks: a copy of the project, commands, and tables and texts in Arabic."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from newsdesk.base.errors import NewsdeskError
from newsdesk.evaluation.tables import format_score
from newsdesk.reporting.blocks import MarkedText, Mistake
from newsdesk.reporting.render import largest_contribution, split_text
from newsdesk.tracking.runs import project_root

if TYPE_CHECKING:
    import pandas as pd

ARABIC = re.compile(r"[\u0621-\u064a]")
FORCED_COLOURS = ("CLICOLOR_FORCE", "FORCE_COLOR")
RIGHT_TO_LEFT = ' dir="rtl" style="text-align:right"'
# the report's colours, transparent: they show on white and on black
COLOURS = {"for": "255, 171, 26", "against": "122, 108, 214"}
OPACITY = (0.25, 0.42, 0.6)


@dataclass(frozen=True, slots=True)
class Html:
    """A text that a notebook shows as HTML."""

    text: str = field(repr=False)  # a saved notebook would hold it twice

    def _repr_html_(self) -> str:
        return self.text


def copy_project(folder: Path) -> Path:
    """Clone the project around the working folder, as committed, with the outputs of its pipeline.

    The clone has a DVC cache and an MLflow store of its own, unless `MLFLOW_TRACKING_URI` names one.

    Parameters
    ----------
    folder : Path
        A new or an empty folder.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    NewsdeskError
        If the project is not a git repository, or its cache lacks an output.
    """
    root = project_root().absolute()
    cache = shlex.quote(str(root / ".dvc/cache"))
    run(f"git clone --quiet {shlex.quote(str(root))} {shlex.quote(str(folder))}", cwd=root)
    run(f"dvc remote add --quiet --local --default project {cache}", cwd=folder)
    run("dvc pull --quiet", cwd=folder)
    return folder


def run(command: str, *, cwd: Path | None = None) -> None:
    """Run a command of this Python's environment, such as `newsdesk` or `dvc`, and print its output.

    Raises
    ------
    NewsdeskError
        If the command does not exist or its exit code is not 0.

    Examples
    --------
    >>> run("newsdesk --version")  # doctest: +SKIP
    newsdesk, version 0.2.0
    """
    # kernels ask commands for colours, and tables would be folded at the edge of a terminal
    env = {name: value for name, value in os.environ.items() if name not in FORCED_COLOURS}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    try:
        done = subprocess.run(
            shlex.split(command), cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", check=False,
        )  # fmt: skip
    except OSError as error:
        raise NewsdeskError(f"{command}: {error}") from None
    click.echo(done.stdout, nl=False)
    if done.returncode:
        raise NewsdeskError(f"{command}: exit code {done.returncode}")


def tabulate(frame: pd.DataFrame) -> Html:
    """Show a table: Arabic columns from right to left, lists as words, numbers with three digits.

    The direction is an attribute of each cell, because code hosts remove styles from notebooks.

    Examples
    --------
    >>> import pandas as pd
    >>> html = tabulate(pd.DataFrame({"labels": [["europe", "us"]], "score": [0.12345]})).text
    >>> "<td>europe, us</td>" in html, "<td>0.123</td>" in html
    (True, True)
    """
    cells = frame.map(_format_cell).where(frame.notna(), "")
    tags = {name: RIGHT_TO_LEFT if cells[name].str.contains(ARABIC).any() else "" for name in cells}
    rows = ["".join(f"<th>{escape(str(name))}</th>" for name in ("", *cells))]
    for index, *row in cells.itertuples(name=None):
        texts = (f"<td{tag}>{escape(text)}</td>" for tag, text in zip(tags.values(), row, strict=True))
        rows.append(f"<th>{escape(str(index))}</th>{''.join(texts)}")
    return Html("\n".join(["<table>", *(f"<tr>{row}</tr>" for row in rows), "</table>"]))


def _format_cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if hasattr(value, "__iter__"):
        return ", ".join(map(str, value))
    return f"{value:.3f}" if isinstance(value, float | np.floating) else str(value)


def show_mistake(mistake: Mistake) -> Html:
    """Show a wrong label and its article; words in orange contributed to the label, in violet against it.

    Parameters
    ----------
    mistake : Mistake
        With its texts, as `newsdesk.reporting.mistakes.explain_mistakes` returns it.

    Examples
    --------
    >>> show_mistake(Mistake("a1", "topic", "sport", "paper", "missed", 0.25, 0.5, ["sport"], [])).text
    '<p>missed: sport, probability 0.250, threshold 0.500</p>'
    """
    largest = largest_contribution(mistake)
    threshold = "" if mistake.threshold is None else f", threshold {format_score(mistake.threshold)}"
    heading = f"{mistake.kind}: {mistake.label}, probability {format_score(mistake.probability)}{threshold}"
    parts = [f"<p>{escape(heading)}</p>"]
    for tag, text in (("h4", mistake.title), ("p", mistake.text)):
        if text:
            parts.append(f"<{tag}{RIGHT_TO_LEFT}>{_mark(text, largest)}</{tag}>")
    return Html("\n".join(parts))


def _mark(text: MarkedText, largest: float) -> str:
    parts = []
    for segment in split_text(text, largest):
        html = escape(segment.text).replace("\n", "<br>")
        if segment.style:
            colour = f"rgba({COLOURS[segment.style[:-1]]}, {OPACITY[int(segment.style[-1]) - 1]})"
            html = f'<mark title="{segment.value}" style="color:inherit;background:{colour}">{html}</mark>'
        parts.append(html)
    return "".join(parts)
