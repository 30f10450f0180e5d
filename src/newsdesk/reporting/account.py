"""Section of the data: every row that was read is kept, or refused for a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from newsdesk.reporting.blocks import Block, Cell, Note, Section, Table, cells, missing, shade
from newsdesk.reporting.findings import Findings

NOTHING = "\u00b7"
COUNTS = ("read", "kept", "groups", "teasers", "repaired")
SPLITS = ("train", "valid", "test", "evaluation")


def account(findings: Findings) -> Section:
    """Rows read, kept and refused by source and reason; splits; origins of the labels."""
    counted = findings.measured.get("clean")
    intro = "Each row that was read is kept or refused: read = kept + refused, for every source."
    if counted is None:
        return Section("data", "Data", intro, [missing("metrics/clean.json is missing: run `dvc repro`.")])
    sources: Mapping[str, Any] = counted["sources"]
    blocks: list[Block] = [_tell_balance(counted), _tell_rows(counted, sources)]
    blocks.append(_tell_columns("Articles kept, by split", sources, "splits", SPLITS))
    for task in ("region", "topic"):
        blocks.append(_tell_columns(f"Labels of the {task} head, by origin", sources, f"{task}_origins"))
    for origin in ("gold", "silver"):
        if found := counted.get(origin):
            said = f"{found['found']:,} found an article, {found['not_found']:,} none"
            blocks.append(Note(f"{origin} labels: {found['labels']:,}; of these {said}."))
    return Section("data", "Data", intro, blocks)


def _tell_balance(counted: Mapping[str, Any]) -> Note:
    refused = sum(counted["refused"].values())
    lost = counted["read"] - counted["kept"] - refused
    said = f"{counted['read']:,} rows read = {counted['kept']:,} kept + {refused:,} refused"
    if lost:
        return missing(f"{said}, and {lost:,} are not accounted for.")
    near = counted.get("articles_in_groups_of_several", 0)
    return Note(f"{said}. {counted['groups']:,} groups of near-duplicates; {near:,} articles share theirs.")


def _tell_rows(counted: Mapping[str, Any], sources: Mapping[str, Any]) -> Table:
    reasons = sorted({reason for of in (counted, *sources.values()) for reason in of["refused"]})

    def refused(of: Mapping[str, Any], reason: str) -> Cell:
        n = of["refused"].get(reason, 0)
        return Cell(f"{n:,}" if n else NOTHING, shade(n / max(1, of["read"]), high=0.2))

    rows = [
        [
            Cell(name, strong=name == "all"),
            *cells([f"{of[count]:,}" if count in of else "-" for count in COUNTS]),
            *(refused(of, reason) for reason in reasons),
        ]
        for name, of in (*sources.items(), ("all", counted))
    ]
    header = ["source", *COUNTS, *(f"refused: {reason}" for reason in reasons)]
    return Table("Rows by source; refused ones by reason, shaded by their share", header, rows)


def _tell_columns(caption: str, sources: Mapping[str, Any], name: str, order: Sequence[str] = ()) -> Table:
    found = {key for of in sources.values() for key in of.get(name, {})}
    columns = [*(key for key in order if key in found), *sorted(found - {*order})]
    counts = {source: [of.get(name, {}).get(key, 0) for key in columns] for source, of in sources.items()}
    rows = [
        [Cell(source), *cells([f"{n:,}" if n else NOTHING for n in own])] for source, own in counts.items()
    ]
    totals = [f"{sum(own):,}" for own in zip(*counts.values(), strict=True)]
    return Table(caption, ["source", *columns], [*rows, [Cell("all", strong=True), *cells(totals)]])
