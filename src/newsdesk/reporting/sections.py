"""All sections of the page, in their order; one whose files are damaged says so in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from newsdesk.reporting import account, comparison, curves, results, studies
from newsdesk.reporting.blocks import Block, Figure, Mistakes, Section, Smalls, Table, cells, missing
from newsdesk.reporting.charts import join_small, standalone
from newsdesk.reporting.comparison import Champion
from newsdesk.reporting.evidence import explain_mistakes
from newsdesk.reporting.findings import Findings, Sources, read_findings
from newsdesk.reporting.scored import list_mistakes

EVALUATION = ("labels", "precision-recall", "reliability", "coverage")
MAX_MISTAKES = 600  # the surest ones; more would make the page heavy for a phone


def build_sections(findings: Findings, other: Champion | None) -> list[Section]:
    """The page's sections; `other` is the champion to compare with."""
    builders: list[tuple[str, str, Callable[[], Section]]] = [
        ("headline", "Headline", lambda: results.headline(findings)),
        ("outlets", "Outlet by outlet", lambda: results.by_outlet(findings)),
        ("labels", "Label by label", lambda: results.by_label(findings)),
        ("precision-recall", "Precision and recall", lambda: curves.precision_recall(findings)),
        ("reliability", "Reliability", lambda: curves.reliability(findings)),
        ("confusion", "Main labels confused", lambda: curves.confusion(findings)),
        ("coverage", "Risk and coverage", lambda: curves.coverage(findings)),
        ("champion", "Beside the champion", lambda: comparison.champion(findings, other)),
        ("ablations", "Ablations", lambda: studies.ablations(findings)),
        ("audits", "Audits", lambda: studies.audits(findings)),
        ("data", "Data", lambda: account.account(findings)),
        ("errors", "Errors", lambda: errors(findings)),
        ("files", "Files", lambda: files(findings)),
    ]
    return [_build(*each) for each in builders]


def _build(name: str, title: str, build: Callable[[], Section]) -> Section:
    try:
        return build()
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        # files of another version, or edited by hand: a section may fall, the page may not
        told = f"This section's files are not as this version writes them ({type(error).__name__}: {error})."
        return Section(name, title, "", [missing(told)])


def errors(findings: Findings) -> Section:
    """Every wrong label of the tested articles, the surest first, with what the model went by."""
    intro = (
        "Wrong labels, the surest first. In the texts, words in blue speak for the label and words in "
        "orange, underlined, against it, the deeper the more. Below stand the strongest, with what each adds "
        "to the log-odds."
    )
    if not findings.scored:
        return Section("errors", "Errors", intro, [missing(curves.NO_PREDICTIONS)])
    heads = findings.scorer.heads if findings.scorer else ()
    thresholds = {head.task: dict(zip(head.labels, head.thresholds, strict=True)) for head in heads}
    listed = list_mistakes(findings.scored, thresholds)
    shown = explain_mistakes(listed[:MAX_MISTAKES], findings.texts, findings.scorer)
    blocks: list[Block] = []
    n_without = sum(mistake.text is None for mistake in shown)
    if n_without:
        blocks.append(
            missing(
                f"{n_without:,} of {len(shown):,} are without their text: it was left out, or is missing."
            )
        )
    elif findings.scorer is None and shown:
        blocks.append(missing("There is no model to tell what in the texts it went by."))
    blocks.append(Mistakes(shown, len(listed) - len(shown)))
    return Section("errors", "Errors", intro, blocks)


def files(findings: Findings) -> Section:
    """What the page was made of."""
    intro = "The same files give the same page, to the byte. These were read; SHA-256 tells them apart."
    rows = [cells([name, digest]) for name, digest in findings.hashes.items()]
    blocks: list[Block] = [missing(line) for line in findings.damaged]
    blocks.append(Table("Files read", ["file", "SHA-256"], rows))
    return Section("files", "Files", intro, blocks)


def draw_figures(sections: Sequence[Section]) -> dict[str, str]:
    """The page's plots as files of their own: file name to SVG."""
    return {f"{name}.svg": standalone(svg) for name, svg in _figures(sections)}


def read_figures(sources: Sources) -> dict[str, str]:
    """The plots of a run's evaluation, file name to SVG, without any text; for an MLflow run's artifacts.

    Plots of studies, which no stage makes, are left out: they may be of another run.
    """
    sections = build_sections(read_findings(sources, with_texts=False), None)
    return draw_figures([section for section in sections if section.id in EVALUATION])


def _figures(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield block.name, block.svg
            elif isinstance(block, Smalls) and block.charts:
                yield block.name, join_small(block.charts, label=block.caption)
