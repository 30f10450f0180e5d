"""Write one part of a job: the part and its work files, each beside its place and renamed; then a checkpoint.

A part without a checkpoint does not count. A part that another process or machine writes again has the same
bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from newsdesk.base import files
from newsdesk.base.columns import Columns
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import labeling
from newsdesk.batch.input_reader import Batch, Offset
from newsdesk.batch.output_schema import LABELED, PROVENANCE, ModelProvenance, add_provenance, build_schema
from newsdesk.inference.decision import BALANCED
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts

WORK = ".job"
NUL = b"\0"  # ends an identifier; readers leave none in it


@dataclass
class Checkpoint:
    """Counts of a part, and the offset where the next part begins; its fields are keys on disk."""

    name: str
    ends: Offset
    job: str
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    read: Counter[int] = field(default_factory=Counter)  # records by the number of their input
    lines: Counter[int] = field(default_factory=Counter)  # of tables, likewise
    broken: Counter[int] = field(default_factory=Counter)  # refusals of a whole file or of its rest, likewise
    refused: dict[int, Counter[str]] = field(default_factory=dict)  # refusals by reason, likewise
    abstained: Counter[str] = field(default_factory=Counter)  # articles without a label, by reason
    carried: Counter[str] = field(default_factory=Counter)  # values that are not null, by column
    tally: dict[str, Any] = field(default_factory=dict)  # counts for the drift report

    @property
    def n_refused(self) -> int:
        """Number of refusals."""
        return sum(reasons.total() for reasons in self.refused.values())

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """Parse the JSON of a checkpoint."""
        content["ends"] = Offset(**content["ends"])
        for name in ("read", "lines", "broken"):
            content[name] = Counter({int(key): n for key, n in content[name].items()})
        content["refused"] = {int(key): Counter(reasons) for key, reasons in content["refused"].items()}
        for name in ("abstained", "carried"):
            content[name] = Counter(content[name])
        return cls(**content)

    def add(self, batch: Batch, labeled: pa.RecordBatch) -> None:
        """Count a batch that was labelled and written."""
        self.ends = batch.end
        self.rows += len(labeled)
        self.read.update(batch.read)
        self.lines.update(batch.lines)
        for number, refusal in batch.refused:
            if not refusal.position:
                self.broken[number] += 1
            self.refused.setdefault(number, Counter())[refusal.reason] += 1
        for reason in labeled["reason"].drop_null().value_counts().to_pylist():
            self.abstained[reason["values"]] += reason["counts"]
        for name in labeled.schema.names[len(LABELED) + len(PROVENANCE) :]:
            self.carried[name] += len(labeled) - labeled[name].null_count


@dataclass(frozen=True, slots=True)
class PartSettings:
    """What a user chooses for the parts of a job."""

    form: labeling.OutputFormat = "parquet"
    profile: str = BALANCED
    carry: tuple[str, ...] = ()
    rows: int = 50_000  # records of the inputs for each part
    columns: Columns = Columns()  # noqa: RUF009 - frozen
    home: str | None = None  # of articles without a home country


@dataclass(frozen=True, slots=True)
class PartSpec:
    """Everything that all parts of a job share."""

    job: str  # identifier of the job
    settings: PartSettings
    provenance: ModelProvenance
    lookup_every: int  # one article in so many has its words looked up for the drift report


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
    ends = {"ids": (NUL, checkpoint.rows), "refused": (b"\n", checkpoint.n_refused)}
    complete = (
        checkpoint.job == job
        and all(file.exists() for file in files_of_part(folder, number, checkpoint))
        and all(work_file(folder, number, s).read_bytes().count(end) == n for s, (end, n) in ends.items())
        and files.sha256(folder / checkpoint.name) == checkpoint.sha256
    )
    return checkpoint if complete else None


def write_part(
    folder: Path,
    number: int,
    batches: Iterable[Batch],
    scorer: Scorer,
    taxonomy: Taxonomy,
    spec: PartSpec,
    *,
    start: Offset,
    on_batch: Callable[[Batch], object] = lambda batch: None,
) -> Checkpoint:
    """Label batches and write them as one part, then its checkpoint; call `on_batch` after each batch."""
    settings = spec.settings
    form, carry = settings.form, settings.carry
    counts = PredictionCounts.for_model(scorer, lookup_every=spec.lookup_every)
    checkpoint = Checkpoint(f"part-{number:05d}.{form}", start, spec.job)
    with (
        files.atomic_write(work_file(folder, number, "refused")) as refused,
        refused.open("w", encoding="utf-8") as refusal_lines,
        files.atomic_write(work_file(folder, number, "ids")) as identified,
        identified.open("wb") as identifiers,
        files.atomic_write(folder / checkpoint.name) as part,
    ):

        def labeled_batches() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                labeled = labeling.label_columns(
                    batch.articles,
                    scorer,
                    taxonomy,
                    profile=settings.profile,
                    home=settings.home,
                    counts=counts,
                )
                labeled = add_provenance(labeled, spec.provenance)
                checkpoint.add(batch, labeled)
                for _, refusal in batch.refused:
                    refusal_lines.write(json.dumps(asdict(refusal), ensure_ascii=False) + "\n")
                identifiers.writelines(i.encode() + NUL for i in labeled["article_id"].to_pylist())
                yield labeled
                on_batch(batch)

        labeling.write(labeled_batches(), part, form, build_schema(provenance=True, carry=carry))
        checkpoint.bytes, checkpoint.sha256 = part.stat().st_size, files.sha256(part)
    checkpoint.tally = counts.as_dict()
    write_checkpoint(folder, number, checkpoint)
    return checkpoint


def write_checkpoint(folder: Path, number: int, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a part, which makes it a finished one."""
    content = {**vars(checkpoint), "ends": asdict(checkpoint.ends)}
    files.write_compact_json(content, work_file(folder, number, "json"))
