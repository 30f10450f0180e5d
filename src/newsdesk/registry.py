"""The registry: a finished run's model as a version, and the champion that consumers load."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from newsdesk import artifacts, ledger
from newsdesk.comparison import Rules, compare
from newsdesk.errors import NewsdeskError
from newsdesk.frozen import frozen_sha256, frozen_test
from newsdesk.ledger import CHAMPION, Entry, LostRaceError
from newsdesk.tracking import MODEL_PATH, RECEIPT_TAG, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
MODEL_TAG = "newsdesk.model_sha256"
TEST_TAG, ORIGINS_TAG = "newsdesk.test_sha256", "newsdesk.test_origins"
HASH_TAGS = (
    MODEL_TAG,
    "newsdesk.articles_sha256",
    "newsdesk.params_sha256",
    TEST_TAG,
    ORIGINS_TAG,
    RECEIPT_TAG,
)
GIT_TAGS = ("mlflow.source.git.commit", "newsdesk.git_dirty")
CARD_TAG = "newsdesk.card_sha256"
COMPLETE_TAG = "newsdesk.complete"
VERDICT_TAG = "newsdesk.verdict"
CARD_PATH = "card.md"
PREDICTIONS_PATH = "evaluation/predictions.parquet"

Registered = Literal["registered", "completed", "again", "already", "champion"]


class DifferentTestError(NewsdeskError):
    """Challenger and champion were measured on different tests."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of a promotion: the verdict, and the entry of the ledger if the alias was moved."""

    verdict: dict[str, Any]
    entry: Entry | None


def check_name(name: str) -> str:
    """The name of a registered model as it is.

    Raises
    ------
    NewsdeskError
        If the store would not take it, or it is a ledger's.
    """
    if not name.strip() or re.search(r"[/:'\"`%\s]", name) or name.endswith(ledger.SUFFIX):
        raise NewsdeskError(
            f"{name!r} is no name for a model: no space, quote, '/', ':' or '%', no end in {ledger.SUFFIX!r}"
        )
    return name


def finished_run(client: MlflowClient, run_id: str) -> Run:
    """A run that stage `track` finished.

    Raises
    ------
    NewsdeskError
        If there is none of this id, or it did not finish or lacks a hash or the model.
    """
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise NewsdeskError(f"run {run_id}: the store has no such run; `newsdesk results` names one") from None
    if run.info.status != "FINISHED":
        raise NewsdeskError(f"run {run_id}: its status is {run.info.status}; only a finished run is registered")
    missing = [tag for tag in HASH_TAGS if tag not in run.data.tags]
    if missing:
        raise NewsdeskError(
            f"run {run_id}: has no tag {missing[0]}, so it is not a pipeline's or an older one's;"
            " run `newsdesk track` again"
        )
    return run


def source_uri(run: Run) -> str:
    """Where a version's model lies: the run's artifact."""
    return f"{run.info.artifact_uri.rstrip('/')}/{MODEL_PATH}"


