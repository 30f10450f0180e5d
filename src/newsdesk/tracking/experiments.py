"""DVC's experiments and MLflow's runs joined: what belongs together, and what stands alone on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

RECEIPT = "metrics/receipt.json"  # of a pipeline at the root; others have it below their own folder
HEADLINE = ("region.f1_macro", "topic.f1_macro")

State = Literal[
    "ok",
    "queued",
    "running",
    "failed",
    "no run",
    "no experiment",
    "replaced",
    "unfinished",
    "artifacts missing",
]
EXIT_ORPHAN, EXIT_FAILED = 1, 3


@dataclass(frozen=True)
class Experiment:
    """An experiment as DVC knows it.

    Attributes
    ----------
    rev : str
        Its final commit; of one without result the commit that DVC queued it as.
    state : str
        `done`, `queued`, `running` or `failed`.
    receipts : mapping of str to str
        Path and MD5 of the receipt of each pipeline, as its dvc.lock has them.
    receipt : str
        Path of the receipt of the pipeline that it ran: the one that differs from the baseline's, else the
        first.
    changed : mapping of str to Any
        The settings that differ from the baseline's.
    log : str, optional
        Where the output of a job of the queue is.
    """

    name: str
    rev: str
    baseline: str
    state: str
    receipts: Mapping[str, str]
    receipt: str
    changed: Mapping[str, Any]
    log: str | None = None


@dataclass(frozen=True)
class Recorded:
    """A run that was made within an experiment.

    Attributes
    ----------
    rev : str, optional
        The final commit of its experiment, where a join has told it.
    receipt : str, optional
        MD5 of the receipt.
    started : int
        Milliseconds since 1970.
    missing : sequence of str
        Artifacts that it should have and has not.
    """

    run_id: str
    name: str
    baseline: str
    rev: str | None
    receipt: str | None
    status: str
    started: int
    metrics: Mapping[str, float]
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Joined:
    """An experiment and its run, or one that stands alone, and why."""

    experiment: Experiment | None
    run: Recorded | None
    state: State
    why: str = ""
    mend: str = ""


def read_shown(shown: Iterable[Mapping[str, Any]]) -> Iterator[Experiment]:
    """The experiments of `dvc exp show --json`."""
    for baseline in shown:
        before, old = _settings(baseline["data"] or {}), _receipts(baseline["data"] or {})
        for found in baseline["experiments"] or ():
            last, executor = found["revs"][0], found["executor"] or {"state": "success", "local": None}
            told = last["data"] or {}
            after, new = _settings(told), _receipts(told)
            yield Experiment(
                name=last["name"] or found["name"] or last["rev"][:7],
                rev=last["rev"],
                baseline=baseline["rev"],
                state="done" if executor["state"] == "success" else executor["state"],
                receipts=new,
                receipt=next((path for path in new if old.get(path) != new[path]), next(iter(new), RECEIPT)),
                changed={k: v for k, v in after.items() if k not in before or before[k] != v},
                log=(executor["local"] or {}).get("log"),
            )


def _receipts(told: Mapping[str, Any]) -> dict[str, str]:
    """Path and MD5 of the receipts of a commit, the one at the root first."""
    found = {path: out["hash"] for path, out in told.get("outs", {}).items() if path.endswith(RECEIPT)}
    return {path: found[path] for path in sorted(found, key=len) if found[path]}


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a commit by dotted name, with the path before it of a file that is not params.yaml."""
    flat: dict[str, Any] = {}
    for file, read in told.get("params", {}).items():
        prefix = "" if file == "params.yaml" else f"{file}:"
        flat |= {f"{prefix}{name}": value for name, value in _flat(read.get("data", {}))}
    return flat


