"""Options and checks that several registry commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import path_option
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.registry.versions import check_model_name
from newsdesk.tracking import runs
from newsdesk.tracking.hashes import RECORDED, recorded_hashes

DEFAULT_NAME = "newsdesk"


def _check_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return value and check_model_name(value)


name_option = click.option(
    "--name", default=DEFAULT_NAME, show_default=True, callback=_check_name, help="The registered model."
)


def name_or_argument(main: Callable[..., None]) -> Callable[..., None]:
    """Add the option `--name`, and an argument in its place as in 0.1.0, which `--help` does not show."""

    @click.argument("argument", required=False, metavar="", callback=_check_name)
    @name_option
    @functools.wraps(main)
    def call(*, name: str, argument: str | None, **options: Any) -> None:
        if argument and name not in (argument, DEFAULT_NAME):
            raise NewsdeskError(f"expected one registered model, found {argument} and --name {name}")
        main(name=argument or name, **options)

    return call


folder_option = path_option("--folder", default=".", help="Folder with params.yaml, metrics/ and model/.")


def find_run_id(folder: Path) -> str:
    """Return the id of the newest finished run that recorded the files of a pipeline's folder.

    They decide, and not `metrics/receipt.json`, which `dvc exp apply` and `git checkout` leave as it is.
    """
    if missing := [file for file in RECORDED if not (folder / file).exists()]:
        raise NewsdeskError(f"{folder / missing[0]}: no such file; run `dvc repro`, or give --run")
    run_id = runs.find_run(recorded_hashes({file: sha256(folder / file) for file in RECORDED}))
    if run_id is None:
        raise NewsdeskError(f"{folder}: no run recorded these files; run `newsdesk track`, or give --run")
    return run_id
