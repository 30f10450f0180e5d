"""What notebooks share: a copy of the project to try things in, its commands, Arabic from right to left."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsdesk.base.errors import NewsdeskError
from newsdesk.reporting.blocks import Mistake, Shown, show
from newsdesk.reporting.render import cut, strongest
from newsdesk.tracking.runs import project_root

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

ARABIC = re.compile(r"[\u0621-\u064a]")
FORCED = ("CLICOLOR_FORCE", "FORCE_COLOR")
RIGHT_TO_LEFT = {"direction": "rtl", "text-align": "right"}
# by what they speak for, as in the report; half transparent, so that they show on white and on black
COLOURS = {"f": "11, 98, 176", "a": "214, 110, 20"}
OPACITY = (0.12, 0.22, 0.34, 0.48)


@dataclass(frozen=True, slots=True)
class Html:
    """A text that a notebook shows as HTML."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


def copy_project(folder: Path) -> Path:
    """Clone the project around the working folder, as it was committed, with what its pipeline made.

    The clone takes the outputs out of the project's DVC cache and has a cache and, unless
    `MLFLOW_TRACKING_URI` names another, an MLflow store of its own: nothing that is done there is seen in
    the project.

    Returns
    -------
    Path
        `folder`, which must not be there yet or be empty.

    Raises
    ------
    NewsdeskError
        If the project is no git repository, or its cache lacks an output.
    """
    root = project_root().absolute()
    run(f"git clone --quiet {shlex.quote(str(root))} {shlex.quote(str(folder))}", cwd=root)
    run(
        f"dvc remote add --quiet --local --default project {shlex.quote(str(root / '.dvc/cache'))}",
        cwd=folder,
    )
    run("dvc pull --quiet dvc.yaml", cwd=folder)
    return folder


def run(command: str, *, cwd: Path | None = None) -> None:
    """Run a command of this Python's environment, `newsdesk` or `dvc` for one, and print what it says.

    Raises
    ------
    NewsdeskError
        If it is not there or its exit code is not 0.
    """
    # kernels ask commands to behave as on a terminal: colours, and tables folded at its edge
    env = {name: value for name, value in os.environ.items() if name not in FORCED}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
    except OSError as error:
        raise NewsdeskError(f"{command}: {error}") from None
    click.echo(done.stdout, nl=False)
    if done.returncode:
        raise NewsdeskError(f"{command}: exit code {done.returncode}")


def tabulate(frame: pd.DataFrame) -> Styler:
    """A table to look at: Arabic columns from right to left, lists as words, figures with three digits."""
    shown = frame.map(_as_words)
    arabic = [name for name in shown if shown[name].map(_is_arabic).any()]
    styled = shown.style.format(precision=3, na_rep="", escape="html")
    return styled.set_properties(subset=arabic, **RIGHT_TO_LEFT)


def _as_words(value: Any) -> Any:
    """Lists and arrays of labels as text."""
    return value if isinstance(value, str) or not hasattr(value, "__iter__") else ", ".join(map(str, value))


def _is_arabic(value: Any) -> bool:
    return isinstance(value, str) and ARABIC.search(value) is not None


def show_mistake(mistake: Mistake) -> Html:
    """A wrong label, and its article with the words that spoke for the label (blue) and against it (orange).

    Parameters
    ----------
    mistake : Mistake
        With its texts, as `evidence.explain_mistakes` gives it.
    """
    most = strongest(mistake)
    threshold = "" if mistake.threshold is None else f", threshold {show(mistake.threshold)}"
    said = f"{mistake.kind}: {mistake.label}, probability {show(mistake.probability)}{threshold}"
    parts = [f"<p>{escape(said)}</p>"]
    for tag, shown in (("h4", mistake.title), ("p", mistake.text)):
        if shown:
            parts.append(f'<{tag} dir="rtl" style="text-align:right">{_mark(shown, most)}</{tag}>')
    return Html("\n".join(parts))


def _mark(shown: Shown, most: float) -> str:
    """A text with its spans marked, the deeper the stronger."""
    parts = []
    for piece in cut(shown, most):
        text = escape(piece.text).replace("\n", "<br>")
        if piece.kind:
            colour = f"rgba({COLOURS[piece.kind[0]]}, {OPACITY[int(piece.kind[1:]) - 1]})"
            text = f'<mark title="{piece.value}" style="color:inherit;background:{colour}">{text}</mark>'
        parts.append(text)
    return "".join(parts)
