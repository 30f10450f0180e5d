"""Where a run comes from: its MLflow run, commit, data and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256
from newsdesk.base.settings import Settings
from newsdesk.reporting.run_files import RunContent, RunPaths
from newsdesk.tracking import runs
from newsdesk.tracking.experiments import flatten
from newsdesk.tracking.hashes import recorded_hashes


@dataclass(frozen=True, slots=True)
class Provenance:
    """Facts for the top of the page; a setting is its name, its value and whether it is not the default."""

    facts: Mapping[str, str]
    settings: list[tuple[str, str, bool]]


def read_provenance(paths: RunPaths, run: RunContent, root: Path) -> Provenance:
    """Read run id and commit from the MLflow store, which may be missing, and hash the articles."""
    facts = find_tracked(run.hashes)
    if "commit" not in facts and (commit := runs.git(root, "rev-parse", "HEAD")):
        facts["commit of the checkout"] = commit
    if paths.articles.is_file():
        facts["articles, SHA-256"] = sha256(paths.articles)
    settings = compare_settings(run.settings) if "params.yaml" in run.hashes else []
    return Provenance(facts, settings)


def find_tracked(hashes: Mapping[str, str]) -> dict[str, str]:
    """Return id and commit of the MLflow run that recorded the files with these SHA-256."""
    recorded = recorded_hashes(hashes)
    if not recorded or not runs.store_exists():
        return {}
    try:
        if (run_id := runs.find_run(recorded)) is None:
            return {"MLflow run": "none recorded these files"}
        with runs.connect() as client:
            tags = client.get_run(run_id).data.tags
    except NewsdeskError as error:
        return {"MLflow run": f"not read: {error}"}
    is_dirty = tags.get(runs.DIRTY_TAG) or tags.get(runs.EARLIER_DIRTY_TAG)
    changed = ", with uncommitted changes" if is_dirty == "true" else ""
    commit = tags.get(runs.COMMIT_TAG)
    return {"MLflow run": run_id} | ({"commit": f"{commit}{changed}"} if commit else {})


def compare_settings(settings: Settings) -> list[tuple[str, str, bool]]:
    """List all settings; those of an empty mapping are left out."""
    default, own = (flatten(each.model_dump(mode="json")) for each in (Settings(), settings))
    return [(name, _format(value), value != default.get(name)) for name, value in own.items() if value != {}]


def _format(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