def _flat(nested: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{key}.{name}", inner) for name, inner in _flat(value))
        else:
            yield key, value


def join(experiments: Sequence[Experiment], runs: Sequence[Recorded]) -> list[Joined]:
    """Join experiments with their runs; what stands alone comes last.

    A finished run is an experiment's if name, baseline and receipt are the same, or, once it is tagged with
    it, the final commit; by that it is found under another name too. A commit alone tells nothing of
    two equal experiments: those that end in the same second have the same one. The receipt holds the hashes
    of settings, articles, heads, model and metrics. Of several runs the newest counts, the others are
    replaced. An experiment without a result has at most a run that did not finish.
    """
    left = {run.run_id: run for run in sorted(runs, key=lambda run: -run.started)}
    names = {(experiment.name, experiment.baseline) for experiment in experiments}
    rows: list[Joined] = []
    for experiment in experiments:
        if experiment.state == "done":
            own = [run for run in left.values() if _belongs(run, experiment)] or [
                run
                for run in left.values()
                if _finished_as(run, experiment) and (run.name, run.baseline) not in names
            ]
            newest = {run.receipt: run for run in reversed(own)}  # one for each pipeline that it ran
            rows += [_done(experiment, run) for run in newest.values() or [None]]
            left = {run_id: run for run_id, run in left.items() if run not in newest.values()}
        else:
            begun = next((run for run in left.values() if _begun(run, experiment)), None)
            rows.append(_not_done(experiment, begun and left.pop(begun.run_id)))
    kept = {(row.run.name, row.run.baseline): row.run for row in rows if row.run}
    return rows + [_alone(run, kept.get((run.name, run.baseline))) for run in left.values()]


def _belongs(run: Recorded, experiment: Experiment) -> bool:
    if (run.name, run.baseline, run.status) != (experiment.name, experiment.baseline, "FINISHED"):
        return False
    return run.rev == experiment.rev if run.rev else run.receipt in experiment.receipts.values()


def _finished_as(run: Recorded, experiment: Experiment) -> bool:
    return (run.rev, run.status) == (experiment.rev, "FINISHED")


def _begun(run: Recorded, experiment: Experiment) -> bool:
    same = (run.name, run.baseline) == (experiment.name, experiment.baseline)
    return same and run.status != "FINISHED" and experiment.state != "queued"


def _done(experiment: Experiment, run: Recorded | None) -> Joined:
    again = "newsdesk experiments --record"
    if run is None:
        why = "nothing of it was left to do, or its stage track did not run"
        return Joined(experiment, None, "no run", why, again)
    if run.missing:
        mend = f"newsdesk doctor, if the checkout was moved; else {again}"
        return Joined(experiment, run, "artifacts missing", ", ".join(run.missing), mend)
    return Joined(experiment, run, "ok")


def _not_done(experiment: Experiment, run: Recorded | None) -> Joined:
    if experiment.state == "failed":
        mend = f"dvc queue logs {experiment.name}; dvc queue remove {experiment.name}"
        return Joined(experiment, run, "failed", "", mend)
    return Joined(experiment, run, "running" if experiment.state == "running" else "queued")


def _alone(run: Recorded, successor: Recorded | None) -> Joined:
    mend = f"mlflow runs delete --run-id {run.run_id}"
    if run.status != "FINISHED":
        return Joined(None, run, "unfinished", f"its status is {run.status}, and no job is at it", mend)
    if successor:
        return Joined(None, run, "replaced", f"the experiment has run {successor.run_id}", mend)
    why = "DVC has no such experiment: removed, renamed before it was joined, or of another clone"
    return Joined(None, run, "no experiment", why, mend)


def exit_code(rows: Iterable[Joined]) -> int:
    """0 if each finished experiment has its run and each run its experiment, and none failed."""
    states = {row.state for row in rows} - {"ok", "queued", "running"}
    return EXIT_ORPHAN if states - {"failed"} else EXIT_FAILED if states else 0


def failure(log: str) -> str:
    """The reason in the output of a failed job: our own line where there is one, else DVC's last."""
    lines = log.splitlines()
    for sign in ("newsdesk: ", "ERROR: "):
        if told := [line.removeprefix(sign) for line in lines if line.startswith(sign)]:
            return told[-1]
    return lines[-1] if lines else "its log is empty"


def tabulate(row: Joined) -> dict[str, str]:
    """A row as it is printed."""
    one: Any = row.experiment or row.run
    metrics = row.run.metrics if row.run else {}
    changed = row.experiment.changed if row.experiment else {}
    return {
        "experiment": one.name,
        "rev": (one.rev or "")[:7],
        "baseline": one.baseline[:7],
        "run": row.run.run_id if row.run else "",
        "state": row.state,
        **{name: f"{metrics[name]:.3f}" if name in metrics else "" for name in HEADLINE},
        "changed": ", ".join(f"{name}={value}" for name, value in changed.items()),
    }


def tell(row: Joined) -> str:
    """What is wrong with a row and what to do, in a line; empty where nothing is."""
    one: Any = row.experiment or row.run
    return f"{one.name}: {row.state}: {row.why}; {row.mend}" if row.mend else ""
