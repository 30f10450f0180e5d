"""Stage `outlets`: the headline comparison, each outlet tested on systems that did not read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from newsdesk.base.console import entry_point, note, path_option, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_csv, write_json, write_table
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Settings, settings_option
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.corpus.source_homes import read_source_homes
from newsdesk.evaluation.labelled_corpus import choose_outlets
from newsdesk.evaluation.leave_one_outlet_out import compute_homes, compute_places, predict_split
from newsdesk.evaluation.outlet_comparison import TaskComparison, compare_task, prediction_table
from newsdesk.evaluation.outlet_corpus import read_outlet_corpus
from newsdesk.evaluation.peers import add_peers, read_peer
from newsdesk.evaluation.splits import WITHIN_OUTLET_SPLITS, leave_outlet_out, split_within_outlets
from newsdesk.evaluation.tables import choice_rows
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import read_fields

READERS_F1 = {"region": 0.967, "topic": 0.949}  # as the annotation reports it; the second labels are not kept
AGREEMENT = (
    "{task}: two annotators agree at micro-F1 {f1:.3f} on 120 articles, as the annotation reports; "
    "not measured on these tests\n"
)


def _parse_peers(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, Path]:
    peers = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"expected NAME=PATH, found {value!r}")
        peers[name] = Path(path)
    return peers


@click.command("outlets")
@settings_option
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@click.option("--test-only", type=click.Path(exists=True, path_type=Path), help="Corpus that trains nothing.")
@path_option("--gold", help="Gold labels of the --test-only corpus.")
@path_option("--sources", help="Registry of sources (tab-separated), for homes of the --test-only corpus.")
@click.option(
    "--peer", "peers", multiple=True, callback=_parse_peers, metavar="NAME=PATH",
    help="Parquet of another program's labels (article_id, region, topic), or a model folder.",
)  # fmt: skip
@click.option("--outlet", "chosen", multiple=True, help="Leave out only this outlet; may be given again.")
@path_option("--metrics", default="metrics/outlets.json")
@path_option("--labels", "by_label", default="metrics/outlets_labels.json")
@path_option("--plots", default="plots")
@path_option("--predictions", default="data/outlets_predictions.parquet")
def main(
    settings: Settings,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    test_only: Path | None,
    gold: Path | None,
    sources: Path | None,
    peers: Mapping[str, Path],
    chosen: Sequence[str],
    metrics: Path,
    by_label: Path,
    plots: Path,
    predictions: Path,
    n_jobs: int = -1,
) -> None:
    """Compare systems on outlets that they did not read: each of `outlets` is left out in turn.

    Beside F1, `main_label` is the share of articles whose first label is the reader's main one, and
    `first_label` that of articles whose first label is one of the reader's. A peer's lists have a first label
    if its column `ordered` is true. A peer without labels of an outlet is compared on the others.

    With `evaluate.candidates`, the settings of `newsdesk` are chosen for each outlet by inner validation on
    the other outlets; `newsdesk_fixed` has those of the settings file.

    \b
    Examples:
      newsdesk outlets --test-only egypt2013.jsonl.gz --gold data/labels/gold.tsv
      newsdesk outlets --peer starter=model --peer fasttext=labels.parquet
    """
    known = read_taxonomy(taxonomy)
    gazetteer = read_places(places, known, settings.text)
    words = read_fields(fields)
    homes = read_source_homes(sources, known) if sources else None
    corpus = read_outlet_corpus(
        settings, known, articles=articles, test_only=test_only, gold=gold, homes=homes
    )
    columns = corpus.columns
    left_out = [leave_outlet_out(columns, outlet) for outlet in choose_outlets(columns, settings, chosen)]
    within = [
        split_within_outlets(columns, kind, outlets=[*settings.outlets], seed=settings.evaluate.seed)
        for kind in WITHIN_OUTLET_SPLITS
    ]
    tested = corpus.articles.filter(pa.array(np.any([split.test for split in left_out], axis=0)))
    labels_by_peer = {name: read_peer(path, tested) for name, path in peers.items()}

    # unlabelled articles only keep their near-duplicates out of training: their text is not needed any more
    kept = np.any([split.train | split.test for split in (*left_out, *within)], axis=0)
    corpus = corpus.filter(kept)
    note(f"outlets: {corpus.articles.num_rows:,} labelled articles, {len(left_out) + len(within)} splits")
    place_values = compute_places(corpus.articles, gazetteer, settings)
    predict = partial(
        predict_split, corpus, places=place_values, fields=words, settings=settings, n_jobs=n_jobs,
        homes=compute_homes(corpus.articles, place_values, known, settings),
    )  # fmt: skip
    try:
        of_outlets, of_within = (
            [
                found
                for split in progress(splits, "splits")
                for found in predict(split.filter(kept), nested=nested)
            ]
            for splits, nested in ((left_out, True), (within, False))
        )
        of_outlets = add_peers(of_outlets, labels_by_peer)
        compared = {task: compare_task(task, of_outlets, of_within, settings.evaluate) for task in TASKS}
    except ValueError as error:
        raise NewsdeskError(f"{articles}: {error}") from None
    for task, comparison in compared.items():
        _show(task, comparison, plots)
    write_json({task: comparison.measured for task, comparison in compared.items()}, metrics)
    write_json({task: comparison.by_label for task, comparison in compared.items()}, by_label)
    tables = [prediction_table(of_outlets, "outlet"), prediction_table(of_within, "contrast")]
    write_table(pa.concat_tables(tables), predictions)


def _show(task: str, comparison: TaskComparison, plots: Path) -> None:
    for name, rows in comparison.plots.items():
        write_csv(rows, plots / f"{name}_{task}.csv")
    for protocol, table in comparison.tables.items():
        if table:
            print_rows([{"protocol": protocol} | row for row in table])
    if chosen := choice_rows(task, comparison.measured["outlets"]):
        print_rows(chosen)
    click.echo(AGREEMENT.format(task=task, f1=READERS_F1[task]))


if __name__ == "__main__":
    entry_point(main)
