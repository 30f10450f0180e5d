"""`newsdesk certify`: does the committed lock still give the same bytes, and who says so."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import click

from newsdesk.base.console import note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_json, write_json
from newsdesk.reproducibility import certificate, inspection, rerun
from newsdesk.reproducibility.certificate import Compared, Finding
from newsdesk.reproducibility.dvc_lock import parse_lock
from newsdesk.reproducibility.kept import committed, take_imports
from newsdesk.tracking import runs

PROFILES = {"starter": ".", "public": "profiles/public"}
IMPORTS = "data/public"
DIFFERS, ROUNDING = 1, 3  # exit codes
CERTIFIED_TAG, SHA256_TAG = "newsdesk.certified", "newsdesk.certificate_sha256"


@click.command("certify")
@click.option("--profile", type=click.Choice(list(PROFILES)), default="starter", show_default=True)
@click.option(
    "--cpu", type=click.Choice(get_args(rerun.CpuName)), default="here", show_default=True,
    help="Rerun with the instructions of this processor or of a lesser one.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Hash seed of the rerun.  [default: by chance]"
)
@click.option(
    "--threads", type=click.IntRange(1),
    help="Threads of the rerun.  [default: 1; 2 where there is one processor]",
)  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path), help="New folder to rerun in, and to leave there.")
@click.option(
    "--rerun", "kept", type=click.Path(path_type=Path), help="Compare with a rerun that --keep left."
)
@click.option(
    "--output", type=click.Path(path_type=Path),
    help="File to write.  [default: reports/certificate-PROFILE.json]",
)  # fmt: skip
@click.option("--allow-rounding", is_flag=True, help="Exit 0 where rounding is all that differs.")
@click.option(
    "--check", type=click.Path(path_type=Path), help="Rerun nothing: is this certificate as it was signed?"
)
def main(
    profile: str,
    cpu: str,
    seed: int | None,
    threads: int | None,
    keep: Path | None,
    kept: Path | None,
    output: Path | None,
    allow_rounding: bool,
    check: Path | None,
) -> None:
    """Run the pipeline again from the committed lock and certify that it gives the same bytes.

    The rerun is of HEAD, in a scratch clone with its own code, with no cache, another hash seed and another
    number of threads. Every output is compared with its hash in dvc.lock, at hand and of the rerun, and the
    scores of all articles by the model of the lock and of the rerun to the last bit. The certificate tells
    what differs, where first and by how much; the MLflow run of the lock is tagged with its hash.

    Exit codes: 0 all the same; 1 something differs, or with --check the certificate is not as signed; 3 only
    rounding differs, as between processors (0 with --allow-rounding).

    \b
    Examples:
      newsdesk certify
      newsdesk certify --cpu generic --allow-rounding
      newsdesk certify --check reports/certificate-starter.json
    """
    root = runs.project_root().resolve()
    if check:
        sys.exit(verify(check, root))
    output = output or Path("reports") / f"certificate-{profile}.json"
    if output.is_dir():
        raise NewsdeskError(f"{output}: is a folder; name a file")
    if keep and kept:
        raise NewsdeskError("--keep makes a rerun and --rerun takes one; give one of the two")
    commit = runs.git(root, "rev-parse", "HEAD")
    lock = Path(PROFILES[profile], inspection.LOCK).as_posix()
    content = committed(lock, folder=root, commit="HEAD") if commit else None
    if commit is None or content is None:
        raise NewsdeskError(f"{root}: no {lock} is committed; commit it first")
    conditions = rerun.other_conditions(hash_seed=seed, threads=threads, cpu=cast(rerun.CpuName, cpu))
    with scratch_folder(keep or kept, made=kept is not None) as scratch:
        sides = build_sides(content, root=root, profile=profile, commit=commit, scratch=scratch)
        record = (
            rerun.read_record(scratch, commit=commit, profile=profile)
            if kept
            else run_again(sides, conditions, root=root, profile=profile)
        )
        written, found = certify(sides, record, content, root)
    write_json(written, output)
    tell(written, found, output)
    tag(written)
    if written["verdict"] == "differs":
        sys.exit(DIFFERS)
    if written["verdict"] == "rounding" and not allow_rounding:
        sys.exit(ROUNDING)


@contextmanager
def scratch_folder(given: Path | None, *, made: bool) -> Iterator[Path]:
    """A folder that goes at the end, or the one given, which stays.

    Raises
    ------
    NewsdeskError
        If the one given is to be new and holds something.
    """
    if given is None:
        with tempfile.TemporaryDirectory(prefix="newsdesk-certify-") as temporary:
            yield Path(temporary).resolve()
        return
    if not made:
        given.mkdir(parents=True, exist_ok=True)
        if any(given.iterdir()):
            raise NewsdeskError(f"--keep {given}: holds other files; name a new folder")
    yield given.resolve()


def build_sides(content: bytes, *, root: Path, profile: str, commit: str, scratch: Path) -> inspection.Sides:
    """The lock, where it lies here, and where it will lie in the clone."""
    return inspection.Sides(
        parse_lock(content.decode(), f"{profile} {inspection.LOCK}"),
        commit,
        root / PROFILES[profile],
        scratch / rerun.CHECKOUT / PROFILES[profile],
        root / ".dvc/cache",
        scratch,
    )


def run_again(
    sides: inspection.Sides, conditions: rerun.Conditions, *, root: Path, profile: str
) -> dict[str, Any]:
    """Clone and run; returns what is known of the run."""
    told = f"hash seed {conditions.hash_seed}, threads {conditions.threads}, cpu {conditions.cpu}"
    note(f"certify: {profile} at {sides.commit[:12]}, {told}")
    checkout = rerun.clone(root, sides.commit, sides.scratch)
    if profile == "public":
        take_imports(root / IMPORTS, checkout / IMPORTS)
    return rerun.run(
        checkout, sides.ran, conditions, commit=sides.commit, profile=profile, n_stages=len(sides.stages)
    )


def certify(
    sides: inspection.Sides, record: dict[str, Any], content: bytes, root: Path
) -> tuple[dict[str, Any], list[Finding]]:
    """The certificate, signed off by whom git knows, and its findings."""
    note("certify: comparing")
    compared, findings = inspection.inspect(sides)
    predictions, more = inspection.inspect_predictions(sides, record["environment"])
    findings += more
    run, reason = find_run(sides)
    unsaved = (runs.git(root, "status", "--porcelain", "--untracked-files=no") or "").splitlines()
    name, email = (runs.git(root, "config", f"user.{key}") for key in ("name", "email"))
    written = {
        "format": certificate.FORMAT,
        "commit": sides.commit,
        "profile": record["profile"],
        "lock": {
            "path": Path(PROFILES[record["profile"]], inspection.LOCK).as_posix(),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        **certificate.describe(compared, findings),
        "predictions": predictions,
        "rerun": record,
        "uncommitted": [line.strip().partition(" ")[2].strip() for line in unsaved],
        "run": {"id": run, "reason": reason},
    }
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return certificate.sign(written, by=f"{name} <{email}>" if name and email else None, at=at), findings


def find_run(sides: inspection.Sides) -> tuple[str | None, str | None]:
    """The MLflow run of the lock's receipt, or why there is none to tag."""
    receipt = inspection.receipt_of(sides)
    if receipt is None:
        return None, "no receipt at hand is that of the lock"
    if not runs.store_exists():
        return None, "there is no MLflow store"
    try:
        run = runs.find_run(receipt)
    except NewsdeskError as error:  # a store that is away costs the tag, not the certificate
        return None, str(error)
    return run, None if run else "the MLflow store has no run of this receipt"


