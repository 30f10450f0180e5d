"""The hashes of what a run recorded, in one tag of the run and of a version of its model.

Runs and versions of earlier releases have a tag for each hash, and are read and found too.
"""

from __future__ import annotations

from collections.abc import Mapping

HASHES_TAG = "newsdesk.hashes"
# files of a finished pipeline, and the name of the SHA-256 of each
RECORDED = {
    "params.yaml": "params",
    "metrics/clean.json": "account",
    "metrics/evaluate.json": "metrics",
    "metrics/labels.json": "labels",
    "model": "model",
}
RECEIPT = "receipt"
NAMES = ("params", "articles", "account", "heads", "model", "metrics", "labels", "test", "card")
EARLIER_TAGS = {**{name: f"newsdesk.{name}_sha256" for name in NAMES}, RECEIPT: "newsdesk.receipt"}


def recorded_hashes(files: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of the files that a run records by their names; other files are left out."""
    return {name: files[file] for file, name in RECORDED.items() if file in files}


def hashes_tag(hashes: Mapping[str, str]) -> dict[str, str]:
    """Return the tag that holds hashes.

    Examples
    --------
    >>> hashes_tag({"model": "3f2a", "articles": "9c01"})
    {'newsdesk.hashes': 'articles=9c01 model=3f2a'}
    """
    return {HASHES_TAG: " ".join(f"{name}={digest}" for name, digest in sorted(hashes.items()))}


def read_hashes(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes in the tags of a run or version by name, an empty dict if there are none."""
    earlier = {name: tags[tag] for name, tag in EARLIER_TAGS.items() if tag in tags}
    pairs = (pair.partition("=") for pair in tags.get(HASHES_TAG, "").split())
    return earlier | {name: digest for name, _, digest in pairs}


def search_conditions(hashes: Mapping[str, str]) -> tuple[str, str]:
    """Return the filter of MLflow for runs with these hashes, and the one for runs of earlier releases."""
    now = (f"tags.`{HASHES_TAG}` LIKE '%{name}={digest}%'" for name, digest in hashes.items())
    earlier = (f"tags.`{EARLIER_TAGS[name]}` = '{digest}'" for name, digest in hashes.items())
    return " and ".join(now), " and ".join(earlier)