def fetch(run: Run, path: str, folder: Path) -> Path:
    """Download an artifact of a run.

    Raises
    ------
    NewsdeskError
        If it is not there.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    run_id = run.info.run_id
    try:
        found = Path(
            download_artifacts(
                run_id=run_id, artifact_path=path, dst_path=str(folder), tracking_uri=store_uri()
            )
        )
    except (MlflowException, OSError) as error:
        if _unreachable(error):
            raise
        found = folder / path
    if not found.exists() or (found.is_dir() and not artifacts.files_in(found)):
        raise NewsdeskError(f"run {run_id}: its artifact {path} is missing; run `newsdesk track` again")
    return found


def _unreachable(error: Exception) -> bool:
    """Whether a download failed for the server, not for the artifact."""
    from mlflow.exceptions import RestException

    if isinstance(error, RestException) or "404" in str(error) or isinstance(error, FileNotFoundError):
        return False
    return "Max retries" in str(error) or "failed with exception" in str(error)


def check_model(run: Run, folder: Path) -> Path:
    """The packaged model within a downloaded artifact, if it is the one that was evaluated.

    Raises
    ------
    NewsdeskError
        If it is not there, or its hash is not the run's.
    """
    for described in sorted(folder.rglob("model.json")):
        if artifacts.sha256(described.parent) == run.data.tags[MODEL_TAG]:
            return described.parent
    raise NewsdeskError(
        f"run {run.info.run_id}: its artifact {MODEL_PATH} is not the model that was evaluated (files are missing"
        " or were changed); run `newsdesk track` again"
    )


def aliases(client: MlflowClient, name: str) -> dict[str, str]:
    """Alias to version, empty where there is no such model."""
    found = client.search_registered_models(f"name='{name}'", max_results=1)
    return {alias: str(version) for alias, version in found[0].aliases.items()} if found else {}


def same_model(client: MlflowClient, name: str, model_sha256: str) -> list[ModelVersion]:
    """The versions that hold this very model, oldest first."""
    versions = [v for v in ledger.list_versions(client, name) if v.tags.get(MODEL_TAG) == model_sha256]
    return sorted(versions, key=lambda version: int(version.version))


def register(client: MlflowClient, run: Run, *, name: str, card: str) -> tuple[str, Registered]:
    """Make the run's model a version and the challenger, and return its number and what was done.

    The card goes to the run's artifacts. The version is made with all its tags in one transaction of the
    store, then gets the alias, then the tag `newsdesk.complete`. What a killed process left undone, the next
    call for the same model completes. Of versions of the same model that two calls made at once the oldest
    stays.
    """
    digest = run.data.tags[MODEL_TAG]
    held = same_model(client, name, digest)
    made = not held
    if made:
        client.log_text(run.info.run_id, card, CARD_PATH)
        ledger.make_model(client, name, "Regions and topics of Arabic news.")
        kept = {tag: run.data.tags[tag] for tag in (*HASH_TAGS, *GIT_TAGS) if tag in run.data.tags}
        created = client.create_model_version(
            name,
            source_uri(run),
            run_id=run.info.run_id,
            tags={**kept, CARD_TAG: text_sha256(card)},
            description=f"The model of run {run.info.run_id}; its card is the run's artifact {CARD_PATH}.",
        )
        held = same_model(client, name, digest)
        made = bool(held) and held[0].version == created.version
    version = held[0]
    for double in held[1:]:
        if COMPLETE_TAG not in double.tags:
            _delete(client, name, double.version)
    number, of_alias = str(version.version), aliases(client, name)
    complete = COMPLETE_TAG in version.tags
    if complete and of_alias.get(CHAMPION) == number:
        return number, "champion"
    if complete and of_alias.get(CHALLENGER) == number:
        return number, "already"
    client.set_registered_model_alias(name, CHALLENGER, number)
    if not complete:
        client.set_model_version_tag(name, number, COMPLETE_TAG, "true")
    return number, "registered" if made else "again" if complete else "completed"


def _delete(client: MlflowClient, name: str, version: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_model_version(name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # its own maker was faster
            raise


def text_sha256(text: str) -> str:
    """Hash of a text in UTF-8."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def complete_version(client: MlflowClient, name: str, number: str) -> ModelVersion:
    """A version that was registered to the end.

    Raises
    ------
    NewsdeskError
        If there is no such version or it is incomplete.
    """
    found = [v for v in ledger.list_versions(client, name) if str(v.version) == number]
    if not found:
        raise NewsdeskError(f"{name}: has no version {number}; `newsdesk history {name}` lists champions")
    if COMPLETE_TAG not in found[0].tags:
        raise NewsdeskError(
            f"{name}: version {number} is incomplete; run `newsdesk register --run {found[0].run_id}` to finish it"
        )
    return found[0]


def current(client: MlflowClient, name: str, of_alias: Mapping[str, str]) -> tuple[Entry | None, bool]:
    """The ledger's last entry, after finishing it if it was interrupted, and whether it had been.

    Raises
    ------
    NewsdeskError
        If the alias is not where the ledger says, so that somebody else moved it.
    """
    entries = ledger.read_entries(client, name)
    head = entries[-1] if entries else None
    if head and head.done is None:
        return ledger.settle(client, name), True
    return head, False


def moved_by_hand(head: Entry | None, of_alias: Mapping[str, str]) -> bool:
    """Whether the alias says something else than the ledger."""
    return of_alias.get(CHAMPION) != (head.to if head else None)