def tell(written: dict[str, Any], findings: Sequence[Finding], output: Path) -> None:
    """Print each output and its state, then the findings and the verdict."""
    rows = [Compared(**{key: out[key] for key in Compared.__slots__}) for out in written["outputs"]]
    print_rows(
        [
            {
                "stage": row.stage,
                "output": row.path,
                "lock": row.expected[:12],
                "rerun": _state(row.found, row.expected),
                "at hand": _state(row.at_hand, row.expected),
            }
            for row in rows
        ]
    )
    for name, held in written["predictions"].items():
        if isinstance(held, dict):
            told = f"{held['scores_differing']:,} of {held['scores']:,} scores differ"
            against = f"rerun against {name.replace('_', ' ')}, {held['articles']:,} articles"
            click.echo(f"predictions, {against}: {told}")
        else:
            click.echo(f"predictions: {held}")
    for line in certificate.tell(findings):
        click.echo(line)
    if written["uncommitted"]:
        note(f"certify: not committed, so not certified: {', '.join(written['uncommitted'])}")
    same = sum(row.found == row.expected for row in rows)
    there = [row for row in rows if row.at_hand is not None]
    at_hand = sum(row.at_hand == row.expected for row in there)
    counts = f"{same:,} of {len(rows):,} outputs of the rerun and {at_hand:,} of {len(there):,} at hand"
    click.echo(f"{written['verdict']}: {counts} are the lock's; see {output}")


