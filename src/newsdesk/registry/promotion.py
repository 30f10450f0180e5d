"""Make the challenger champion if it is better; roll back; adopt a champion that was set by hand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_table, sha256
from newsdesk.evaluation.test_set import hash_test_set, select_test_set
from newsdesk.registry import ledger, versions
from newsdesk.registry.ledger import CHAMPION, ChampionChangedError, LedgerEntry
from newsdesk.registry.paired_test import PromotionRules, compare
from newsdesk.registry.store import (
    check_readable,
    download,
    list_versions,
    read_aliases,
    read_model_hash,
    set_with_retry,
)
from newsdesk.registry.versions import get_complete_version
from newsdesk.tracking.hashes import read_hashes

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

VERDICT_TAG = "newsdesk.verdict"


class DifferentTestError(NewsdeskError):
    """Challenger and champion were measured on different test sets."""

    exit_code = 6


@dataclass(frozen=True, slots=True)
class Promotion:
    """Result of a promotion."""

    verdict: dict[str, Any]
    entry: LedgerEntry | None = None  # None if the champion did not change
    resumed: bool = False  # whether another process began the promotion and was interrupted


@dataclass(frozen=True, slots=True)
class ChampionState:
    """The champion by its alias and by the last ledger entry."""

    entry: LedgerEntry | None
    aliases: Mapping[str, str]
    resumed: bool = False  # whether reading the state completed a change that was interrupted
    model: str | None = None  # hash of the model of the alias

    @property
    def champion(self) -> str | None:
        """The champion by its alias."""
        return self.aliases.get(CHAMPION)

    @property
    def recorded(self) -> str | None:
        """The champion by the ledger."""
        return self.entry.version if self.entry else None

    @property
    def set_by_hand(self) -> bool:
        """Whether the alias and the ledger differ."""
        return self.champion != self.recorded or self.is_other_model

    @property
    def is_other_model(self) -> bool:
        """Whether the version of the ledger's champion holds another model than it did."""
        return bool(self.entry and self.entry.model and self.model and self.entry.model != self.model)

    def describe_difference(self, name: str) -> str:
        """Describe how alias and ledger differ, and what to do."""
        if self.champion == self.recorded:
            found = f"version {self.champion} of {name!r} is champion, but it is not the model that the"
            found += f" ledger names, so {name!r} was deleted and made anew;"
        else:
            found = f"champion of {name!r} is version {self.champion or 'none'} by its alias but"
            found += f" {self.recorded or 'none'} by the ledger, so it was set by hand;"
        return f"{found} `newsdesk promote --name {name} --adopt` records it" + (
            f", `newsdesk rollback --name {name} --reason ...` sets it back" if self.entry else ""
        )


def promote(
    client: MlflowClient,
    name: str,
    *,
    rules: PromotionRules,
    reason: str,
    dry_run: bool,
    champion_predictions: Path | None = None,
) -> Promotion:
    """Compare the challenger with the champion, and make it the champion if it is better.

    Parameters
    ----------
    client : MlflowClient
    name : str
        Registered model.
    rules : PromotionRules
        Conditions of `newsdesk.registry.paired_test.compare`.
    reason : str
        Kept in the ledger.
    dry_run : bool
        Whether to return the verdict only; else it is also stored in a tag of the challenger.
    champion_predictions : Path, optional
        Predictions of the champion for the challenger's test set, if its own is another.

    Returns
    -------
    Promotion

    Raises
    ------
    NewsdeskError
        If there is no challenger, the tests differ, or the champion was changed by hand or meanwhile.

    Examples
    --------
    >>> rules = PromotionRules(margin=0.01)
    >>> promote(client, "newsdesk", rules=rules, reason="", dry_run=True).verdict  # doctest: +SKIP
    """
    state = _read_state(client, name, dry_run=dry_run)
    if state.entry and state.resumed and state.entry.kind == "promote":
        return Promotion(dict(state.entry.verdict), state.entry, resumed=True)
    if state.set_by_hand:
        check_readable(client, name + ledger.SUFFIX)
        raise NewsdeskError(state.describe_difference(name))
    challenger = _get_challenger(client, name, state)
    verdict = _judge(client, name, state.recorded, challenger, rules, champion_predictions)
    if not dry_run:
        text = json.dumps(
            verdict | {"at": datetime.now(UTC).isoformat(timespec="seconds")}, ensure_ascii=False
        )
        set_with_retry(client.set_model_version_tag, name, str(challenger.version), VERDICT_TAG, text)
    if dry_run or verdict["verdict"] not in ("first", "better"):
        return Promotion(verdict)
    _check_champion(client, name, state.champion)
    entry = ledger.change_champion(
        client, name, after=state.entry, kind="promote", previous=state.recorded,
        version=str(challenger.version), reason=reason, verdict=verdict,
    )  # fmt: skip
    return Promotion(verdict, entry)


def _check_champion(client: MlflowClient, name: str, expected: str | None) -> None:
    found = read_aliases(client, name).get(CHAMPION)
    if found != expected:
        raise ChampionChangedError(
            f"version {found or 'none'} was made champion in the meantime; nothing was changed,"
            f" see `newsdesk history --name {name}`"
        )