def promote(
    client: MlflowClient,
    name: str,
    *,
    rules: Rules,
    reason: str,
    dry_run: bool,
    champion_predictions: Path | None = None,
) -> Promotion:
    """Compare the challenger with the champion and, if it is better, make it the champion.

    The verdict is stored on the challenger before the alias moves, unless it is a dry run.

    Raises
    ------
    DifferentTestError
        If the two were measured on different tests.
    LostRaceError
        If somebody else changed the champion meanwhile.
    NewsdeskError
        If there is no challenger, it is incomplete, or the alias was moved by hand.
    """
    head, of_alias = _read_state(client, name, dry_run=dry_run)
    if moved_by_hand(head, of_alias):
        raise NewsdeskError(_told_moved(name, head, of_alias))
    number = of_alias.get(CHALLENGER)
    if number is None:
        raise NewsdeskError(f"no version of {name!r} is challenger; run `newsdesk register` first")
    challenger = complete_version(client, name, number)
    if head and head.to == number:
        raise NewsdeskError(f"version {number} of {name!r} is champion already; run `newsdesk register` first")
    old = complete_version(client, name, head.to) if head else None
    verdict: dict[str, Any] = {"champion": head.to if head else None, "challenger": number}
    if old is None:
        verdict |= {"verdict": "first", "test_sha256": challenger.tags[TEST_TAG], "blocking": []}
    else:
        verdict |= measure(client, old, challenger, rules=rules, champion_predictions=champion_predictions)
    if dry_run:
        return Promotion(verdict, None)
    stored = verdict | {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    client.set_model_version_tag(name, number, VERDICT_TAG, json.dumps(stored, ensure_ascii=False))
    if verdict["verdict"] not in ("first", "better"):
        return Promotion(verdict, None)
    moved = aliases(client, name)
    if moved.get(CHAMPION) != of_alias.get(CHAMPION):
        raise LostRaceError(
            f"version {moved.get(CHAMPION, 'none')} was made champion in the meantime; nothing was changed,"
            " look at `newsdesk history`"
        )
    entry = ledger.append(
        client, name, after=head, kind="promote", before=head.to if head else None,
        to=number, reason=reason, verdict=verdict,
    )  # fmt: skip
    return Promotion(verdict, _settled(client, name, entry))


def _read_state(
    client: MlflowClient, name: str, *, dry_run: bool = False
) -> tuple[Entry | None, dict[str, str]]:
    """The ledger's last entry, finished if it was interrupted, and the aliases."""
    entries = ledger.read_entries(client, name)
    head = entries[-1] if entries else None
    of_alias = aliases(client, name)
    if head and head.done is None:
        if dry_run:
            return head, {**of_alias, CHAMPION: head.to}
        head = ledger.settle(client, name)
        of_alias = aliases(client, name)
    return head, of_alias


def _told_moved(name: str, head: Entry | None, of_alias: Mapping[str, str]) -> str:
    return (
        f"champion of {name!r} is version {of_alias.get(CHAMPION, 'none')} by its alias but"
        f" {head.to if head else 'none'} by the ledger, so it was set by hand; `newsdesk promote {name} --adopt`"
        f" records it" + (f", `newsdesk rollback {name} --reason ...` sets it back" if head else "")
    )


def _settled(client: MlflowClient, name: str, entry: Entry) -> Entry:
    """The entry after the alias was set."""
    ledger.settle(client, name)
    return next(e for e in ledger.read_entries(client, name) if e.number == entry.number)


def measure(
    client: MlflowClient,
    champion: ModelVersion,
    challenger: ModelVersion,
    *,
    rules: Rules,
    champion_predictions: Path | None = None,
) -> dict[str, Any]:
    """The verdict on two versions, by the predictions of their runs.

    Parameters
    ----------
    champion_predictions : Path, optional
        What the champion says of the challenger's test, where it was registered with another one.

    Raises
    ------
    DifferentTestError
        If their tests are not the same.
    """
    wanted = challenger.tags[TEST_TAG]
    if champion_predictions is None and champion.tags.get(TEST_TAG) != wanted:
        raise DifferentTestError(_told_different(champion.version, challenger.version))
    origins = challenger.tags[ORIGINS_TAG].split(",")
    with tempfile.TemporaryDirectory() as folder:
        tables = []
        for version in (champion, challenger):
            if champion_predictions is not None and version is champion:
                tables.append(champion_predictions)
                continue
            run = finished_run(client, version.run_id)
            tables.append(fetch(run, PREDICTIONS_PATH, Path(folder) / str(version.version)))
        old, new = (frozen_test(artifacts.read_table(path), origins=origins) for path in tables)
        given = artifacts.sha256(champion_predictions) if champion_predictions else None
    if frozen_sha256(new) != wanted:
        raise NewsdeskError(
            f"run {challenger.run_id}: its artifact {PREDICTIONS_PATH} is not of the test that its tag names;"
            " run `newsdesk track` again"
        )
    if frozen_sha256(old) != wanted:
        raise DifferentTestError(_told_different(champion.version, challenger.version))
    verdict = compare(old, new, rules) | {"test_sha256": wanted}
    return verdict | ({"champion_predictions_sha256": given} if given else {})


def _told_different(champion: str, challenger: str) -> str:
    return (
        f"champion {champion} and challenger {challenger} were measured on different tests; score the challenger's"
        " test with the champion (`newsdesk evaluate --model`) and give --champion-predictions"
    )


def adopt(client: MlflowClient, name: str, *, reason: str) -> Entry:
    """Record a champion that was set by hand.

    Raises
    ------
    NewsdeskError
        If the alias is where the ledger says, or is gone.
    """
    head, of_alias = _read_state(client, name)
    number = of_alias.get(CHAMPION)
    if not moved_by_hand(head, of_alias) or number is None:
        raise NewsdeskError(
            f"champion of {name!r} is {number or 'no version'}, "
            + ("as the ledger says" if number else "and nothing is there to adopt")
        )
    complete_version(client, name, number)
    entry = ledger.append(
        client, name, after=head, kind="adopt", before=head.to if head else None,
        to=number, reason=reason, verdict={"verdict": "adopted"},
    )  # fmt: skip
    return _settled(client, name, entry)


def rollback(client: MlflowClient, name: str, *, reason: str) -> Entry:
    """Give the alias back to the previous champion by the ledger, or from a hand-set one to the ledger's.

    Raises
    ------
    LostRaceError
        If somebody else changed the champion meanwhile.
    NewsdeskError
        If there is no previous champion, or its version is gone.
    """
    head, of_alias = _read_state(client, name)
    if head is None:
        raise NewsdeskError(f"no version of {name!r} was ever promoted; run `newsdesk promote {name}` first")
    stack = ledger.champions(ledger.read_entries(client, name))
    number = of_alias.get(CHAMPION)
    to = stack[-1]
    if number == to:
        if len(stack) < 2:
            raise NewsdeskError(f"version {to} of {name!r} is the first champion: there is none before it")
        to = stack[-2]
    complete_version(client, name, to)
    entry = ledger.append(
        client, name, after=head, kind="rollback", before=number, to=to,
        reason=reason, verdict={"verdict": "rollback"},
    )  # fmt: skip
    return _settled(client, name, entry)


def findings(client: MlflowClient) -> Iterator[tuple[str, str, str, str]]:
    """What is half done or contradicts itself in each registered model: what, state, found, what to do."""
    names = sorted(model.name for model in client.search_registered_models(max_results=1000))
    for name in (n for n in names if not n.endswith(ledger.SUFFIX)):
        versions = list(ledger.list_versions(client, name))
        ours = [v for v in versions if MODEL_TAG in v.tags]
        if not ours and name + ledger.SUFFIX not in names:
            continue
        of_alias = aliases(client, name)
        whole = True
        for version in sorted(ours, key=lambda v: int(v.version)):
            if COMPLETE_TAG not in version.tags:
                whole = False
                alias = "set" if of_alias.get(CHALLENGER) == str(version.version) else "not set"
                yield (
                    f"model {name}", "wrong", f"version {version.version} is incomplete: alias challenger {alias}",
                    f"newsdesk register --run {version.run_id} --name {name}",
                )  # fmt: skip
        try:
            entries = ledger.read_entries(client, name)
        except NewsdeskError as error:
            yield f"model {name}", "wrong", str(error), "restore the store from a backup"
            continue
        head = entries[-1] if entries else None
        if head and head.done is None:
            alias = of_alias.get(CHAMPION, "none")
            yield (
                f"model {name}", "wrong",
                f"{head.kind} to version {head.to} was interrupted: the ledger has it, alias champion is {alias}",
                f"newsdesk promote {name} --finish",
            )  # fmt: skip
        elif moved_by_hand(head, of_alias):
            yield f"model {name}", "wrong", _told_moved(name, head, of_alias), "one of the two"
        elif whole:
            yield (
                f"model {name}", "ok",
                f"{len(ours)} versions, champion {of_alias.get(CHAMPION, 'none')},"
                f" challenger {of_alias.get(CHALLENGER, 'none')}, {len(entries)} entries in the ledger", "",
            )  # fmt: skip
