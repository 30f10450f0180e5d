"""`newsdesk review`: export articles for review, and merge the corrections as labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast, get_args

import click

from newsdesk.api import find_folder, read_taxonomy
from newsdesk.base.columns import Columns
from newsdesk.base.console import note, path_option, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, write_text
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.batch import output_reader
from newsdesk.batch.job import utc_now
from newsdesk.cli.inputs import RefusalLog, column_options, model_option, taxonomy_option
from newsdesk.corpus.repair import repair
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import build_unknown_share
from newsdesk.monitoring.reference import REFERENCE, parse_reference, read_reference
from newsdesk.readers.account import format_reasons
from newsdesk.review import corrections, formats, sampling

N_EVIDENCE = 5
SHOWN = 10
SUFFIXES: dict[str, formats.QueueFormat] = {".jsonl": "jsonl", ".csv": "csv", ".json": "label-studio"}


@click.group("review")
def main() -> None:
    """Export uncertain articles for review, and merge the corrections as labels.

    \b
    Examples:
      newsdesk review export --labels labels.parquet --articles news.parquet \\
        --output queue.json --n 200
      newsdesk review merge queue_done.json --labels data/labels/review.tsv
      newsdesk clean data/starter --gold data/labels/gold.tsv \\
        --review data/labels/review.tsv
    """


@main.command("export")
@path_option("--labels", required=True, help="Output of `predict`.")
@click.option("--articles", "inputs", multiple=True, required=True, help="Input of `predict`, same order.")
@path_option("--output", required=True)
@click.option(
    "--format", "form", type=click.Choice(get_args(formats.QueueFormat)),
    help="By default by the suffix of --output: .json is for Label Studio.",
)  # fmt: skip
@click.option("--n", default=200, show_default=True, type=click.IntRange(1), help="Most articles to sample.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@model_option
@column_options
@path_option(
    "--reference",
    show_default=f"{REFERENCE} of the model, if it has one",
    help="Drift reference, which gives the limit of unknown words for drifting articles.",
)
def export(
    labels: Path, inputs: tuple[str, ...], output: Path, form: str | None, n: int, seed: int,
    model: str | None, reference: Path | None, columns: Columns,
) -> None:  # fmt: skip
    """Sample articles of a job for review, with evidence.

    A third each are uncertain, drifting and random. With --format label-studio the labeling configuration is
    written too, to OUTPUT.config.xml.

    \b
    Examples:
      newsdesk review export --labels labels.parquet --articles news.parquet \\
        --output queue.json --n 200
      newsdesk review export --labels labels.parquet --articles news.parquet \\
        --output queue.csv --seed 1
    """
    chosen = cast(formats.QueueFormat | None, form) or SUFFIXES.get(output.suffix)
    if chosen is None:
        raise NewsdeskError(f"{output}: give --format, or a name that ends in {', '.join(SUFFIXES)}")
    folder = find_folder(model)
    scorer = read_model(folder)
    limit = _read_limit(reference, folder)
    articles = sampling.sample_articles(
        progress(read_candidates(labels, inputs, scorer, columns), "reading"),
        n=n, seed=seed, heads=scorer.heads, unknown_share=build_unknown_share(scorer), unknown_limit=limit,
    )  # fmt: skip
    if not articles:
        raise NewsdeskError(f"{labels}: no article that could have labels; nothing to review")
    queue = [(article, find_evidence(article, scorer)) for article in articles]
    write_text(formats.format_queue(queue, chosen), output)
    if chosen == "label-studio":
        config = formats.label_studio_config(read_taxonomy(scorer))
        write_text(config, output.with_name(f"{output.name}.config.xml"))
    by_stratum = Counter(article.strata[0] for article in articles)
    counts = ", ".join(f"{stratum} {by_stratum[stratum]:,}" for stratum in get_args(sampling.Stratum))
    note(f"review: {len(articles):,} articles in {output}: {counts}")
    if limit is None:
        note("review: no drift reference (--reference drift.json), so there are no drifting articles")


def read_candidates(
    labels: Path, inputs: tuple[str, ...], scorer: Scorer, columns: Columns
) -> Iterator[sampling.Candidate]:
    """Yield the articles with their predictions: `predict` writes one row an article, in order."""
    refusals = RefusalLog()
    articles = map(repair, refusals.read_articles(inputs, read_taxonomy(scorer).sections, columns))
    own = f"{scorer.info['name']} {scorer.info['version']}"
    known = {head.task: set(head.labels) for head in scorer.heads}
    pairs = zip_longest(articles, output_reader.read_output(labels))
    for position, (article, row) in enumerate(pairs, 1):
        if article is None or row is None or article.article_id != row.article_id:
            ids = [getattr(found, "article_id", "nothing") for found in (row, article)]
            raise NewsdeskError(
                f"{labels}: not the labels of these articles: row {position:,} is {ids[0]}, the article"
                f" {ids[1]}; give --articles as they were given to `predict`"
            )
        for task, names in known.items():
            if unknown := set(row.prediction.scores[task]) - names:
                raise NewsdeskError(f"{labels}: row {position:,}: the model has no label {min(unknown)!r}")
        yield sampling.Candidate(
            article.article_id, article.source, article.key or article.article_id,
            article.title, article.text, row.prediction, row.model or own,
        )  # fmt: skip
    refusals.report()


def _read_limit(reference: Path | None, folder: Path) -> float | None:
    """Return the limit of unknown words by a drift reference, None without one."""
    path = reference or folder / REFERENCE
    if not reference and not path.exists():
        return None
    counts, _ = parse_reference(read_reference(path))
    return sampling.drifting_limit(counts.counts["unknown"])


def find_evidence(article: sampling.SampledArticle, scorer: Scorer) -> str:
    """Return the largest contributions to the assigned labels and to the least certain one."""
    from newsdesk.inference.explain import explanations

    candidate = article.candidate
    labels = [label for head in scorer.heads for label in candidate.prediction.labels[head.task]]
    nearest = sampling.nearest_label(candidate.prediction, scorer.heads)
    labels += [nearest] if nearest and nearest not in labels else []
    lines = []
    for label in explanations(scorer, candidate.title, candidate.text, labels=labels, top=N_EVIDENCE):
        contributions = ", ".join(
            f"{' '.join(part.surface.split()) or part.term} {part.value:+.2f}"
            for part in label.contributions
            if part.kind != "remainder"
        )
        lines.append(f"{label.label} {label.probability:.2f}: {contributions}")
    return "\n".join(lines)


@main.command("merge")
@click.argument("queues", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="QUEUE...")
@path_option("--labels", default="data/labels/review.tsv", help="Table of corrections to add to.")
@click.option("--reviewer", default="", help="Reviewer of records that name none; else they are refused.")
@path_option("--refused", help="Write refused records to this JSONL file.")
@taxonomy_option
def merge(
    queues: tuple[Path, ...], labels: Path, reviewer: str, refused: Path | None, taxonomy: Taxonomy
) -> None:
    """Merge corrections into a table of labels.

    Reads queues in Label Studio's JSON, in JSON lines and CSV. The table has one line an article, with
    reviewer, time and model. Of several corrections the last one is kept, and the conflict is shown. Merging
    a file again changes nothing.

    \b
    Examples:
      newsdesk review merge queue_done.json
      newsdesk review merge queue_done.csv \\
        --labels data/labels/review.tsv --reviewer amal
    """
    table = corrections.read_table(labels)
    refusals: list[dict[str, Any]] = []
    for path in queues:
        records = (
            (position, parsed)
            for position, record in formats.read_queue(path)
            for parsed in formats.parse_record(record, reviewer=reviewer)
        )
        merged = corrections.merge(table, records, taxonomy, batch=path.stem, now=utc_now())
        table = merged.rows
        refusals += [{"file": str(path), "position": at, **asdict(why)} for at, why in merged.refused]
        _print_account(merged, path)
    if table:
        write_text(corrections.format_table(table), labels)
    if refused:
        write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in refusals), refused)
    note(f"review: {len(table):,} labelled articles in {labels}")


def _print_account(merged: corrections.MergeResult, path: Path) -> None:
    wrong = [row for row in merged.refused if row[1].reason not in ("not_reviewed", "skipped")]
    for position, record in wrong[:SHOWN]:
        note(f"refused: {path}:{position}: {record.reason}: {record.detail}")
    for conflict in merged.conflicts[:SHOWN]:
        note(f"conflict: {conflict}")
    outcomes = ("added", "changed", "unchanged", "superseded")
    counts = ", ".join(f"{outcome} {merged.outcomes[outcome]:,}" for outcome in outcomes)
    refused = format_reasons(Counter(record.reason for _, record in merged.refused)) or "none"
    note(f"review: read {merged.n_read:,}: {counts}; refused: {refused}; conflicts {len(merged.conflicts):,}")
