"""Section "Data": rows read, kept and refused, splits, and origins of the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from newsdesk.base.schema import TASKS
from newsdesk.reporting.blocks import Block, Cell, Note, Row, Table, format_count, shade
from newsdesk.reporting.run_files import RunContent

COUNTS = ("read", "kept", "groups", "teasers", "repaired")
SPLITS = ("train", "valid", "test", "evaluation")


def show_row_counts(run: RunContent) -> Iterator[Block]:
    """Show the counts of stage `clean`, by source and reason."""
    if (counted := run.metrics.get("clean")) is None:
        return
    sources: Mapping[str, Any] = {run.name(source): of for source, of in counted["sources"].items()}
    yield _balance(counted)
    yield _table_of_rows(counted, sources)
    yield _table_of_counts("Articles kept, by split", sources, "splits", SPLITS)
    for task in TASKS:
        yield _table_of_counts(f"Labels of the {task} head, by origin", sources, f"{task}_origins")
    for origin in ("gold", "silver"):
        if found := counted.get(origin):
            yield Note(
                f"{found['labels']:,} {origin} labels: {found['found']:,} match an article, "
                f"{found['not_found']:,} do not."
            )


def _balance(counted: Mapping[str, Any]) -> Note:
    """Check that every row read was kept or refused."""
    refused = sum(counted["refused"].values())
    lost = counted["read"] - counted["kept"] - refused
    sums = f"{counted['read']:,} rows read = {counted['kept']:,} kept + {refused:,} refused"
    if lost:
        return Note(f"{sums}, and {lost:,} are not accounted for.", warning=True)
    n_near = counted.get("articles_in_groups_of_several", 0)
    return Note(f"{sums}. {counted['groups']:,} groups; {n_near:,} articles have a near-duplicate.")


def _table_of_rows(counted: Mapping[str, Any], sources: Mapping[str, Any]) -> Table:
    everything = {**sources, "all": counted}
    reasons = sorted({reason for counts in everything.values() for reason in counts["refused"]})
    rows: list[Row] = [
        [
            Cell(source, bold=source == "all"),
            *(f"{counts[name]:,}" if name in counts else "-" for name in COUNTS),
            *(
                Cell(format_count(n), shade(n / max(1, counts["read"]), high=0.2))
                for n in (counts["refused"].get(reason, 0) for reason in reasons)
            ),
        ]
        for source, counts in everything.items()
    ]
    header = ["source", *COUNTS, *(f"refused: {reason}" for reason in reasons)]
    return Table("Rows by source; refused rows by reason, shaded by their share", header, rows)


def _table_of_counts(caption: str, sources: Mapping[str, Any], name: str, order: Sequence[str] = ()) -> Table:
    """Make a table of the counts `name` of each source, and their sums."""
    keys = {key for counts in sources.values() for key in counts.get(name, {})}
    columns = [*(key for key in order if key in keys), *sorted(keys - {*order})]
    counts = {source: [of.get(name, {}).get(key, 0) for key in columns] for source, of in sources.items()}
    rows = [[source, *map(format_count, own)] for source, own in counts.items()]
    totals = [f"{sum(own):,}" for own in zip(*counts.values(), strict=True)]
    return Table(caption, ["source", *columns], [*rows, [Cell("all", bold=True), *totals]])
