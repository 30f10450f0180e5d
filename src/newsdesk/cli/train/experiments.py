"""`newsdesk experiments`: DVC experiments and their MLflow runs in one table."""

from __future__ import annotations

import json
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


@click.command("experiments")
@click.option("--json", "as_json", is_flag=True, help="Print all fields as JSON.")
def main(as_json: bool) -> None:
    """List DVC experiments with their MLflow runs, and name failed experiments with the reason.

    Exit codes: 0 each finished experiment has its run and none failed; 1 a finished experiment has no run;
    3 an experiment failed.

    \b
    Examples:
      newsdesk experiments
      newsdesk experiments --json
    """
    rows = joined_rows(project_root())
    problems = [problem_of(row) for row in rows]
    if as_json:
        shown = [asdict(row) | {"problem": problem} for row, problem in zip(rows, problems, strict=True)]
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    elif rows:
        print_rows([tabulate(row) for row in rows])
        for problem in filter(None, problems):
            click.echo(problem)
    counts = ", ".join(f"{n} {state}" for state, n in Counter(row.state for row in rows).items())
    note(f"experiments: {counts or 'none yet; `dvc exp run` makes one'}")
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
        log = Path(experiment.log or "")
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        reason = experiments.failure_reason(text)
        return f"{experiment.name}: failed: {reason}; `dvc queue remove {experiment.name}` removes it"
    if experiment and row.state == "no run":
        settings = "".join(f" -S {name}={value}" for name, value in experiment.changed.items())
        again = f"dvc exp run --temp --force --name {experiment.name}{settings}"
        return f"{experiment.name}: no run: stage track was up to date or not run; run `{again}`"
    return ""


def tabulate(row: JoinedRow) -> dict[str, str]:
    """Format a row as text."""
    shown: Any = row.experiment or row.run
    metrics = row.run.metrics if row.run else {}
    changed = row.experiment.changed if row.experiment else {}
    return {
        "experiment": shown.name,
        "rev": row.experiment.rev[:7] if row.experiment else "",
        "baseline": shown.baseline[:7],
        "run": row.run.run_id if row.run else "",
        "state": row.state,
        **{name: f"{metrics[name]:.3f}" if name in metrics else "" for name in HEADLINE},
        "changed": ", ".join(f"{name}={value}" for name, value in changed.items()),
    }
