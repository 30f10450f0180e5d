"""Merge corrections into a table of labels with reviewer, time and the sampling of each article."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import NONE, describe_unknown, open_rows
from newsdesk.review.formats import Correction, RefusedRecord

# the columns that `newsdesk.corpus.label_tables` reads, then the provenance
COLUMNS = (
    "outlet", "key", "regions", "topics", "confidence", "batch",
    "reviewer", "reviewed_at", "model", "stratum", "probability",
)  # fmt: skip
UNKNOWN = "-"

TableRow = dict[str, str]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """A table after a merge, and the account of the merge."""

    rows: list[TableRow]
    outcomes: Counter[str]  # corrections `added`, `changed`, `unchanged`, or `superseded` by a later one
    refused: list[tuple[int, RefusedRecord]]  # with their positions
    conflicts: list[str]  # articles with different corrections

    @property
    def n_read(self) -> int:
        """Number of corrections and refused records."""
        return self.outcomes.total() + len(self.refused)


def check_labels(correction: Correction, taxonomy: Taxonomy) -> RefusedRecord | None:
    """Refuse a correction with a label that the taxonomy lacks."""
    unknown = describe_unknown(correction.regions, taxonomy.region_ids)
    unknown = unknown or describe_unknown(correction.topics, taxonomy.topic_ids)
    return RefusedRecord("unknown_label", unknown) if unknown else None


def merge(
    table: Sequence[TableRow],
    records: Iterable[tuple[int, Correction | RefusedRecord]],
    taxonomy: Taxonomy,
    *,
    batch: str,
    now: str,
) -> MergeResult:
    """Merge corrections into a table: the last one of an article is kept, by time, then by position.

    A correction that the table already has from the same reviewer changes nothing, so that a file may be
    merged again. `now` is the time of corrections that have none.
    """
    rows = {(row["outlet"], row["key"]): row for row in table}
    refused: list[tuple[int, RefusedRecord]] = []
    by_article: defaultdict[tuple[str, str], list[TableRow]] = defaultdict(list)
    for position, record in records:
        refusal = record if isinstance(record, RefusedRecord) else check_labels(record, taxonomy)
        if refusal:
            refused.append((position, refusal))
        elif isinstance(record, Correction):
            by_article[record.outlet, record.key].append(_table_row(record, batch=batch))
    outcomes, conflicts = Counter[str](), []
    for key, corrections in by_article.items():
        # of equal times the last one; a correction without a time is as new as the merge
        last = max(reversed(corrections), key=lambda row: row["reviewed_at"] or now)
        before = rows.get(key)
        rows[key], outcome = _choose(before, last, now)
        outcomes[outcome] += 1
        outcomes["superseded"] += len(corrections) - 1
        compared = [before, *corrections] if before and outcome != "unchanged" else corrections
        if len({_labels(row) for row in compared}) > 1:
            found = "; ".join(_describe(row) for row in compared)
            conflicts.append(f"{' '.join(key)}: {found}; kept: {_describe(rows[key])}")
    return MergeResult([rows[key] for key in sorted(rows)], outcomes, refused, conflicts)


def _choose(before: TableRow | None, last: TableRow, now: str) -> tuple[TableRow, str]:
    """Return the row to keep, and the outcome of the last correction."""
    dated = {**last, "reviewed_at": last["reviewed_at"] or now}
    if before is None:
        return dated, "added"
    same = _labels(before) == _labels(last) and before["reviewer"] == last["reviewer"]
    if same and last["reviewed_at"] in ("", before["reviewed_at"]):
        return before, "unchanged"
    return (before, "superseded") if "" < last["reviewed_at"] < before["reviewed_at"] else (dated, "changed")


def _table_row(correction: Correction, *, batch: str) -> TableRow:
    return {
        "outlet": correction.outlet,
        "key": correction.key,
        "regions": "|".join(correction.regions) or NONE,
        "topics": "|".join(correction.topics) or NONE,
        "confidence": UNKNOWN,
        "batch": batch,
        "reviewer": correction.reviewer,
        "reviewed_at": correction.reviewed_at,
        "model": correction.model or UNKNOWN,
        "stratum": correction.stratum or UNKNOWN,
        "probability": correction.probability or UNKNOWN,
    }


def _labels(row: TableRow) -> tuple[str, str]:
    return row["regions"], row["topics"]


def _describe(row: TableRow) -> str:
    return f"{row['regions']} / {row['topics']} ({row['reviewer']})"


def read_table(path: Path) -> list[TableRow]:
    """Return the rows of a table of corrections, an empty list if there is no such file."""
    if not path.exists():
        return []
    with open_rows(path) as handle:
        lines = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise NewsdeskError(
                f"{path}: expected the columns {', '.join(COLUMNS)}; found {lines.fieldnames}"
            )
        rows = []
        for line in lines:
            if None in line or None in line.values():  # more or fewer cells than columns
                raise NewsdeskError(f"{path}:{lines.line_num}: expected {len(COLUMNS)} columns")
            rows.append(line)
        return rows


def format_table(rows: Iterable[TableRow]) -> str:
    """Return a table of corrections as tab-separated text."""
    lines = [COLUMNS, *([row[name] for name in COLUMNS] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)
