"""`newsdesk experiments`: DVC's experiments and MLflow's runs beside each other, and what stands alone."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking import checkout, recorded
from newsdesk.tracking.experiments import (
    Experiment,
    Joined,
    Recorded,
    exit_code,
    failure,
    join,
    read_shown,
    tabulate,
    tell,
)
from newsdesk.tracking.runs import connect, project_root, store_exists

RECORDED_ANEW = ("no run", "artifacts missing")


@click.command("experiments")
@click.option(
    "--record", is_flag=True, help="First make the runs of experiments that have none, from DVC's cache."
)
@click.option("--json", "as_json", is_flag=True, help="Print all that is known, as JSON.")
def main(record: bool, as_json: bool) -> None:
    """List DVC's experiments with their MLflow runs, and name what stands alone on either side.

    A run that is found to be an experiment's is tagged with its final commit (newsdesk.dvc_exp_rev), which
    DVC makes after the last stage. Exit code 0: each finished experiment has its run and each run its
    experiment; 1: one stands alone, or its artifacts are missing; 3: none does, and an experiment failed.

    \b
    Examples:
      newsdesk experiments
      newsdesk experiments --record
      newsdesk experiments --json
    """
    root = project_root()
    experiments = list(read_shown(checkout.show_experiments(root)))
    rows = _join(root, experiments)
    if record:
        for row in rows:
            if row.experiment and row.state in RECORDED_ANEW:
                note(f"experiments: making the run of {row.experiment.name} ({row.experiment.rev[:7]})")
                try:
                    checkout.record(root, row.experiment)
                except NewsdeskError as error:  # the others may have theirs
                    note(f"experiments: {error}")
        rows = _join(root, experiments)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
    elif rows:
        print_rows([tabulate(row) for row in rows])
        for line in filter(None, map(tell, rows)):
            click.echo(line)
    told = ", ".join(f"{n} {state}" for state, n in Counter(row.state for row in rows).items())
    note(f"experiments: {told or 'none yet: `dvc exp run` makes one'}")
    if code := exit_code(rows):
        sys.exit(code)


def _join(root: Path, experiments: Sequence[Experiment]) -> list[Joined]:
    """Read the runs, join them with the experiments, tag those that are found, and add why jobs failed."""
    runs: list[Recorded] = []
    if not store_exists():
        return [_with_reason(root, row) for row in join(experiments, runs)]
    with connect() as client:
        runs = list(recorded.read_runs(client))
        known = checkout.known_commits(root, (run.baseline for run in runs))
        rows = join(experiments, [run for run in runs if run.baseline in known])
        n_tagged = recorded.tag_commits(client, rows)
    n_elsewhere = sum(run.baseline not in known for run in runs)
    if n_elsewhere:
        note(
            f"experiments: {n_elsewhere} runs left out: this clone does not have the commits they start from"
        )
    if n_tagged:
        note(f"experiments: {n_tagged} runs tagged with the commit of their experiment")
    return [_with_reason(root, row) for row in rows]


def _with_reason(root: Path, row: Joined) -> Joined:
    if row.state != "failed" or not row.experiment or not row.experiment.log:
        return row
    log = root / ".dvc" / row.experiment.log.rpartition("/.dvc/")[2]  # DVC names it where the checkout was
    try:
        return replace(row, why=failure(log.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return replace(row, why=f"its log is not there: {log}")
