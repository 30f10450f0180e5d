"""`newsdesk review`: articles out to be read by a person, and the corrections back as labels."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast, get_args

import click
import numpy as np

from newsdesk.base.console import note, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, write_text
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.batch import output_reader
from newsdesk.cli.inputs import Refused, read_inputs, taxonomy_option
from newsdesk.cli.models import model_folder, taxonomy_of
from newsdesk.corpus.repair import repair
from newsdesk.inference.scorer import Scorer
from newsdesk.monitoring.counts import UNKNOWN_EDGES, PredictionCounts, build_unknown_share
from newsdesk.monitoring.reference import REFERENCE, read_reference
from newsdesk.review import corrections, formats, sampling

DRIFTING_SHARE = 0.95  # of the reference's articles have fewer unknown words than a drifting one
N_EVIDENCE = 5
SHOWN = 10
SUFFIXES: dict[str, formats.Form] = {".jsonl": "jsonl", ".csv": "csv", ".json": "label-studio"}


@click.group("review")
def main() -> None:
    """Have a person read what the model was unsure of, and take the corrections back as labels.

    \b
    Examples:
      newsdesk review export --labels labels.parquet --articles news.parquet --output queue.json --n 200
      newsdesk review merge queue_done.json --labels data/labels/review.tsv
      newsdesk clean data/starter --gold data/labels/gold.tsv --review data/labels/review.tsv
    """


@main.command("export")
@click.option("--labels", required=True, type=click.Path(path_type=Path), help="What `predict` wrote.")
@click.option("--articles", "inputs", multiple=True, required=True, help="What it read, in the same order.")
@click.option("--output", required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(get_args(formats.Form)),
    help="By the suffix of --output unless told: .json is for Label Studio.",
)  # fmt: skip
@click.option("--n", default=200, show_default=True, type=click.IntRange(1), help="How many to draw at most.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--model",
    show_default="the model that newsdesk comes with",
    help="That which labelled: a folder, models:/… or runs:/… URI.",
)
@click.option(
    "--reference", type=click.Path(path_type=Path), show_default=f"{REFERENCE} of the model, if it has one",
    help="Tells from which share of unknown words on an article is drifting.",
)  # fmt: skip
def export(
    labels: Path,
    inputs: tuple[str, ...],
    output: Path,
    form: str | None,
    n: int,
    seed: int,
    model: str | None,
    reference: Path | None,
) -> None:
    """Draw articles of a job for a person to read: uncertain, drifting and random ones, with evidence.

    With --format label-studio the labeling configuration is written too, to OUTPUT.config.xml.

    \b
    Examples:
      newsdesk review export --labels labels.parquet --articles news.parquet --output queue.json --n 200
      newsdesk review export --labels labels.parquet --articles news.parquet --output queue.csv --seed 1
      newsdesk review export --labels labels.parquet --articles news.parquet \\
        --output queue.json --format argilla
    """
    chosen = cast(formats.Form | None, form) or SUFFIXES.get(output.suffix)
    if chosen is None:
        raise NewsdeskError(f"{output}: give --format, or a name that ends in {', '.join(SUFFIXES)}")
    folder = model_folder(model)
    scorer = read_model(folder)
    taxonomy = taxonomy_of(scorer)
    limit = _unknown_limit(reference, folder)
    drawn = sampling.draw(
        progress(candidates(labels, inputs, scorer), "reading"),
        n=n,
        seed=seed,
        heads=scorer.heads,
        unknown_share=build_unknown_share(scorer),
        unknown_limit=limit,
    )
    if not drawn:
        raise NewsdeskError(f"{labels}: no article that could be labelled")
    told = [(row, evidence(row, scorer)) for row in drawn]
    write_text(format_queue(told, chosen), output)
    if chosen == "label-studio":
        write_text(formats.config(taxonomy), output.with_name(f"{output.name}.config.xml"))
    by_stratum = Counter(row.strata[0] for row in drawn)
    counts = ", ".join(f"{stratum} {by_stratum[stratum]:,}" for stratum in get_args(sampling.Stratum))
    note(f"review: {len(drawn):,} articles in {output}: {counts}")
    if limit is None:
        note("review: no reference (--reference drift.json), so none was drawn for its unknown words")


def candidates(labels: Path, inputs: tuple[str, ...], scorer: Scorer) -> Iterator[sampling.Candidate]:
    """Each article and what was said of it: a job writes one row an article, in the order read.

    Raises
    ------
    NewsdeskError
        If they do not belong together.
    """
    account = Refused()
    articles = map(repair, account.split(read_inputs(inputs, taxonomy_of(scorer).sections)))
    pairs = zip_longest(articles, output_reader.read_output(labels))
    own = f"{scorer.info['name']} {scorer.info['version']}"
    known = [set(head.labels) for head in scorer.heads]
    for position, (article, said) in enumerate(pairs, 1):
        if article is None or said is None or article.article_id != said.article_id:
            found = [getattr(row, "article_id", "nothing") for row in (article, said)]
            raise NewsdeskError(
                f"{labels}: not of these articles: row {position:,} is {found[1]}, the article {found[0]}"
            )
        for head, labels_known in zip(scorer.heads, known, strict=True):
            if unknown := set(said.prediction.scores[head.task]) - labels_known:
                raise NewsdeskError(f"{labels}: row {position:,}: the model has no label {min(unknown)!r}")
        yield sampling.Candidate(
            article.article_id,
            article.source,
            article.key or article.article_id,
            article.title,
            article.text,
            said.prediction,
            said.model or own,
        )
    account.tell(None)


def _unknown_limit(reference: Path | None, folder: Path) -> float | None:
    """The share of unknown words that few of a reference's articles exceed."""
    path = reference or folder / REFERENCE
    if not reference and not path.exists():
        return None
    try:
        counts = PredictionCounts.from_dict(read_reference(path)).counts["unknown"]
    except ValueError as error:
        raise NewsdeskError(f"{path}: {error}") from None
    if not counts.sum():
        return None
    cell = int(np.searchsorted(np.cumsum(counts), DRIFTING_SHARE * counts.sum()))
    return float(UNKNOWN_EDGES[min(cell, len(UNKNOWN_EDGES) - 1)])


