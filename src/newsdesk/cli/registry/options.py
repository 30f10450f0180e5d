"""Options and checks that several registry commands share."""

from __future__ import annotations

from pathlib import Path

import click

from newsdesk.base.console import path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.registry.versions import check_model_name
from newsdesk.tracking import runs


def _check_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    return check_model_name(value)


name_argument = click.argument("name", default="newsdesk", callback=_check_name)
name_option = click.option(
    "--name", default="newsdesk", show_default=True, callback=_check_name, help="The registered model."
)
folder_option = path_option("--folder", default=".", help="Folder with params.yaml, metrics/ and model/.")


def find_run_id(folder: Path) -> str:
    """Return the id of the newest finished run that recorded the files of a pipeline's folder.

    They decide, and not `metrics/receipt.json`, which `dvc exp apply` and `git checkout` leave as it is.
    """
    if missing := [file for file in runs.RECORDED if not (folder / file).exists()]:
        raise NewsdeskError(f"{folder / missing[0]}: no such file; run `dvc repro`, or give --run")
    run_id = runs.find_run(runs.recorded_tags({file: sha256(folder / file) for file in runs.RECORDED}))
    if run_id is None:
        raise NewsdeskError(f"{folder}: no run recorded these files; run `newsdesk track`, or give --run")
    return run_id
