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
receipt_option = path_option("--receipt", default="metrics/receipt.json")


def find_run_id(receipt: Path) -> str:
    """Return the id of the finished run of the files at hand."""
    run_id = runs.find_run(sha256(receipt)) if receipt.exists() else None
    if run_id is None:
        raise NewsdeskError(f"{receipt}: no run of these files; run `newsdesk track`, or give --run")
    return run_id
