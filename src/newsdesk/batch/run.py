"""Run a job: specify it, let an engine write its parts, and finish its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from newsdesk import __version__
from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256_of_json
from newsdesk.batch.input_reader import Input
from newsdesk.batch.job import JobFolder, JobSpec, describe_inputs, lock_folder, size_and_mtime
from newsdesk.batch.labeling import OutputFormat
from newsdesk.batch.output_schema import SCHEMA_VERSION, ModelProvenance
from newsdesk.batch.part_writer import PartSpec, remove_temporary_files
from newsdesk.monitoring.counts import LOOKUP_EVERY

SMALL_BYTES = 8 * 2**20  # inputs so small that the words of all articles are looked up for the drift report


class JobEngine(Protocol):
    """Writes the parts of a job."""

    @property
    def name(self) -> str:
        """Name in the manifest; how inputs are cut into parts depends on it."""

    @property
    def leaves_gaps(self) -> bool:
        """Whether parts are written in parallel, so that a stop leaves gaps."""

    def write_parts(self, job: JobFolder, inputs: Sequence[Input], spec: PartSpec) -> None:
        """Write all missing parts."""


def run_job(
    folder: Path,
    inputs: Sequence[Input],
    engine: JobEngine,
    *,
    model: dict[str, Any],
    reference: Mapping[str, Any] | None,
    form: OutputFormat,
    profile: str,
    carry: tuple[str, ...],
    part_rows: int,
    resume: bool,
    scored_at: datetime | None,
) -> dict[str, Any]:
    """Run a job, or what is left of it, and return its manifest.

    Parameters
    ----------
    model : dict
        `name`, `version`, `run_id` and `sha256` of the engine's model.
    reference : mapping or None
        What the job is compared with for drift.
    part_rows : int
        Records of the inputs for each part.

    Raises
    ------
    NewsdeskError
        If the folder is in use or holds something else, an input changes meanwhile, or the disk is full.
    """
    settings = {
        "engine": engine.name,
        "format": form,
        "profile": profile,
        "chunk_rows": part_rows,
        "carry": list(carry),
        "reference": reference and sha256_of_json(reference),
        "schema_version": SCHEMA_VERSION,
        "newsdesk": __version__,
    }
    with lock_folder(folder):
        before = [size_and_mtime(each) for each in inputs]
        job = JobFolder(folder, JobSpec(model, settings, describe_inputs(inputs)))
        if (manifest := job.read_manifest()) is not None:
            note(f"predict: {folder} is done already, {_summary(manifest)}")
            return manifest
        scored_at = job.begin(resume=resume, scored_at=scored_at, with_gaps=engine.leaves_gaps)
        if job.checkpoints:
            note(f"predict: resumed with {len(job.checkpoints):,} parts done")
        provenance = ModelProvenance(model["name"], model["version"], model["run_id"], scored_at)
        is_small = sum(row["bytes"] or 0 for row in job.spec.inputs) < SMALL_BYTES
        spec = PartSpec(job.id, form, profile, carry, part_rows, provenance, 1 if is_small else LOOKUP_EVERY)
        try:
            engine.write_parts(job, inputs, spec)
            for each, found in zip(inputs, before, strict=True):
                if size_and_mtime(each) != found:
                    problem = f"the input {each.provenance.file} changed while it was read"
                    raise NewsdeskError(f"{folder}: {problem}; remove the folder and run the job again")
            manifest = job.finish(reference)
        except OSError as error:  # of the output, as readers refuse inputs that can't be read
            found_error = error.strerror or error
            raise NewsdeskError(
                f"{folder}: {found_error}; remove the cause, then run again with --resume"
            ) from None
        finally:
            remove_temporary_files(folder)
    note(f"predict: {_summary(manifest)} in {folder}")
    return manifest


def _summary(manifest: Mapping[str, Any]) -> str:
    rows = manifest["rows"]
    return f"{rows['scored']:,} rows in {len(manifest['parts']):,} parts, {rows['refused']:,} refused"
