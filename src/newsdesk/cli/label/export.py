"""`newsdesk export`: a model and the code that scores, as a Python package that does not need newsdesk."""

from __future__ import annotations

import keyword
import shutil
import tempfile
from pathlib import Path

import click

from newsdesk.api import Model, load
from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import list_files
from newsdesk.cli.inputs import model_option
from newsdesk.inference.code import copy_code

MODULE = '''"""The model {name} {version} and the code that scores.

NumPy and PyStemmer are needed; numba is used if it is installed.
"""

from pathlib import Path

from .inference import Prediction, Scorer, repair_text

__all__ = ["Prediction", "Scorer", "load", "repair_text"]


def load() -> Scorer:
    """Load the model in this folder; `load().predict(titles, texts, homes=homes)` returns predictions.

    `homes` are ISO 3166-1 codes of the countries of the sources, or None, and may be left out.
    """
    return Scorer.load(Path(__file__).parent / "model")
'''


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@model_option
def main(folder: Path, model: str | None) -> None:
    """Write a model to FOLDER as a Python package that runs without newsdesk.

    FOLDER must be new or empty, and its name one that Python can import. In a process that can import it,
    FOLDER.load().predict(titles, texts) returns predictions; homes=[…] tells the home countries of the
    sources. It needs NumPy and PyStemmer; numba makes it faster.

    \b
    Examples:
      newsdesk export newsdesk_model
      newsdesk export news_labels --model models:/newsdesk@champion
    """
    if not folder.name.isidentifier() or keyword.iskeyword(folder.name):
        raise NewsdeskError(f"{folder}: expected a folder name that Python can import, found {folder.name!r}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NewsdeskError(f"{folder}: expected a new or empty folder; remove it or choose another name")
    loaded = load(model)
    write_package(loaded, folder)
    name, version = loaded.identity["name"], loaded.identity["version"]
    note(f"export: {name} {version} in {folder}; try `import {folder.name}`")


def write_package(loaded: Model, folder: Path) -> None:
    """Write the package beside its place and rename it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        package = Path(temporary, folder.name)
        copy_code(package / "inference")
        for file in list_files(loaded.folder):
            copy = package / "model" / file.relative_to(loaded.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        about = {key: loaded.identity[key] for key in ("name", "version")}
        (package / "__init__.py").write_text(MODULE.format(**about), encoding="utf-8")
        package.replace(folder)