def evidence(row: sampling.Drawn, scorer: Scorer) -> str:
    """What speaks most for and against the labels that hold, and the least certain one."""
    from newsdesk.inference.explain import explanations

    prediction = row.candidate.prediction
    named = [label for head in scorer.heads for label in prediction.labels[head.task]]
    nearest = sampling.nearest_label(prediction, scorer.heads)
    named += [nearest] if nearest and nearest not in named else []
    explained = explanations(scorer, row.candidate.title, row.candidate.text, labels=named, top=N_EVIDENCE)
    return "\n".join(
        f"{found.label} {found.probability:.2f}: "
        + ", ".join(
            f"{' '.join(part.surface.split()) or part.term} {part.value:+.2f}"
            for part in found.contributions
            if part.kind != "remainder"
        )
        for found in explained
    )


def format_queue(drawn: list[tuple[sampling.Drawn, str]], form: formats.Form) -> str:
    """The queue as a file's text."""
    if form == "csv":
        table = io.StringIO()
        lines = csv.DictWriter(table, formats.FLAT, lineterminator="\n")
        lines.writeheader()
        for row, why in drawn:
            record = formats.flat(row, why)
            lines.writerow(record | {name: "|".join(record[name]) for name in formats.QUESTIONS})
        return table.getvalue()
    if form == "jsonl":
        return "".join(json.dumps(formats.flat(*row), ensure_ascii=False) + "\n" for row in drawn)
    build = formats.label_studio if form == "label-studio" else formats.argilla
    return json.dumps([build(*row) for row in drawn], ensure_ascii=False, indent=1) + "\n"


@main.command("merge")
@click.argument("queues_done", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="QUEUE...")
@click.option(
    "--labels", default="data/labels/review.tsv", show_default=True, type=click.Path(path_type=Path),
    help="Table of readings to add to.",
)  # fmt: skip
@click.option(
    "--reviewer", default="", help="Who read the records that name nobody; without it these are left out."
)
@click.option("--refused", type=click.Path(path_type=Path), help="Write what was refused to this JSONL file.")
@taxonomy_option
def merge(
    queues_done: tuple[Path, ...], labels: Path, reviewer: str, refused: Path | None, taxonomy: Path
) -> None:
    """Take corrections back as labels: of Label Studio's and Argilla's JSON, JSON lines or CSV.

    One line an article, with who said it, when, and of which model's word. Of several corrections the last
    one is kept, and the conflict told. To merge a file again changes nothing.

    \b
    Examples:
      newsdesk review merge queue_done.json
      newsdesk review merge queue_done.csv --labels data/labels/review.tsv --reviewer amal
    """
    known = read_taxonomy(taxonomy)
    table = corrections.read_table(labels)
    refusals: list[dict[str, Any]] = []
    for path in queues_done:
        said = (
            (position, item)
            for position, record in read_queue(path)
            for item in formats.corrections(record, reviewer=reviewer)
        )
        now = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        merged = corrections.merge(table, said, known, batch=path.stem, now=now)
        table = merged.rows
        refusals += [{"file": str(path), "position": at, **asdict(why)} for at, why in merged.refusals]
        tell(merged, path)
    if table:
        write_text(corrections.format_table(table), labels)
    if refused:
        write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in refusals), refused)
    note(f"review: {len(table):,} readings in {labels}")


def read_queue(path: Path) -> Iterator[tuple[int, Any]]:
    """The records of a queue and their places, from 1.

    Raises
    ------
    NewsdeskError
        If the file is missing or is no queue.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            if path.suffix == ".csv":
                csv.field_size_limit(2**31 - 1)
                yield from enumerate(csv.DictReader(handle), 1)
            elif path.suffix == ".jsonl":
                yield from enumerate((json.loads(line) for line in handle if line.strip()), 1)
            else:
                content = json.load(handle)
                if not isinstance(content, list):
                    raise NewsdeskError(f"{path}: expected a list of records, found {type(content).__name__}")
                yield from enumerate(content, 1)
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise NewsdeskError(f"{path}: not readable: {error}") from None


def tell(merged: corrections.Merged, path: Path) -> None:
    """The account of a merge: every record is added, changed, unchanged, outdone or refused."""
    wrong = [row for row in merged.refusals if row[1].reason not in ("not_reviewed", "skipped")]
    for position, item in wrong[:SHOWN]:
        note(f"refused: {path}:{position}: {item.reason}: {item.detail}")
    for conflict in merged.conflicts[:SHOWN]:
        said = "; ".join(conflict.said)
        note(f"conflict: {conflict.outlet} {conflict.key}: {said}; kept: {conflict.kept}")
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in merged.refused.items()) or "none"
    note(
        f"review: read {merged.n_read:,}: added {merged.n_added:,}, changed {merged.n_changed:,}, "
        f"unchanged {merged.n_unchanged:,}, outdone {merged.n_outdone:,}; refused: {reasons}; "
        f"conflicts {len(merged.conflicts):,}"
    )
