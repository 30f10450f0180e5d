"""`newsdesk doctor`: check the installation, data, models, MLflow store and registry."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model, read_yaml
from newsdesk.registry import ledger, store
from newsdesk.registry.ledger import CHAMPION
from newsdesk.registry.versions import CHALLENGER, COMPLETE_TAG
from newsdesk.tracking import runs
from newsdesk.tracking.experiments import MOVE_CACHE, cache_beyond_ascii
from newsdesk.tracking.hashes import RECEIPT, read_hashes

if TYPE_CHECKING:
    from mlflow import MlflowClient

PACKAGES = ("dvc", "mlflow", "scikit-learn", "pandas", "numpy", "pyarrow")
COMMITTED = {
    "starter corpus": "data/starter", "gold labels": "data/labels/gold.tsv", "taxonomy": "data/taxonomy.yaml",
}  # fmt: skip
FINISHED_BY = {
    "promote": "promote --name {}",
    "adopt": "promote --name {} --adopt",
    "rollback": "rollback --name {} --reason ...",
}


class Finding(NamedTuple):
    """The result of a check; the state is `ok`, `optional`, `differs`, `missing` or `wrong`."""

    check: str
    state: str
    found: str
    advice: str = ""


def list_findings(root: Path) -> Iterator[Finding]:
    """Check Python, git, packages, data, models, store and registry."""
    python = "ok" if sys.version_info >= (3, 11) else "wrong"
    yield Finding("python", python, platform.python_version(), "use 3.11 or newer")
    git = shutil.which("git")
    yield Finding("git", "ok" if git else "missing", git or "", "install git")
    identity = " ".join(filter(None, (runs.git(root, "config", f"user.{key}") for key in ("name", "email"))))
    advice = "git config user.name NAME; git config user.email ADDRESS"
    found = identity or "none: `dvc exp run` needs one"
    yield Finding("git identity", "ok" if identity else "optional", found, advice)
    yield from _check_packages(root / "requirements.lock")
    if (root / ".dvc").is_dir():
        yield from _check_checkout(root)
    advice = "git checkout HEAD -- src/newsdesk/shipped"
    yield _check_model("shipped model", SHIPPED, absent="missing", advice=advice)
    yield from _check_store()


def _check_checkout(root: Path) -> Iterator[Finding]:
    for name, path in COMMITTED.items():
        state = "ok" if (root / path).exists() else "missing"
        yield Finding(name, state, path, f"git checkout HEAD -- {path}")
    yield _check_imports(root / "data/public")
    yield from _check_cache(root)
    yield _check_model("trained model", root / "model", absent="optional", advice="make")


def _check_cache(root: Path) -> Iterator[Finding]:
    """Check that DVC can run experiments in temporary copies."""
    try:
        cache = cache_beyond_ascii(root)
    except ImportError:  # no DVC, which another check reports
        return
    if cache:
        found = f"{cache}: `dvc exp run --temp` and `--queue` fail on letters beyond ASCII"
        yield Finding("DVC cache", "optional", found, MOVE_CACHE)


def _check_imports(folder: Path) -> Finding:
    """Check that the output of each import of a public corpus is there."""
    outputs = [
        out["path"] for path in sorted(folder.glob("*.dvc")) for out in read_yaml(path, missing="")["outs"]
    ]
    missing = [output for output in outputs if not (folder / output).exists()]
    found = f"{len(outputs) - len(missing)} of {len(outputs)} imports"
    if 0 < len(missing) < len(outputs):
        found += f", without {', '.join(missing)}"
    return Finding("public corpora", "optional" if missing else "ok", found, "make import")


def _check_packages(lock: Path) -> Iterator[Finding]:
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    locked = re.findall(r"^([^\s#=]+)==(\S+)", text, re.MULTILINE)  # a package can have several versions
    for name in PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            if lock.exists():
                yield Finding(name, "missing", "", "make setup")
            else:  # an installed package, of which the pipeline is an extra
                yield Finding(name, "optional", "", "pip install 'newsdesk[train]'")
            continue
        expected = [of_package for package, of_package in locked if package == name]
        state = "ok" if version in expected or not expected else "differs"
        yield Finding(name, state, version, f"locked is {' or '.join(expected)}: make setup")


def _check_model(name: str, folder: Path, *, absent: str, advice: str) -> Finding:
    if not folder.exists():
        return Finding(name, absent, "none", advice)
    try:
        scorer = read_model(folder)
    except NewsdeskError as error:
        return Finding(name, "wrong", str(error), advice)
    return Finding(name, "ok", f"{len(scorer.terms):,} terms")


def _check_store() -> Iterator[Finding]:
    if not runs.store_exists():
        yield Finding("MLflow store", "ok", "none yet: the first run makes it")
        return
    try:
        with runs.connect() as client:
            locations = [experiment.artifact_location for experiment in client.search_experiments()]
            of_runs = list(run_findings(client))
            of_models = list(registry_findings(client))
    except NewsdeskError as error:
        yield Finding("MLflow store", "wrong", str(error), "start the server or correct MLFLOW_TRACKING_URI")
        return
    yield Finding("MLflow store", "ok", f"{len(locations)} experiments")
    yield from _check_artifacts(locations)
    yield from of_runs
    yield from of_models


def _check_artifacts(locations: Sequence[str]) -> Iterator[Finding]:
    """Check that the checkout is where it was when its own store was made: MLflow records absolute paths."""
    root = runs.project_root().absolute()
    if runs.store_file() != root / "mlflow.db":
        return
    parts = (urlsplit(location) for location in locations)
    folders = {Path(unquote(part.path)) for part in parts if part.scheme in ("", "file")}
    old = {folder.parent for folder in folders if folder.name == runs.artifact_root().name}
    for folder in sorted(folder for folder in old if folder.resolve() != root.resolve()):
        advice = (
            f"if the checkout was moved: ln -s {root} {folder}; if it is a copy: delete mlflow.db,"
            " dvc repro --force --single-item track"
        )
        yield Finding("MLflow artifacts", "wrong", f"mlflow.db was made in {folder}", advice)


def run_findings(client: MlflowClient) -> Iterator[Finding]:
    """Name the runs that stage `track` has not finished: a killed process or server leaves one RUNNING."""
    for run in runs.search_runs(client, "attributes.status = 'RUNNING'"):
        if RECEIPT not in read_hashes(run.data.tags):  # of another program, or a search
            continue
        started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
        found = f"run {run.info.run_id} is RUNNING since {started:%Y-%m-%dT%H:%M:%S}Z"
        advice = f"if no `track` runs: mlflow runs delete --run-id {run.info.run_id}; newsdesk track"
        yield Finding("MLflow run", "optional", found, advice)


def registry_findings(client: MlflowClient) -> Iterator[Finding]:
    """Check each model that `newsdesk register` made: complete versions, ledger and alias agree."""
    for name in sorted(model.name for model in client.search_registered_models(max_results=1000)):
        if not name.endswith(ledger.SUFFIX):
            yield from model_findings(client, name)


def model_findings(client: MlflowClient, name: str) -> Iterator[Finding]:
    """Check a registered model, unless it has neither versions of `newsdesk register` nor a ledger."""
    from newsdesk.registry.promotion import champion_state  # imports SciPy, an extra

    versions = [
        version for version in store.list_versions(client, name) if "model" in read_hashes(version.tags)
    ]
    if not versions and not any(store.list_versions(client, name + ledger.SUFFIX)):
        return
    check, aliases = f"model {name}", store.read_aliases(client, name)
    incomplete = [version for version in versions if COMPLETE_TAG not in version.tags]
    for version in sorted(incomplete, key=lambda v: int(v.version)):
        alias = "set" if aliases.get(CHALLENGER) == str(version.version) else "not set"
        found = f"version {version.version} is incomplete: alias challenger {alias}"
        yield Finding(check, "wrong", found, f"newsdesk register --run {version.run_id} --name {name}")
    try:
        entries = ledger.read_entries(client, name)
    except NewsdeskError as error:
        yield Finding(check, "wrong", str(error), "restore the store from a backup")
        return
    last = entries[-1] if entries else None
    state, champion = champion_state(client, name, last, aliases), aliases.get(CHAMPION, "none")
    if last and last.applied is None:
        found = f"{last.kind} to version {last.version} was interrupted"
        found += f": it is in the ledger, champion is {champion}"
        advice = f"newsdesk {FINISHED_BY[last.kind].format(name)}: it finishes this first"
        yield Finding(check, "wrong", found, advice)
    elif state.set_by_hand:
        yield Finding(check, "wrong", state.describe_difference(name), "one of the two")
    elif not incomplete:
        found = f"{len(versions)} versions, {len(entries)} entries in the ledger, champion {champion}"
        yield Finding(check, "ok", f"{found}, challenger {aliases.get(CHALLENGER, 'none')}")


@click.command("doctor")
@click.option("--warm", is_flag=True, help="Compile what labels, as when a container's image is built.")
def main(*, warm: bool) -> None:
    """Check the installation, data, models, MLflow store and registry, and advise what to do.

    Exit code 1 if something is missing or wrong. In the registry these are incomplete versions, an
    interrupted promotion, and an alias that was set by hand.

    \b
    Examples:
      newsdesk doctor
      newsdesk doctor --warm
    """
    if warm:
        started = time.monotonic()
        read_model(SHIPPED).warm_up()
        note(f"doctor: compiled code is ready after {time.monotonic() - started:.1f} s")
    found = list(list_findings(runs.project_root()))
    rows = [f if f.state != "ok" else f._replace(advice="") for f in found]
    print_rows([dict(zip(("check", "state", "found", "what to do"), row, strict=True)) for row in rows])
    if any(finding.state in ("missing", "wrong") for finding in found):
        sys.exit(1)
