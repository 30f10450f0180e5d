"""Write one part of a job: the part and its account, each beside its place and renamed, then the checkpoint.

A part without a checkpoint does not count. A part that another process or machine writes again has the same
bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from newsdesk.base import files
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import Refusal
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import labeling
from newsdesk.batch.input_reader import Batch, Offset
from newsdesk.batch.output_schema import LABELED, PROVENANCE, ModelProvenance, add_provenance, build_schema
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts, build_unknown_share

WORK = ".job"
NUL = b"\0"  # ends an identifier; readers leave none in it


@dataclass(frozen=True)
class Checkpoint:
    """Account of a finished part, and the offset where the next part begins; its fields are keys on disk."""

    name: str
    ends: Offset
    job: str
    rows: int
    bytes: int
    sha256: str
    read: Counter[int]  # records by the number of their input
    refused_of: Counter[int]  # refusals by the number of their input
    broken: Counter[int]  # refusals of a whole file or of its rest, by the number of their input
    refused: Counter[str]  # by reason
    abstained: Counter[str]  # articles without a label, by reason
    carried: Counter[str]  # values that are not null, by column
    tally: dict[str, Any]  # counts for the drift report

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Checkpoint:
        """Parse the JSON of a checkpoint."""
        content["ends"] = Offset(**content["ends"])
        for name in ("read", "refused_of", "broken"):
            content[name] = Counter({int(key): n for key, n in content[name].items()})
        for name in ("refused", "abstained", "carried"):
            content[name] = Counter(content[name])
        return cls(**content)


@dataclass(frozen=True, slots=True)
class PartSpec:
    """Settings that all parts of a job share.

    `job` is the job's identifier, `slice_rows` the records of a part. For the drift report, the words of one
    article in `lookup_every` are looked up in the model's vocabulary.
    """

    job: str
    form: labeling.OutputFormat
    profile: str
    carry: tuple[str, ...]
    slice_rows: int
    provenance: ModelProvenance
    lookup_every: int


def work_file(folder: Path, number: int, suffix: str) -> Path:
    """Return the path of a part's checkpoint (`json`), identifiers (`ids`) or refusals (`refused`)."""
    return folder / WORK / f"part-{number:05d}.{suffix}"


def files_of_part(folder: Path, number: int, checkpoint: Checkpoint) -> set[Path]:
    """Return the paths of a part and of its work files."""
    return {folder / checkpoint.name, *(work_file(folder, number, s) for s in ("json", "ids", "refused"))}


def read_checkpoint(folder: Path, number: int, *, job: str) -> Checkpoint | None:
    """Read the checkpoint of a part; None if the part is missing, incomplete or of another job."""
    try:
        checkpoint = Checkpoint.parse(files.read_json(work_file(folder, number, "json")))
    except NewsdeskError:  # after a power failure files may be empty
        return None
    ends = {"ids": (NUL, checkpoint.rows), "refused": (b"\n", checkpoint.refused.total())}
    complete = (
        checkpoint.job == job
        and all(file.exists() for file in files_of_part(folder, number, checkpoint))
        and all(work_file(folder, number, s).read_bytes().count(end) == n for s, (end, n) in ends.items())
        and files.sha256(folder / checkpoint.name) == checkpoint.sha256
    )
    return checkpoint if complete else None


def remove_temporary_files(folder: Path) -> None:
    """Remove the half-written files of stopped writers."""
    for place in (folder, folder / WORK):
        for path in place.glob(".*.part"):
            path.unlink(missing_ok=True)


class BatchLabeler:
    """Label batches with a model by the settings of a job.

    Parameters
    ----------
    taxonomy : Taxonomy
        The model's.
    """

    def __init__(self, scorer: Scorer, taxonomy: Taxonomy, spec: PartSpec) -> None:
        self.spec = spec
        self._scorer = scorer
        self._taxonomy = taxonomy
        self._unknown_share = build_unknown_share(scorer)

    def empty_counts(self) -> PredictionCounts:
        """Return empty counts of the model's predictions."""
        heads = {head.task: head.labels for head in self._scorer.heads}
        return PredictionCounts(heads, unknown_share=self._unknown_share, lookup_every=self.spec.lookup_every)

    def label(self, batch: Batch, counts: PredictionCounts) -> pa.RecordBatch:
        """Label and count the articles of a batch."""
        labeled = labeling.label_columns(
            batch.articles, self._scorer, self._taxonomy, profile=self.spec.profile, counts=counts
        )
        return add_provenance(labeled, self.spec.provenance)


@dataclass
class _Account:
    """Counts of a part while it is written, as in `Checkpoint`."""

    ends: Offset
    read: Counter[int] = field(default_factory=Counter)
    refused_of: Counter[int] = field(default_factory=Counter)
    broken: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    abstained: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch, labeled: pa.RecordBatch) -> None:
        self.ends = batch.end
        self.read.update(batch.read)
        for number, refusal in batch.refused:
            self.refused_of[number] += 1
            if not refusal.position:
                self.broken[number] += 1
            self.refused[refusal.reason] += 1
        for reason in labeled["reason"].drop_null().value_counts().to_pylist():
            self.abstained[reason["values"]] += reason["counts"]
        for name in labeled.schema.names[len(LABELED) + len(PROVENANCE) :]:
            self.carried[name] += len(labeled) - labeled[name].null_count


def write_part(
    folder: Path,
    number: int,
    batches: Iterable[Batch],
    labeler: BatchLabeler,
    *,
    start: Offset,
    on_batch: Callable[[Batch], object] = lambda batch: None,
) -> Checkpoint:
    """Label batches and write them as one part, then its checkpoint.

    Parameters
    ----------
    start : Offset
        Of the first record.
    on_batch : callable
        Called with each batch once it is labelled and written.
    """
    spec, counts, account = labeler.spec, labeler.empty_counts(), _Account(start)
    name = f"part-{number:05d}.{spec.form}"
    with (
        files.atomic_write(work_file(folder, number, "refused")) as refused,
        refused.open("w", encoding="utf-8") as refusal_lines,
        files.atomic_write(work_file(folder, number, "ids")) as identified,
        identified.open("wb") as identifiers,
        files.atomic_write(folder / name) as part,
    ):

        def labeled_batches() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                labeled = labeler.label(batch, counts)
                account.add(batch, labeled)
                refusal_lines.writelines(_json_line(refusal) for _, refusal in batch.refused)
                identifiers.writelines(i.encode() + NUL for i in labeled["article_id"].to_pylist())
                yield labeled
                on_batch(batch)

        schema = build_schema(provenance=True, carry=spec.carry)
        rows = labeling.write(labeled_batches(), part, spec.form, schema)
        size, sha256 = part.stat().st_size, files.sha256(part)
    checkpoint = Checkpoint(
        name, job=spec.job, rows=rows, bytes=size, sha256=sha256, tally=counts.as_dict(), **vars(account)
    )
    content = {**vars(checkpoint), "ends": asdict(checkpoint.ends)}
    files.write_compact_json(content, work_file(folder, number, "json"))
    return checkpoint


def _json_line(refusal: Refusal) -> str:
    return json.dumps(asdict(refusal), ensure_ascii=False) + "\n"
