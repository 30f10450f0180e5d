"""One part of a job: written beside and renamed, and then its checkpoint, so that it is whole or not there.

Whoever writes a part anew, in another process or on another machine, writes the same bytes.
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
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import labeling
from newsdesk.batch.input_reader import At, Piece
from newsdesk.batch.output_schema import LABELED, STAMP, Stamp, schema_of, stamped
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import PredictionCounts, build_unknown_share

WORK = ".job"
NUL = b"\0"  # readers leave it in no identifier


@dataclass
class Chunk:
    """What one part has come to: all that is needed to go on behind it and to account for it."""

    name: str
    ends: At
    job: str = ""
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    read: Counter[int] = field(default_factory=Counter)  # records, by the number of their input
    refused_of: Counter[int] = field(default_factory=Counter)
    broken: Counter[int] = field(default_factory=Counter)  # refusals of a whole file, or of the rest of one
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    abstained: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)  # values that are not null
    tally: dict[str, Any] = field(default_factory=dict)  # what a report of drift counts, as JSON keeps it

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Chunk:
        """From a checkpoint."""
        content["ends"] = At(**content["ends"])
        for name in ("read", "refused_of", "broken"):
            content[name] = Counter({int(key): n for key, n in content[name].items()})
        for name in ("refused", "abstained", "carried"):
            content[name] = Counter(content[name])
        return cls(**content)


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a job beside its inputs and its model; the same in all parts.

    `job` is the hash by which a part knows the job that it is of; unknown words are looked
    up in one of `every` articles.
    """

    job: str
    form: labeling.Format
    profile: str
    carry: tuple[str, ...]
    stamp: Stamp
    every: int


def beside(folder: Path, number: int, suffix: str) -> Path:
    """What is kept of a part until the job is done: `json` its checkpoint, `ids`, `refused` its refusals."""
    return folder / WORK / f"part-{number:05d}.{suffix}"


def files_of(folder: Path, number: int, chunk: Chunk) -> set[Path]:
    """The part itself and all that is kept of it."""
    return {folder / chunk.name, *(beside(folder, number, suffix) for suffix in ("json", "ids", "refused"))}


def read_part(folder: Path, number: int, *, job: str) -> Chunk | None:
    """What a part has come to; None where it is not there, not whole, or of a job that was here before."""
    try:
        chunk = Chunk.parse(files.read_json(beside(folder, number, "json")))
    except NewsdeskError:  # a loss of power may leave it empty, and what is beside it too
        return None
    lines = {"ids": (NUL, chunk.rows), "refused": (b"\n", chunk.refused.total())}
    whole = (
        chunk.job == job
        and all(file.exists() for file in files_of(folder, number, chunk))
        and all(beside(folder, number, s).read_bytes().count(end) == n for s, (end, n) in lines.items())
        and files.sha256(folder / chunk.name) == chunk.sha256
    )
    return chunk if whole else None


def sweep(folder: Path) -> None:
    """Remove the temporary files of writers that were stopped."""
    for place in (folder, folder / WORK):
        for left in place.glob(".*.part"):
            left.unlink(missing_ok=True)


class Labeler:
    """A model with what is asked of it: says of pieces what stands in a part.

    Parameters
    ----------
    taxonomy : Taxonomy
        The model's.
    """

    def __init__(self, scorer: Scorer, taxonomy: Taxonomy, order: Order) -> None:
        self.order = order
        self.schema = schema_of(stamped=True, carry=order.carry)
        self._scorer = scorer
        self._taxonomy = taxonomy
        self._unknown_share = build_unknown_share(scorer)

    def tally(self) -> PredictionCounts:
        """Return empty counts of the model's predictions."""
        heads = {head.task: head.labels for head in self._scorer.heads}
        return PredictionCounts(heads, unknown_share=self._unknown_share, lookup_every=self.order.every)

    def label(self, piece: Piece, tally: PredictionCounts) -> pa.RecordBatch:
        """Label and count a piece's articles."""
        said = labeling.label_columns(
            piece.articles, self._scorer, self._taxonomy, profile=self.order.profile, tally=tally
        )
        return stamped(said, self.order.stamp)


def write_part(
    folder: Path,
    number: int,
    pieces: Iterable[Piece],
    labeler: Labeler,
    *,
    begins: At,
    tell: Callable[[Piece], object] = lambda piece: None,
) -> Chunk:
    """Label pieces, write the part that they make, and then its checkpoint.

    Parameters
    ----------
    begins : At
        Where the first piece begins.
    tell : callable
        Is told of each piece that is done.
    """
    order, tally = labeler.order, labeler.tally()
    chunk = Chunk(f"part-{number:05d}.{order.form}", begins, order.job)
    with (
        files.atomic_write(beside(folder, number, "refused")) as refused,
        refused.open("w", encoding="utf-8") as lines,
        files.atomic_write(beside(folder, number, "ids")) as named,
        named.open("wb") as ids,
        files.atomic_write(folder / chunk.name) as part,
    ):

        def labeled() -> Iterator[pa.RecordBatch]:
            for piece in pieces:
                said = labeler.label(piece, tally)
                yield _counted(piece, said, chunk, ids.write, lines.write)
                tell(piece)

        chunk.rows = labeling.write(labeled(), part, order.form, labeler.schema)
        chunk.bytes, chunk.sha256 = part.stat().st_size, files.sha256(part)
    chunk.tally = tally.as_dict()
    content = {**vars(chunk), "ends": asdict(chunk.ends)}
    files.write_compact_json(content, beside(folder, number, "json"))
    return chunk


def _counted(
    piece: Piece,
    said: pa.RecordBatch,
    chunk: Chunk,
    write_id: Callable[[bytes], object],
    write: Callable[[str], object],
) -> pa.RecordBatch:
    """Account for a piece in its chunk and pass on what was said."""
    chunk.ends = piece.ends
    chunk.read.update(piece.read)
    for number, refusal in piece.refused:
        chunk.refused_of[number] += 1
        if not refusal.position:
            chunk.broken[number] += 1
        chunk.refused[refusal.reason] += 1
        write(json.dumps(asdict(refusal), ensure_ascii=False) + "\n")
    reasons = said["reason"].drop_null().value_counts().to_pylist()
    chunk.abstained.update({entry["values"]: entry["counts"] for entry in reasons})
    chunk.carried.update(
        {n: len(said) - said[n].null_count for n in said.schema.names[len(LABELED) + len(STAMP) :]}
    )
    write_id(b"".join(identifier.encode() + NUL for identifier in said["article_id"].to_pylist()))
    return said
