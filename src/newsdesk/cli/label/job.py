"""What `newsdesk predict` does with a folder for output: one job, its parts, and what it came to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from newsdesk import __version__
from newsdesk.base import signals
from newsdesk.base.console import Pace, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256_of_json
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import labeling, output_schema, part_writer
from newsdesk.batch.input_reader import Input, Piece, Reader, take_records
from newsdesk.batch.job import MANIFEST, QUARANTINE, Job, locked
from newsdesk.batch.part_writer import Labeler, Order
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import LOOKUP_EVERY

T = TypeVar("T")
TOO_MANY_REFUSED = 3  # exit code
DRIFTED = 4  # exit code
SHOWN = 5
FEW_BYTES = 8 * 2**20  # of the inputs: so few articles that each one's words can be looked up


class Engine(Protocol):
    """Who writes a job's parts."""

    @property
    def name(self) -> str:
        """What the manifest calls it: how inputs are cut into parts depends on it."""

    @property
    def leaves_gaps(self) -> bool:
        """Whether parts are written side by side."""

    def write_parts(self, job: Job, inputs: Sequence[Input], order: Order, chunk_rows: int) -> None:
        """Write all parts that are missing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Most refused rows that a run may have: a number of them, or a share of the rows and of the files."""

    given: str
    number: float
    is_share: bool

    def exceeded(self, *, refused: int, read: int, broken: int, files: int) -> bool:
        """Whether there are too many.

        A file that breaks off counts as one refused row, however many it held, so files are looked at too.
        """
        if self.is_share:
            return refused > self.number * read or broken > self.number * files
        return refused > self.number


def parse_limit(context: click.Context, parameter: click.Parameter, value: str | None) -> Limit | None:
    """Read `1%` or `100`."""
    if value is None:
        return None
    text = value.strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    is_share = text.endswith("%")
    if not 0 <= number < float("inf") or (is_share and number > 1) or (not is_share and number % 1):
        raise click.BadParameter(f"{value!r}: expected a number of rows or a share such as 1%")
    return Limit(text, number, is_share)


def check_limit(limit: Limit | None, *, refused: int, read: int, broken: int, files: int) -> None:
    """End the process with its own exit code if too many rows were refused."""
    if limit and limit.exceeded(refused=refused, read=read, broken=broken, files=files):
        share = f"{100 * refused / max(read, 1):.2g} %"
        cut = f" and {broken:,} of {files:,} files broken" if broken else ""
        found = f"{refused:,} of {read:,} rows refused ({share}){cut}"
        note(f"newsdesk: {found}: more than --max-refused {limit.given}")
        sys.exit(TOO_MANY_REFUSED)


def parse_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a moment in ISO 8601; one without a zone is UTC."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected a moment such as 2026-11-27T02:00:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def run(
    folder: Path,
    inputs: Sequence[Input],
    engine: Engine,
    *,
    model: dict[str, Any],
    reference: Any,
    form: labeling.Format,
    profile: str,
    carry: tuple[str, ...],
    chunk_rows: int,
    resume: bool,
    scored_at: datetime | None,
) -> dict[str, Any]:
    """Do the job, or what is left of it, and return its manifest.

    Parameters
    ----------
    engine : Engine
        Who labels.
    model : dict
        What to know the model by: name, version, run_id, sha256.
    reference : dict or None
        What to hold the job against for drift.
    """
    settings = {
        "engine": engine.name,
        "format": form,
        "profile": profile,
        "chunk_rows": chunk_rows,
        "carry": list(carry),
        "reference": reference and sha256_of_json(reference),
        "schema_version": output_schema.SCHEMA_VERSION,
        "newsdesk": __version__,
    }
    with locked(folder):
        job = Job(folder, inputs=inputs, settings=settings, model=model)
        done = job.finished()
        if done:
            note(f"predict: {folder} is done already, {_summary(done)}")
            return done
        moment = job.begin(resume=resume, scored_at=scored_at, anywhere=engine.leaves_gaps)
        if job.done:
            note(f"predict: resumed with {len(job.done):,} parts done")
        stamp = output_schema.Stamp(model["name"], model["version"], model["run_id"], moment)
        every = 1 if sum(row["bytes"] or 0 for row in job.inputs) < FEW_BYTES else LOOKUP_EVERY
        order = Order(job.id, form, profile, carry, stamp, every)
        try:
            engine.write_parts(job, inputs, order, chunk_rows)
            manifest = job.finish(reference)
        except OSError as error:  # a full disk: what the inputs can't give is refused by the readers
            found = error.strerror or error
            raise NewsdeskError(f"{folder}: {found}; mend that, then go on with --resume") from None
        finally:
            part_writer.sweep(folder)
    note(f"predict: {_summary(manifest)} in {folder}")
    return manifest


@dataclass(frozen=True)
class Here:
    """The engine of one process: parts one after the other, by all threads of the scorer."""

    scorer: Scorer
    taxonomy: Taxonomy
    name: str = "local"
    leaves_gaps: bool = False

    def write_parts(self, job: Job, inputs: Sequence[Input], order: Order, chunk_rows: int) -> None:
        """Write all parts that are missing."""
        reader = Reader(inputs, sections=self.taxonomy.sections, carry=order.carry, chunk_rows=chunk_rows)
        pieces = reader.pieces(job.ends)
        if self.scorer.threads > 1:
            pieces = ahead(pieces)
        pace = Pace("predict", total=reader.total_bytes, done=reader.done_bytes(job.ends))
        with signals.held() as release:

            def tell(piece: Piece) -> None:
                pace.tell(piece.read.total(), piece.done_bytes)
                release()

            labeler = Labeler(self.scorer, self.taxonomy, order)
            for first in pieces:
                job.write_part(take_records(first, pieces, chunk_rows), labeler, tell=tell)
        pace.end()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Pass items on; while one is at work, the next is got ready in a thread."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _summary(manifest: dict[str, Any]) -> str:
    rows = manifest["rows"]
    return f"{rows['scored']:,} rows in {len(manifest['parts']):,} parts, {rows['refused']:,} refused"


def tell(manifest: dict[str, Any], folder: Path, limit: Limit | None, *, fail_on_drift: bool = False) -> None:
    """Say what was refused and what is odd, and end by the job's exit code.

    Raises
    ------
    NewsdeskError
        If there was no article at all.
    """
    rows, repeated = manifest["rows"], manifest["duplicate_ids"]
    if rows["refused"]:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in rows["refused_by_reason"].items())
        note(f"read {rows['read']:,}: refused {reasons}; see {folder / QUARANTINE}")
    if repeated["rows"]:
        named = ", ".join(list(repeated["first"])[:SHOWN])
        count = f"{repeated['rows']:,} rows have an article_id that came before"
        note(f"warning: {count}, all kept: {named}; see {folder / MANIFEST}")
    for name, n in manifest["carried"].items():
        if rows["scored"] and not n:
            note(f"warning: --carry {name}: no row has it")
    drifted = manifest["drift"] and manifest["drift"]["verdict"] == "drift"
    if drifted:
        note(f"drift: {', '.join(manifest['drift']['drifted'])}; see {folder / manifest['drift']['name']}")
    broken, files = rows["files_broken"], len(manifest["inputs"])
    check_limit(limit, refused=rows["refused"], read=rows["read"], broken=broken, files=files)
    if not rows["scored"]:
        raise NewsdeskError("no article could be read from the input")
    if drifted and fail_on_drift:
        sys.exit(DRIFTED)
