"""All sections of the report, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from newsdesk.reporting import curves, scores
from newsdesk.reporting.blocks import Block, Note, Section, Table
from newsdesk.reporting.champion import compare_with_champion
from newsdesk.reporting.mistakes import show_mistakes
from newsdesk.reporting.row_counts import show_row_counts
from newsdesk.reporting.run_files import RunContent


def show_files(run: RunContent) -> Iterator[Block]:
    """List the files that were read, and those that could not be read."""
    for message in run.damaged:
        yield Note(message, warning=True)
    yield Table("Files read", ["file", "SHA-256"], [*run.hashes.items()])


# title and function by id; the template has an introduction for each
SECTIONS: dict[str, tuple[str, Callable[[RunContent], Iterable[Block]]]] = {
    "key-figures": ("Key figures", scores.show_key_figures),
    "outlets": ("Outlet by outlet", scores.show_outlets),
    "labels": ("Label by label", scores.show_labels),
    "precision-recall": ("Precision and recall", curves.show_precision_recall),
    "reliability": ("Reliability", curves.show_reliability),
    "confusion": ("Confusion of main labels", curves.show_confusion),
    "coverage": ("Risk and coverage", curves.show_coverage),
    "champion": ("Comparison with the champion", compare_with_champion),
    "data": ("Data", show_row_counts),
    "errors": ("Errors", show_mistakes),
    "files": ("Files", show_files),
}


def build_sections(run: RunContent) -> list[Section]:
    """Build the sections that have content."""
    sections = []
    for section_id, (title, show) in SECTIONS.items():
        try:
            blocks = [*show(run)]
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            # files of another version, or edited by hand, must not prevent the other sections
            message = f"The files of this section have an unknown format ({type(error).__name__}: {error})."
            blocks = [Note(message, warning=True)]
        if blocks:
            sections.append(Section(section_id, title, blocks))
    return sections
