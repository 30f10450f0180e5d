"""`newsdesk experiments`: DVC experiments and their MLflow runs in one table."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, print_rows
from newsdesk.tracking import experiments
from newsdesk.tracking.experiments import JoinedRow
from newsdesk.tracking.runs import connect, git, project_root, store_exists

HEADLINE = ("region.f1_macro", "topic.f1_macro")
WIDE = 140  # columns of a terminal
SHORT_ID = 8  # characters of a run id


@click.command("experiments")
@click.option("--json", "as_json", is_flag=True, help="Print all fields as JSON.")
def main(as_json: bool) -> None:
    """List DVC experiments with their MLflow runs, and name failed experiments with the reason.

    The first row of each commit is the baseline of its experiments. A terminal of less than 140 columns shows
    the start of each run id and no commits; --json has all fields.

    Exit codes: 0 each finished experiment has its run and none failed; 1 a finished experiment has no run;
    3 an experiment failed.

    \b
    Examples:
      newsdesk experiments
      newsdesk experiments --json
    """
    note("experiments: asking DVC and MLflow")
    rows = joined_rows(project_root())
    problems = [problem_of(row) for row in rows]
    if as_json:
        shown = [asdict(row) | {"problem": problem} for row, problem in zip(rows, problems, strict=True)]
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    elif rows:
        is_narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDE
        print_rows([tabulate(row, short=is_narrow) for row in rows])
        for problem in filter(None, problems):
            click.echo(problem)
    by_state = Counter(row.state for row in rows if row.state != experiments.BASELINE)
    counts = ", ".join(f"{n} {state}" for state, n in by_state.items())
    note(f"experiments: {counts or 'none yet; `dvc exp run --temp` makes one'}")
    if code := experiments.exit_code(rows):
        sys.exit(code)


def joined_rows(root: Path) -> list[JoinedRow]:
    """Join the experiments of a checkout to the runs based on commits that the checkout has."""
    if not store_exists():
        return experiments.join(experiments.show_experiments(root), [])
    with connect() as client:
        runs = experiments.list_runs(client)
    baselines = {run.baseline for run in runs}
    known = {b for b in baselines if git(root, "cat-file", "-e", f"{b}^{{commit}}") is not None}
    own = [run for run in runs if run.baseline in known]
    if n_others := len(runs) - len(own):
        note(f"experiments: {n_others} runs left out: this clone does not have the commits they start from")
    return experiments.join(experiments.show_experiments(root, known), own)


def problem_of(row: JoinedRow) -> str:
    """Say in a line what is wrong with an experiment and what to do; empty if nothing is."""
    experiment = row.experiment
    if experiment and row.state == "failed":
        reason = failure_reason(Path(experiment.log or ""))
        return f"{experiment.name}: failed: {reason}; `dvc queue remove {experiment.name}` removes it"
    if experiment and row.state == "no run":
        settings = "".join(f" -S {name}={value}" for name, value in experiment.changed.items())
        again = f"dvc exp run --temp --force --name {experiment.name}{settings}"
        return (
            f"{experiment.name}: no run in this store: if another has it, set MLFLOW_TRACKING_URI;"
            f" else stage track was up to date or not run: `{again}`"
        )
    return ""


def failure_reason(log: Path) -> str:
    """Return the reason why a job of the queue failed; it has no log if DVC failed before the first stage."""
    if log.is_file():
        return experiments.failure_reason(log.read_text(encoding="utf-8", errors="replace"))
    if cache := experiments.cache_beyond_ascii(project_root()):
        return f"DVC's cache {cache} has letters beyond ASCII: {experiments.MOVE_CACHE}"
    return "DVC failed before the first stage; .dvc/tmp/exps/celery/ has its logs"


def tabulate(row: JoinedRow, *, short: bool = False) -> dict[str, str]:
    """Format a row as text; a short one has the start of the run id and no commits."""
    shown: Any = row.experiment or row.run
    metrics = row.metrics
    changed = row.experiment.changed if row.experiment else {}
    commits = {"rev": row.experiment.rev[:7] if row.experiment else "", "baseline": shown.baseline[:7]}
    run_id = row.run.run_id if row.run else ""
    return {
        "experiment": shown.name,
        **({} if short else commits),
        "run": run_id[:SHORT_ID] if short else run_id,
        "state": row.state,
        **{" ".join(name.split(".")): f"{metrics[name]:.3f}" if name in metrics else "" for name in HEADLINE},
        "changed": ", ".join(f"{name}={value}" for name, value in changed.items()),
    }
