"""A Python in which only the core dependencies of newsdesk can be imported, as after `pip install newsdesk`."""

from __future__ import annotations

from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOOK = """
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec

def find_shown(name, path=None, target=None):
    return None if name in HIDDEN else find_spec(name, path, target)

PathFinder.find_spec = find_shown
"""


def core_distributions() -> set[str]:
    """Return newsdesk and all distributions that it needs without extras."""
    found, left = set(), ["newsdesk"]
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found.add(name)
            needed = map(Requirement, requires(name) or ())
            left += [each.name for each in needed if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def write_hook(folder: Path) -> Path:
    """Write a `sitecustomize.py` that hides other distributions; return its folder, for PYTHONPATH."""
    core = core_distributions()
    hidden = {
        name
        for name, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & core
    }
    (folder / "sitecustomize.py").write_text(f"HIDDEN = {sorted(hidden)!r}\n{HOOK}", encoding="utf-8")
    return folder