def _state(found: str | None, expected: str) -> str:
    return "none" if found is None else "same" if found == expected else "differs"


def tag(written: dict[str, Any]) -> None:
    """Put verdict and hash of the certificate on the run, or say why not."""
    run = written["run"]["id"]
    if run is None:
        note(f"certify: no MLflow run is tagged: {written['run']['reason']}")
        return
    tags = {
        CERTIFIED_TAG: str(written["verdict"] == "certified").lower(),
        SHA256_TAG: written["signed_off"]["sha256"],
    }
    try:
        with runs.connect() as client:
            for key, value in tags.items():
                client.set_tag(run, key, value)
    except NewsdeskError as error:
        note(f"certify: MLflow run {run} is not tagged: {error}")
        return
    note(f"certify: MLflow run {run} is tagged {CERTIFIED_TAG}={tags[CERTIFIED_TAG]}")


def verify(path: Path, root: Path) -> int:
    """Say whether a certificate is as it was signed, and return the exit code.

    Its hash may have been made anew by whoever edited it: so the committed lock and the run's tag are asked
    too, where they are there.
    """
    if not path.exists():
        raise NewsdeskError(f"{path}: no such file; `newsdesk certify` writes one")
    content = read_json(path)
    seal = certificate.check_seal(content, str(path))
    wrong = []
    if seal != content["signed_off"].get("sha256"):
        wrong.append(
            f"its content has the hash {seal[:12]}, it was signed as {content['signed_off'].get('sha256')}"
        )
    lock = committed(content["lock"]["path"], folder=root, commit=content["commit"])
    if lock is None:
        note(f"certify: commit {content['commit'][:12]} is not here, so its lock is not checked")
    elif hashlib.sha256(lock).hexdigest() != content["lock"]["sha256"]:
        wrong.append(f"the lock of commit {content['commit'][:12]} is another")
    run = content["run"]["id"]
    if run is None or not runs.store_exists():
        note("certify: no MLflow run here knows it, so only its own hash is checked")
    else:
        with runs.connect() as client:
            tagged = client.get_run(run).data.tags.get(SHA256_TAG)
        if tagged != seal:
            wrong.append(f"MLflow run {run} is tagged with {tagged or 'none'}")
    for finding in wrong:
        click.echo(f"{path}: not as signed: {finding}")
    if wrong:
        return DIFFERS
    signed = content["signed_off"]
    click.echo(
        f"{path}: {content['verdict']}, as signed off by {signed['by'] or 'nobody named'} at {signed['at']}"
    )
    return 0