def adopt(client: MlflowClient, name: str, *, reason: str) -> LedgerEntry:
    """Record a champion that was set by hand in the ledger."""
    state = _read_state(client, name)
    if state.entry and state.resumed and state.entry.kind == "adopt":
        return state.entry
    if state.champion is None:
        first = "set this alias in MLflow first" if state.entry else f"run `newsdesk promote --name {name}`"
        raise NewsdeskError(f"{name!r} has no champion to adopt; {first}")
    if not state.set_by_hand:
        raise NewsdeskError(f"champion of {name!r} is {state.champion} by the ledger too; nothing to adopt")
    get_complete_version(client, name, state.champion)
    return ledger.change_champion(
        client, name, after=state.entry, kind="adopt", previous=state.recorded, version=state.champion,
        reason=reason, verdict={"verdict": "adopted"},
    )  # fmt: skip


def rollback(client: MlflowClient, name: str, *, reason: str) -> LedgerEntry:
    """Return to the previous champion, or from one that was set by hand to the ledger's champion."""
    state = _read_state(client, name)
    if state.entry is None:
        raise ledger.no_entries(client, name)
    if state.resumed and state.entry.kind == "rollback":
        return state.entry
    entries = ledger.read_entries(client, name)
    stack = ledger.list_champions(entries)
    earlier = stack if state.set_by_hand else stack[:-1]
    complete = {str(v.version): v for v in list_versions(client, name) if versions.COMPLETE_TAG in v.tags}
    model_of = {entry.version: entry.model for entry in entries}
    candidates = [
        version for version in earlier
        if version in complete and version != state.champion
        and model_of[version] in (None, read_hashes(complete[version].tags).get("model"))
    ]  # fmt: skip
    if not candidates:
        champion = f"version {state.champion}" if state.champion else "none"
        raise NewsdeskError(f"{name!r} has no champion before {champion}, or it was deleted")
    return ledger.change_champion(
        client, name, after=state.entry, kind="rollback", previous=state.champion, version=candidates[-1],
        reason=reason, verdict={"verdict": "rollback"},
    )  # fmt: skip


def champion_state(
    client: MlflowClient,
    name: str,
    entry: LedgerEntry | None,
    aliases: Mapping[str, str],
    *,
    resumed: bool = False,
) -> ChampionState:
    """Return the state by the last entry and the aliases."""
    champion = aliases.get(CHAMPION)
    model = read_model_hash(client, name, champion) if champion else None
    return ChampionState(entry, aliases, resumed, model)


def _read_state(client: MlflowClient, name: str, *, dry_run: bool = False) -> ChampionState:
    """Read ledger and aliases; complete an interrupted change first, except in a dry run."""
    entry = ledger.read_last(client, name)
    while True:
        resumed = False
        if entry and entry.applied is None:
            if dry_run:
                return ChampionState(entry, {**read_aliases(client, name), CHAMPION: entry.version})
            entry, resumed = ledger.apply_last_entry(client, name), True
        aliases = read_aliases(client, name)
        last = ledger.read_last(client, name)
        if last == entry:
            return champion_state(client, name, entry, aliases, resumed=resumed)
        entry = last  # written meanwhile: the alias may follow it already, and would seem to be set by hand


def _get_challenger(client: MlflowClient, name: str, state: ChampionState) -> ModelVersion:
    number = state.aliases.get(versions.CHALLENGER)
    if number is None:
        check_readable(client, name)
        raise NewsdeskError(f"no version of {name!r} is challenger; run `newsdesk register` first")
    challenger = get_complete_version(client, name, number)
    if number == state.recorded:
        raise NewsdeskError(
            f"version {number} of {name!r} is challenger and champion;"
            " `newsdesk register` makes a new challenger"
        )
    return challenger


def _judge(
    client: MlflowClient,
    name: str,
    champion: str | None,
    challenger: ModelVersion,
    rules: PromotionRules,
    champion_predictions: Path | None,
) -> dict[str, Any]:
    verdict = {"champion": champion, "challenger": str(challenger.version)}
    if champion is None:
        return verdict | {"verdict": "first", "test_sha256": _test_hash(challenger), "blocking": []}
    version = get_complete_version(client, name, champion)
    return verdict | _compare_versions(client, version, challenger, rules, champion_predictions)


def _test_hash(version: ModelVersion) -> str | None:
    return read_hashes(version.tags).get("test")


def _compare_versions(
    client: MlflowClient,
    champion: ModelVersion,
    challenger: ModelVersion,
    rules: PromotionRules,
    champion_predictions: Path | None,
) -> dict[str, Any]:
    """Compare two versions by the predictions of their runs; raise if their test sets differ."""
    expected = _test_hash(challenger)
    different = DifferentTestError(
        f"champion {champion.version} and challenger {challenger.version} were measured on different tests;"
        " score the challenger's test with the champion (`newsdesk evaluate --model`) and give"
        " --champion-predictions"
    )
    if champion_predictions is None and _test_hash(champion) != expected:
        raise different
    origins = challenger.tags[versions.ORIGINS_TAG].split(",")
    with tempfile.TemporaryDirectory() as folder:

        def predictions_of(version: ModelVersion) -> Path:
            run = versions.get_finished_run(client, str(version.run_id))
            return download(client, run, versions.PREDICTIONS_PATH, Path(folder) / str(version.version))

        old_path, new_path = champion_predictions or predictions_of(champion), predictions_of(challenger)
        old, new = (select_test_set(read_table(path), origins=origins) for path in (old_path, new_path))
    if hash_test_set(new) != expected:
        raise NewsdeskError(
            f"run {challenger.run_id}: its artifact {versions.PREDICTIONS_PATH} is not of the test set that"
            " its tag names; run `newsdesk track` again"
        )
    if hash_test_set(old) != expected:
        raise different
    given = {"champion_predictions_sha256": sha256(champion_predictions)} if champion_predictions else {}
    return compare(old, new, rules) | {"test_sha256": expected} | given
