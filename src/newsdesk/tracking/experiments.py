"""DVC experiments joined to MLflow runs by the run id and the tags that stage `track` writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.tracking import hashes
from newsdesk.tracking.runs import BASELINE_TAG, NAME_TAG, git, search_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN = "metrics/run.json"  # names the run, in the folder of each pipeline
METRICS = "metrics/evaluate.json"
BASELINE = "baseline"  # state of the commit that experiments are based on
SUCCESS, FINISHED = "success", "FINISHED"  # of DVC and of MLflow
MOVE_CACHE = "dvc cache dir --local FOLDER, one without such letters"
EXIT_NO_RUN, EXIT_FAILED = 1, 3


@dataclass(frozen=True, slots=True)
class Experiment:
    """A DVC experiment."""

    name: str
    rev: str  # commit of the result; without a result, the commit that DVC queued
    baseline: str  # commit that it is based on
    state: str  # success, queued, running, failed or baseline
    runs: tuple[str, ...]  # id of the run of each pipeline; experiments of earlier releases name none
    changed: Mapping[str, Any]  # settings that differ from those of the baseline
    log: str | None = None  # file with the output of a job of the queue
    metrics: Mapping[str, Any] = field(default_factory=dict)  # of the default pipeline, in a baseline


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """An MLflow run that stage `track` started within a DVC experiment."""

    run_id: str
    name: str  # of the experiment
    baseline: str
    status: str
    started: int  # milliseconds since 1970
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class JoinedRow:
    """An experiment with its run, or one of the two alone."""

    experiment: Experiment | None
    run: TrackedRun | None
    state: str  # ok, no run, queued, running, failed, baseline; of a run alone, no experiment or unfinished

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The metrics of the run, those in the commit of a baseline, else none."""
        return self.run.metrics if self.run else self.experiment.metrics if self.experiment else {}


def show_experiments(root: Path, baselines: Iterable[str] = ()) -> list[Experiment]:
    """List the experiments of HEAD, of all commits with finished experiments and of the given baselines.

    A commit with experiments comes before them, with state `baseline`.
    """
    import dvc  # noqa: F401 - else its process would fail with a traceback

    head = git(root, "rev-parse", "HEAD")
    if head is None:
        raise NewsdeskError(f"{root}: no git repository with a commit; DVC experiments need one")
    # DVC keeps a finished experiment as refs/exps/<2 digits of the baseline>/<38 digits>/<name>
    refs = (git(root, "for-each-ref", "--format=%(refname)", "refs/exps/??/*/*") or "").split()
    revs = {head, *baselines, *("".join(ref.split("/")[2:4]) for ref in refs)}
    options = ["--json", "--hide-workspace", *(f"--rev={rev}" for rev in sorted(revs))]
    command = [sys.executable, "-m", "dvc", "exp", "show", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NewsdeskError(f"dvc exp show: {failure_reason(done.stderr)}")
    return list(parse_experiments(json.loads(done.stdout)))


def parse_experiments(shown: Iterable[Mapping[str, Any]]) -> Iterator[Experiment]:
    """Parse the output of `dvc exp show --json`."""
    for baseline in shown:
        committed, rev = baseline["data"] or {}, baseline["rev"]
        before = _settings(committed)
        if baseline["experiments"]:
            measured = flatten(committed.get("metrics", {}).get(METRICS, {}).get("data", {}))
            yield Experiment(rev[:7], rev, rev, BASELINE, (), {}, metrics=measured)
        for experiment in baseline["experiments"] or ():
            result, executor = experiment["revs"][0], experiment["executor"] or {}
            content = result["data"] or {}
            state = executor.get("state", SUCCESS)
            yield Experiment(
                name=result["name"] or experiment["name"] or result["rev"][:7],
                rev=result["rev"],
                baseline=baseline["rev"],
                state=state,
                runs=tuple(_runs(content)) if state == SUCCESS else (),
                changed={k: v for k, v in _settings(content).items() if k not in before or before[k] != v},
                log=(executor.get("local") or {}).get("log"),
            )


def _runs(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of the runs that are named among the metrics."""
    for path, parsed in content.get("metrics", {}).items():
        if path.endswith(RUN) and (run_id := (parsed.get("data") or {}).get("run")):
            yield run_id


def _settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings by dotted name, with `FILE:` before those of another file than params.yaml."""
    return {
        name if file == "params.yaml" else f"{file}:{name}": value
        for file, parsed in content.get("params", {}).items()
        for name, value in flatten(parsed.get("data", {})).items()
    }


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten `{"a": {"b": 1, "c": {}}}` to `{"a.b": 1, "a.c": {}}`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        inner = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def list_runs(client: MlflowClient) -> list[TrackedRun]:
    """List the runs of all DVC experiments, the newest first."""
    found = search_runs(client, f"tags.`{NAME_TAG}` LIKE '%'")
    return [
        TrackedRun(
            run.info.run_id,
            name=run.data.tags[NAME_TAG],
            baseline=run.data.tags.get(BASELINE_TAG, ""),
            status=run.info.status,
            started=run.info.start_time,
            metrics=run.data.metrics,
        )
        for run in found
        if hashes.RECEIPT in hashes.read_hashes(run.data.tags)  # a search has none
    ]


def join(experiments: Iterable[Experiment], runs: Sequence[TrackedRun]) -> list[JoinedRow]:
    """Join experiments to `runs`, the newest first; runs without an experiment come last."""
    rows: list[JoinedRow] = []
    joined: set[str] = set()
    for experiment in experiments:
        own = _runs_of(experiment, runs)
        state = experiment.state if experiment.state != SUCCESS else "ok" if own else "no run"
        rows += [JoinedRow(experiment, run, state) for run in own] or [JoinedRow(experiment, None, state)]
        joined |= {run.run_id for run in own}
    for run in runs:
        if run.run_id not in joined:
            rows.append(JoinedRow(None, run, "no experiment" if run.status == FINISHED else "unfinished"))
    return rows


def _runs_of(experiment: Experiment, runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """Return the runs that an experiment names, else the newest whose tags name it."""
    if experiment.runs:
        return [run for run in runs if run.run_id in experiment.runs]
    named = [run for run in runs if (run.name, run.baseline) == (experiment.name, experiment.baseline)]
    if experiment.state == SUCCESS:
        return [run for run in named if run.status == FINISHED][:1]
    return [run for run in named if run.status != FINISHED]


def cache_beyond_ascii(root: Path) -> Path | None:
    """Return DVC's cache if its path has letters beyond ASCII: `dvc exp run --temp` and `--queue` fail."""
    from dvc.config import Config

    cache = Config(dvc_dir=str(root / ".dvc"))["cache"].get("dir") or root / ".dvc/cache"
    return None if str(cache).isascii() else Path(cache)


def exit_code(rows: Iterable[JoinedRow]) -> int:
    """Return the exit code of `newsdesk experiments`: 0 if each finished experiment has a run."""
    states = {row.state for row in rows}
    return EXIT_NO_RUN if "no run" in states else EXIT_FAILED if "failed" in states else 0


def failure_reason(log: str) -> str:
    """Return the error in the output of a failed command: that of newsdesk, else that of DVC."""
    lines = log.splitlines()
    for prefix in ("newsdesk: ", "ERROR: "):
        if errors := [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]:
            return errors[-1]
    return lines[-1] if lines else "no output"
