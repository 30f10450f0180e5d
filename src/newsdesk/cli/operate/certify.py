"""`newsdesk certify`: rerun the committed pipeline and compare its outputs to dvc.lock."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, path_option, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256, write_json
from newsdesk.reproducibility import rerun
from newsdesk.reproducibility.dvc_lock import changed_inputs, parse_lock
from newsdesk.reproducibility.outputs import VERDICTS, OutputComparison, compare_to_lock
from newsdesk.tracking import hashes, runs

PROFILES = {"starter": ".", "public": "profiles/public"}
RECEIPT, CERTIFIED_TAG = "metrics/receipt.json", "newsdesk.certified"
N_SHOWN = 6


@click.command("certify")
@click.option("--profile", type=click.Choice(list(PROFILES)), default="starter", show_default=True)
@click.option(
    "--cpu", type=click.Choice(["here", "generic"]), default="here", show_default=True,
    help="Let libraries use all instructions of this processor, or no AVX and FMA.",
)  # fmt: skip
@path_option(
    "--output", type=click.Path(path_type=Path, dir_okay=False),
    show_default="reports/certify-PROFILE.json", help="Report to write.",
)  # fmt: skip
@click.option("--allow-rounding", is_flag=True, help="Exit with 0 if only rounding differs.")
def main(profile: str, cpu: str, output: Path | None, allow_rounding: bool) -> None:
    """Rerun the pipeline of the last commit and check that its outputs are those of the committed dvc.lock.

    The rerun is in a scratch clone, with the code of the commit, no cache, another hash seed and another
    number of threads. Outputs are compared by hash, and where hashes differ value by value. The MLflow run
    of the lock is tagged with the result.

    Exit codes: 0 all outputs are equal; 1 an output or an input differs; 3 only rounding differs, as on Arm
    (0 with --allow-rounding).

    \b
    Examples:
      newsdesk certify
      newsdesk certify --cpu generic
    """
    import dvc  # noqa: F401 - else the rerun would fail late

    root = runs.project_root().resolve()
    lock = Path(PROFILES[profile], "dvc.lock")
    commit = runs.git(root, "rev-parse", "HEAD")
    committed = runs.git(root, "show", f"HEAD:./{lock.as_posix()}")
    if commit is None or committed is None:
        raise NewsdeskError(f"{root}: no {lock} is committed; commit it first")
    with tempfile.TemporaryDirectory(prefix="newsdesk-certify-") as scratch:
        report, outputs = certify(
            root, Path(scratch).resolve(), commit=commit, committed=committed, profile=profile, cpu=cpu
        )
    output = output or Path("reports") / f"certify-{profile}.json"
    write_json(report, output)
    print_report(report, outputs)
    click.echo(f"{report['verdict']}: see {output}")
    tag_run(root / PROFILES[profile], outputs, report["verdict"])
    sys.exit(exit_code(report["verdict"], allow_rounding=allow_rounding))


def exit_code(verdict: str, *, allow_rounding: bool) -> int:
    """Return the exit code of a verdict."""
    return {"equal": 0, "rounding": 0 if allow_rounding else 3, "differs": 1}[verdict]


def certify(
    root: Path, scratch: Path, *, commit: str, committed: str, profile: str, cpu: str
) -> tuple[dict[str, Any], list[OutputComparison]]:
    """Rerun a pipeline and compare it to its lock; return the report and the comparison of each output."""
    locked = parse_lock(committed, f"{profile} dvc.lock")
    conditions = rerun.other_conditions(cpu)
    note(f"certify: {profile} at {commit[:12]}, cpu {cpu}, hash seed {conditions['PYTHONHASHSEED']}")
    clone = rerun.clone(root, commit, scratch)
    if profile == "public":
        rerun.add_imports(root, clone)
        rerun.show_profiles(clone)
    env = rerun.rerun_environment(clone, conditions)
    environment, started = rerun.describe_environment(clone, env), time.monotonic()
    folder = clone / PROFILES[profile]
    rerun.repro(folder, env)
    seconds = round(time.monotonic() - started, 1)
    ran = parse_lock((folder / "dvc.lock").read_text(encoding="utf-8"), "dvc.lock of the rerun")
    changed = changed_inputs(locked, ran)
    outputs = list(compare_to_lock(locked, ran, rerun=folder, checkout=root / PROFILES[profile]))
    uncommitted = runs.git(root, "diff", "HEAD", "--name-only") or ""
    report = {
        "verdict": "differs" if changed else max((out.verdict for out in outputs), key=VERDICTS.index),
        "first_stage": next((out.stage for out in outputs if out.rerun != out.locked), None),
        "profile": profile,
        "commit": commit,
        "uncommitted": uncommitted.splitlines(),
        "changed_inputs": changed,
        "outputs": [asdict(out) for out in outputs],
        "rerun": {"cpu": cpu, "conditions": conditions, "environment": environment, "seconds": seconds},
    }
    return report, outputs


def print_report(report: Mapping[str, Any], outputs: Sequence[OutputComparison]) -> None:
    """Print a row for each output, then what differs."""
    rows = []
    for out in outputs:
        row = {"stage": out.stage, "output": out.path, "lock": out.locked[:12]}
        for name, md5 in (("rerun", out.rerun), ("checkout", out.checkout)):
            row[name] = "missing" if md5 is None else "same" if md5 == out.locked else md5[:12]
        rows.append({**row, "verdict": out.verdict})
    print_rows(rows)
    if report["uncommitted"]:
        note(f"certify: not certified, since not committed: {', '.join(report['uncommitted'])}")
    for stage, names in report["changed_inputs"].items():
        found = f"the lock was made with other inputs: {', '.join(names)}"
        click.echo(f"{stage}: {found}; `dvc repro` and commit")
    if report["first_stage"]:
        click.echo(f"the first stage that gives other content is {report['first_stage']}")
    for out in outputs:
        if out.message:
            click.echo(f"{out.stage}: {out.path}: {out.message}")
        for difference in out.differences[:N_SHOWN]:
            click.echo(f"  {difference.where}: {difference.message}")
        if len(out.differences) > N_SHOWN:
            click.echo(f"  and {len(out.differences) - N_SHOWN:,} more, in the report")


def tag_run(folder: Path, outputs: Sequence[OutputComparison], verdict: str) -> None:
    """Tag the MLflow run of the lock's receipt, if the checkout has both."""
    has_receipt = any(out.path == RECEIPT and out.checkout == out.locked for out in outputs)
    if not has_receipt or not runs.store_exists():
        return
    try:
        if run_id := runs.find_run({hashes.RECEIPT: sha256(folder / RECEIPT)}):
            value = str(verdict == "equal").lower()
            with runs.connect() as client:
                client.set_tag(run_id, CERTIFIED_TAG, value)
            note(f"certify: MLflow run {run_id} is tagged {CERTIFIED_TAG}={value}")
    except NewsdeskError as error:  # an unreachable store does not change the result
        note(f"certify: no run is tagged: {error}")
