"""`newsdesk doctor`: is everything there, and what to do where it is not."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import SHIPPED, read_model
from newsdesk.registry import ledger
from newsdesk.registry.ledger import CHAMPION
from newsdesk.registry.promotion import moved_by_hand, tell_moved
from newsdesk.registry.versions import CHALLENGER, COMPLETE_TAG, MODEL_TAG, aliases
from newsdesk.tracking import moved, runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PACKAGES = ("dvc", "mlflow", "scikit-learn", "pandas", "numpy", "pyarrow")
PUBLIC = ("almayadeen", "skynews", "alarabiya", "saudinewsnet")

FINISHED_BY = {"promote": "promote {}", "adopt": "promote {} --adopt", "rollback": "rollback {} --reason ..."}

Finding = tuple[str, str, str, str]  # what, state, found, what to do


def findings(root: Path) -> Iterator[Finding]:
    """Check versions, data, model and store, one after the other."""
    yield (
        "python",
        "ok" if sys.version_info >= (3, 11) else "wrong",
        platform.python_version(),
        "use 3.11 or newer",
    )
    yield "git", "ok" if shutil.which("git") else "missing", shutil.which("git") or "", "install git"
    identity = " ".join(filter(None, (runs.git(root, "config", f"user.{key}") for key in ("name", "email"))))
    mend = "git config user.name NAME; git config user.email ADDRESS"
    yield "git identity", "ok" if identity else "optional", identity or "none: `dvc exp run` needs one", mend
    yield from _packages(root / "requirements.lock")
    for name, path, mend in (
        ("starter corpus", root / "data/starter", "check out data/starter again"),
        ("gold labels", root / "data/labels/gold.tsv", "check out data/labels again"),
        ("taxonomy", root / "data/taxonomy.yaml", "check out data/taxonomy.yaml again"),
    ):
        yield name, "ok" if path.exists() else "missing", path.relative_to(root).as_posix(), mend
    for name in PUBLIC:
        path = root / "data/public" / name
        n_files = sum(1 for p in path.rglob("*") if p.is_file()) if path.is_dir() else 0
        state = "ok" if n_files else "optional"
        yield f"public corpus {name}", state, f"{n_files:,} files", "make import"
    yield _model("shipped model", SHIPPED, absent="missing", mend="check out src/newsdesk/shipped again")
    yield _model("trained model", root / "model", absent="optional", mend="make")
    yield from _store()


def _packages(lock: Path) -> Iterator[Finding]:
    locked: dict[str, list[str]] = {}
    if lock.exists():
        for line in lock.read_text(encoding="utf-8").splitlines():
            name, equals, rest = line.partition("==")
            if equals and not line.startswith((" ", "#")):
                locked.setdefault(name, []).append(rest.split()[0])
    for name in PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "missing", "", "run `make setup`"
            continue
        expected = locked.get(name, [version])
        state = "ok" if version in expected else "differs"
        yield name, state, version, f"locked is {' or '.join(expected)}: run `make setup`"


def _model(name: str, folder: Path, *, absent: str, mend: str) -> Finding:
    if not folder.exists():
        return name, absent, "none", mend
    try:
        scorer = read_model(folder)
    except NewsdeskError as error:
        return name, "wrong", str(error), mend
    return name, "ok", f"{len(scorer.terms):,} terms", ""


def _store() -> Iterator[Finding]:
    if not runs.store_exists():
        yield "MLflow store", "ok", "none yet: the first run makes it", ""
        return
    try:
        with runs.connect() as client:
            n_experiments = len(client.search_experiments())
            models = list(registry_findings(client))
    except NewsdeskError as error:
        yield "MLflow store", "wrong", str(error), "start the server or mend MLFLOW_TRACKING_URI"
        return
    yield "MLflow store", "ok", f"{n_experiments} experiments", ""
    for old, n_places in old_roots().items():
        found = f"{n_places} places are still at {old}, where the checkout was"
        yield "MLflow artifacts", "wrong", found, "newsdesk doctor --fix"
    yield from models


def old_roots() -> dict[Path, int]:
    """Where the project's own store, if that is the one in use, looks for artifacts though it was moved.

    Another store may be shared by checkouts that stand where it says.
    """
    store = runs.store_file()
    if store is None or runs.store_uri() != runs.default_uri():
        return {}
    return moved.old_roots(store, runs.artifact_root())


def fix() -> None:
    """Mend what a move of the checkout broke, and say so."""
    store, old = runs.store_file(), old_roots()
    if store and old:
        copy = moved.mend(store, runs.artifact_root())
        root = runs.project_root()
        note(f"doctor: {sum(old.values())} places are at {root} now; the store as it was: {copy.name}")
    else:
        note("doctor: nothing to fix: the store's artifacts are where it says")


def registry_findings(client: MlflowClient) -> Iterator[Finding]:
    """What is half done or contradicts itself in each registered model of ours."""
    names = sorted(model.name for model in client.search_registered_models(max_results=1000))
    for name in names:
        ours = [v for v in ledger.list_versions(client, name) if MODEL_TAG in v.tags]
        if not name.endswith(ledger.SUFFIX) and (ours or name + ledger.SUFFIX in names):
            yield from _model_findings(client, name, ours)


def _model_findings(client: MlflowClient, name: str, versions: Sequence[ModelVersion]) -> Iterator[Finding]:
    what, of_alias = f"model {name}", aliases(client, name)
    incomplete = [version for version in versions if COMPLETE_TAG not in version.tags]
    for version in sorted(incomplete, key=lambda v: int(v.version)):
        alias = "set" if of_alias.get(CHALLENGER) == str(version.version) else "not set"
        found = f"version {version.version} is incomplete: alias challenger {alias}"
        yield what, "wrong", found, f"newsdesk register --run {version.run_id} --name {name}"
    try:
        entries = ledger.read_entries(client, name)
    except NewsdeskError as error:
        yield what, "wrong", str(error), "restore the store from a backup"
        return
    head = entries[-1] if entries else None
    champion = of_alias.get(CHAMPION, "none")
    if head and head.done is None:
        found = (
            f"{head.kind} to version {head.to} was interrupted: it is in the ledger, champion is {champion}"
        )
        yield what, "wrong", found, f"newsdesk {FINISHED_BY[head.kind].format(name)}: it finishes this first"
    elif moved_by_hand(head, of_alias):
        yield what, "wrong", tell_moved(name, head, of_alias), "one of the two"
    elif not incomplete:
        found = f"{len(versions)} versions, {len(entries)} entries in the ledger, champion {champion}"
        yield what, "ok", f"{found}, challenger {of_alias.get(CHALLENGER, 'none')}", ""


@click.command("doctor")
@click.option("--fix", "mend", is_flag=True, help="First mend the store of a checkout that was moved.")
def main(mend: bool) -> None:
    """Check versions, data, model, store and registry; exit code 1 if something that is needed is not there.

    Of registered models it names versions that are incomplete, a promotion that was interrupted, and an
    alias that was moved by hand. Of a checkout that was moved it tells that its runs' artifacts are looked
    for at the old place; with --fix, mlflow.db is copied beside itself and names the new one.

    \b
    Examples:
      newsdesk doctor
      newsdesk doctor --fix
    """
    if mend:
        fix()
    found = list(findings(runs.project_root()))
    print_rows(
        [
            {"check": what, "state": state, "found": seen, "what to do": "" if state == "ok" else mend}
            for what, state, seen, mend in found
        ]
    )
    if any(state in ("missing", "wrong") for _, state, _, _ in found):
        sys.exit(1)
