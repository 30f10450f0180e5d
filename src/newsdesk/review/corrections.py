"""Corrections of a review as labels: a table of readings that tells who said it, and when."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.corpus.label_tables import NONE
from newsdesk.review.formats import Correction, Refused

# the columns of the other tables of readings, which `labels.read_readings` reads, then the provenance
COLUMNS = (
    "outlet", "key", "regions", "topics", "confidence", "batch",
    "reviewer", "reviewed_at", "model", "stratum", "probability",
)  # fmt: skip
UNKNOWN = "-"

Row = dict[str, str]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """An article of which several corrections say different things, and the one that is kept."""

    outlet: str
    key: str
    said: tuple[str, ...]
    kept: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A table of readings after a merge, and the account of it.

    `n_read` corrections and refusals are `n_added`, `n_changed`, `n_unchanged`, `n_outdone` (a later one of
    the same article is kept) or refused by reason.
    """

    rows: list[Row]
    n_read: int
    n_added: int
    n_changed: int
    n_unchanged: int
    n_outdone: int
    refused: dict[str, int]
    refusals: list[tuple[int, Refused]]
    conflicts: list[Conflict]


def check(correction: Correction, taxonomy: Taxonomy) -> Correction | Refused:
    """The correction, or the refusal of one that names a label which the taxonomy lacks."""
    for labels, known in (
        (correction.regions, taxonomy.region_ids), (correction.topics, taxonomy.topic_ids),
    ):  # fmt: skip
        if unknown := [label for label in labels if label not in known]:
            return Refused(
                "unknown_label", f"{unknown[0]!r} is not in the taxonomy; expected one of {', '.join(known)}"
            )
    return correction


def merge(
    table: Sequence[Row],
    said: Iterable[tuple[int, Correction | Refused]],
    taxonomy: Taxonomy,
    *,
    batch: str,
    now: str,
) -> Merged:
    """Add corrections to a table of readings: of one article the last one is kept, by time, then by place.

    What is in the table already, said by the same person, stays as it is: to merge a file again changes
    nothing. Different labels of one article, in the file or against the table, are a conflict, which is told.

    Parameters
    ----------
    table : sequence of dict
        Rows as `read_table` gives them.
    said : iterable of (int, Correction or Refused)
        With the place of the record that each is from.
    batch : str
        Written to new rows.
    now : str
        When a correction was made that does not tell, ISO 8601 in UTC.
    """
    rows = {(row["outlet"], row["key"]): row for row in table}
    refusals: list[tuple[int, Refused]] = []
    by_article: defaultdict[Key, list[tuple[str, int, Row]]] = defaultdict(list)
    n_read = 0
    for position, item in said:
        n_read += 1
        checked = check(item, taxonomy) if isinstance(item, Correction) else item
        if isinstance(checked, Refused):
            refusals.append((position, checked))
        else:
            row = _row(checked, batch=batch)
            by_article[row["outlet"], row["key"]].append((checked.reviewed_at, n_read, row))
    counts, conflicts = Counter[str](), []
    for key, given in by_article.items():
        before = rows.get(key)
        counts["outdone"] += len(given) - 1
        # one that does not tell its time is as new as the merge
        _, _, last = max(given, key=lambda item: (item[0] or now, item[1]))
        kept, outcome = _choose(before, last, now)
        counts[outcome] += 1
        everyone = [before] if before and outcome != "unchanged" else []
        everyone += [row for _, _, row in given]
        if len({_labels(row) for row in everyone}) > 1:
            conflicts.append(Conflict(*key, tuple(_told(row) for row in everyone), _told(kept)))
        rows[key] = kept
    return Merged(
        [rows[key] for key in sorted(rows)],
        n_read,
        counts["added"],
        counts["changed"],
        counts["unchanged"],
        counts["outdone"],
        dict(sorted(Counter(refused.reason for _, refused in refusals).items())),
        refusals,
        conflicts,
    )


def _choose(before: Row | None, last: Row, now: str) -> tuple[Row, str]:
    """The row to keep, and what that makes of the correction."""
    if before is None:
        return {**last, "reviewed_at": last["reviewed_at"] or now}, "added"
    same = _labels(before) == _labels(last) and before["reviewer"] == last["reviewer"]
    if same and last["reviewed_at"] in ("", before["reviewed_at"]):
        return before, "unchanged"
    if last["reviewed_at"] and last["reviewed_at"] < before["reviewed_at"]:
        return before, "outdone"
    return {**last, "reviewed_at": last["reviewed_at"] or now}, "changed"


def _row(correction: Correction, *, batch: str) -> Row:
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


def _labels(row: Row) -> tuple[str, str]:
    return row["regions"], row["topics"]


def _told(row: Row) -> str:
    return f"{row['regions']} / {row['topics']} ({row['reviewer']})"


def read_table(path: Path) -> list[Row]:
    """The rows of a table of reviewed readings; none where there is no such file.

    Raises
    ------
    NewsdeskError
        If it is no such table.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            lines = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise NewsdeskError(
                    f"{path}: expected the columns {', '.join(COLUMNS)}; found {lines.fieldnames}"
                )
            return [_whole(line, f"{path}:{lines.line_num}") for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NewsdeskError(f"{path}: not readable: {error}") from None


def _whole(line: Mapping[str | None, str | None], where: str) -> Row:
    if None in line or None in line.values():
        raise NewsdeskError(f"{where}: expected {len(COLUMNS)} columns")
    return {name: line[name] or "" for name in COLUMNS}


def format_table(rows: Iterable[Row]) -> str:
    """A table of readings as text, tab-separated."""
    return "".join(
        "\t".join(line) + "\n" for line in [COLUMNS, *([row[name] for name in COLUMNS] for row in rows)]
    )
