"""Run a job: begin or resume it, let an engine write its parts, and finish its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from newsdesk.base.console import counted, note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256_of_json
from newsdesk.batch.input_reader import Input
from newsdesk.batch.input_watch import InputWatch
from newsdesk.batch.job import Job, lock_folder
from newsdesk.batch.output_schema import ModelProvenance
from newsdesk.batch.part_writer import WORK, PartSettings, PartSpec
from newsdesk.inference.decision import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Engine:
    """Writes all missing parts of a job; how inputs are cut into parts depends on the name."""

    name: Literal["local", "workers", "spark"]
    write_parts: Callable[[Job, Sequence[Input], PartSpec], None]


def run_job(
    folder: Path,
    inputs: Sequence[Input],
    engine: Engine,
    settings: PartSettings,
    *,
    model: Mapping[str, Any],
    reference: Mapping[str, Any] | None = None,
    resume: bool = False,
    scored_at: datetime | None = None,
) -> dict[str, Any]:
    """Run a job, or what is left of it.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or that of this job.
    inputs : sequence of Input
        As `find_inputs` returns them with `full_names`.
    engine, settings : Engine, PartSettings
    model : mapping of str to (str or None)
        `name`, `version`, `run_id` and `sha256` of the engine's model.
    reference : mapping, optional
        Drift reference that the job is compared with.
    resume : bool, default=False
        Continue a job that was stopped.
    scored_at : datetime, optional
        Value of column `scored_at`; by default the time when the job began.

    Returns
    -------
    dict
        The manifest, which is also in the folder as `_manifest.json`.

    Raises
    ------
    NewsdeskError
        If the folder is in use or holds something else, an input changes meanwhile, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> nothing = Engine("local", lambda job, inputs, spec: None)
    >>> model = {"name": "m", "version": "1", "run_id": None, "sha256": ""}
    >>> with tempfile.TemporaryDirectory() as name:
    ...     manifest = run_job(Path(name), [], nothing, PartSettings(), model=model)
    >>> manifest["rows"]["scored"]
    0
    """
    job = Job(folder, model, _job_settings(engine, settings, reference), InputWatch.begin(inputs))
    if manifest := job.read_manifest():
        _remove_work(job)
    else:
        with lock_folder(folder):
            if not (manifest := job.read_manifest()):  # another process may have finished it meanwhile
                spec = _begin(job, settings, resume=resume, scored_at=scored_at)
                return _write(job, inputs, engine, spec, reference)
    note(f"predict: {folder} is done already, {_summary(manifest)}", **_figures(manifest))
    return manifest


def _remove_work(job: Job) -> None:
    """Remove what is left of a job that was stopped after its manifest was written."""
    if (job.folder / WORK).exists():
        with suppress(NewsdeskError, OSError), lock_folder(job.folder):
            job.remove_work()


def _job_settings(
    engine: Engine, settings: PartSettings, reference: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "engine": engine.name,
        "format": settings.form,
        "profile": settings.profile,
        "chunk_rows": settings.rows,
        "carry": list(settings.carry),
        "columns": settings.columns.chosen,
        "home": settings.home,
        "reference": reference and sha256_of_json(reference),
        "schema_version": SCHEMA_VERSION,
    }


def _begin(job: Job, settings: PartSettings, *, resume: bool, scored_at: datetime | None) -> PartSpec:
    scored_at = job.begin(resume=resume, scored_at=scored_at)
    if job.checkpoints:
        note(f"predict: resumed with {len(job.checkpoints):,} parts done")
    model = job.model
    provenance = ModelProvenance(model["name"], model["version"], model["run_id"], scored_at)
    return PartSpec(job.id, settings, provenance, job.lookup_every)


def _write(
    job: Job,
    inputs: Sequence[Input],
    engine: Engine,
    spec: PartSpec,
    reference: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Write all parts, check that no input has changed, and finish the folder."""
    try:
        engine.write_parts(job, inputs, spec)
        job.watch.check(range(len(inputs)))
        manifest = job.finish(reference)
    except OSError as error:  # of the output, as readers refuse inputs that can't be read
        found_error = error.strerror or error
        raise NewsdeskError(
            f"{job.folder}: {found_error}; remove the cause, then run again with --resume"
        ) from None
    finally:  # half-written files of stopped writers
        for place in (job.folder, job.folder / WORK):
            for path in place.glob(".*.part"):
                path.unlink(missing_ok=True)
    note(f"predict: {_summary(manifest)} in {job.folder}", **_figures(manifest))
    return manifest


def _summary(manifest: Mapping[str, Any]) -> str:
    rows = manifest["rows"]
    written = f"{counted(rows['scored'], 'row')} in {counted(len(manifest['parts']), 'part')}"
    return f"{written}, {rows['refused']:,} refused"


def _figures(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {**manifest["rows"], "parts": len(manifest["parts"])}
