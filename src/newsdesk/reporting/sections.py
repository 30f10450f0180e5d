"""All sections of the report, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from newsdesk.reporting import curves, scores
from newsdesk.reporting.blocks import Block, Note, Section, Table
from newsdesk.reporting.champion import compare_with_champion
from newsdesk.reporting.mistakes import show_mistakes
from newsdesk.reporting.row_counts import show_row_counts
from newsdesk.reporting.run_files import RunContent


@dataclass(frozen=True, slots=True)
class SectionBuilder:
    """The heading and introduction of a section, and the function that makes its blocks."""

    id: str
    title: str
    build: Callable[[RunContent], Iterable[Block]]
    intro: str


def show_files(run: RunContent) -> Iterator[Block]:
    """List the files that were read, and those that could not be read."""
    for message in run.damaged:
        yield Note(message, warning=True)
    yield Table("Files read", ["file", "SHA-256"], [*run.hashes.items()])


SECTIONS = (
    SectionBuilder(
        "key-figures", "Key figures", scores.show_key_figures,
        "Macro F1 is the mean over labels; rare labels count as much as common ones. The intervals hold "
        "95 % of a bootstrap over groups of near-duplicates.",
    ),
    SectionBuilder(
        "outlets", "Outlet by outlet", scores.show_outlets,
        "Each outlet is left out in turn: every system is trained on the other outlets and tested on "
        "this one. All systems get the same bootstrap samples, so differences are paired. A difference "
        "is in bold if its interval excludes zero.",
    ),
    SectionBuilder(
        "labels", "Label by label", scores.show_labels,
        "Precision, recall and F1 of each label. Scores of labels with little support are uncertain.",
    ),
    SectionBuilder(
        "precision-recall", "Precision and recall", curves.show_precision_recall,
        "The trade-off between precision and recall as the threshold changes.",
    ),
    SectionBuilder(
        "reliability", "Reliability", curves.show_reliability,
        "On the dashed line, four of five labels predicted with a probability of 0.8 are right. Below "
        "the line the model is overconfident.",
    ),
    SectionBuilder(
        "confusion", "Confusion of main labels", curves.show_confusion,
        "Rows are true labels, columns predicted ones, shaded by the share of the row. Only the main "
        "label of an article counts; the true label may be among its other predicted labels.",
    ),
    SectionBuilder(
        "coverage", "Risk and coverage", curves.show_coverage,
        "If the model labelled only the articles that it is most confident of: the share of articles "
        "that it labels (coverage), and the share of these with a missed or spurious label (risk).",
    ),
    SectionBuilder(
        "champion", "Comparison with the champion", compare_with_champion,
        "Both models label the same articles, and the bootstrap draws the same groups for both, so "
        "differences are paired. The outcomes are those of `newsdesk promote`. A champion that was trained "
        "on these articles has scores that are too high.",
    ),
    SectionBuilder(
        "data", "Data", show_row_counts,
        "Each row that was read is kept, or refused for a reason: read = kept + refused, for every "
        "source.",
    ),
    SectionBuilder(
        "errors", "Errors", show_mistakes,
        "Wrong labels, the most confident first. Words in blue contributed to the label; words in "
        "orange, underlined, against it; a deeper colour is a larger contribution. Below each text are "
        "the words that contributed most, with what they add to the log-odds.",
    ),
    SectionBuilder(
        "files", "Files", show_files,
        "The files that the page was made from. The same files give the same page.",
    ),
)  # fmt: skip


def build_sections(run: RunContent) -> list[Section]:
    """Build the sections that have content."""
    sections = []
    for builder in SECTIONS:
        try:
            blocks = [*builder.build(run)]
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            # files of another version, or edited by hand, must not prevent the other sections
            message = f"The files of this section have an unknown format ({type(error).__name__}: {error})."
            blocks = [Note(message, warning=True)]
        if blocks:
            sections.append(Section(builder.id, builder.title, builder.intro, blocks))
    return sections
