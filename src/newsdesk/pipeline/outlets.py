"""Stage `outlets`: the headline comparison, each outlet tested on systems that did not read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from newsdesk.base.console import entry_point, note, path_option, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_csv, write_json, write_table
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation.labelled_corpus import choose_outlets
from newsdesk.evaluation.leave_one_outlet_out import SplitPredictions, compute_places, predict_split
from newsdesk.evaluation.outlet_comparison import (
    compare_systems,
    f1_rows,
    measure_systems_by_label,
    prediction_table,
    reliability_rows,
    risk_rows,
)
from newsdesk.evaluation.outlet_corpus import read_outlet_corpus
from newsdesk.evaluation.peers import add_peers, read_peer
from newsdesk.evaluation.splits import (
    WITHIN_OUTLET_SPLITS,
    TrainTestSplit,
    leave_outlet_out,
    split_within_outlets,
)
from newsdesk.evaluation.tables import comparison_rows
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import read_fields

# micro-F1 of two independent readings of 120 articles, as the annotation reports it; they are not kept
AGREEMENT = {"region": 0.967, "topic": 0.949}


def run(
    settings: Settings,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    test_only: Path | None,
    gold: Path | None,
    peers: Mapping[str, Path],
    chosen: Sequence[str],
    metrics: Path,
    by_label: Path,
    plots: Path,
    predictions: Path,
    n_jobs: int = -1,
) -> None:
    """Leave each outlet out in turn, then split the same articles within outlets; measure every system."""
    known = read_taxonomy(taxonomy)
    gazetteer = read_places(places, known, settings.text)
    words = read_fields(fields)
    corpus = read_outlet_corpus(settings, known, articles=articles, test_only=test_only, gold=gold)
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
    n_articles, n_splits = corpus.articles.num_rows, len(left_out) + len(within)
    note(f"outlets: {n_articles:,} labelled articles, {n_splits} splits")
    place_features = compute_places(corpus.articles, gazetteer, settings)

    def predict(splits: Sequence[TrainTestSplit]) -> list[SplitPredictions]:
        return [
            found
            for split in progress(splits, "splits")
            for found in predict_split(
                corpus, TrainTestSplit(split.name, split.train[kept], split.test[kept]), place_features,
                fields=words, settings=settings, n_jobs=n_jobs,
            )
        ]  # fmt: skip

    try:
        of_outlets, of_within = predict(left_out), predict(within)
    except ValueError as error:
        raise NewsdeskError(f"{articles}: {error}") from None
    of_outlets = [add_peers(each, labels_by_peer) for each in of_outlets]
    write(settings, of_outlets, of_within, metrics=metrics, by_label=by_label, plots=plots)
    tables = [prediction_table(of_outlets, "outlet"), prediction_table(of_within, "contrast")]
    write_table(pa.concat_tables(tables), predictions)


def write(
    settings: Settings,
    of_outlets: Sequence[SplitPredictions],
    of_within: Sequence[SplitPredictions],
    *,
    metrics: Path,
    by_label: Path,
    plots: Path,
) -> None:
    """Write the measures, and print the tables."""
    measured: dict[str, Any] = {}
    measured_by_label: dict[str, Any] = {}
    options = settings.evaluate.model_dump(include={"n_bootstrap", "seed", "min_support"})
    for task in TASKS:
        outlets, within = ([p for p in found if p.task == task] for found in (of_outlets, of_within))
        if not outlets or not within:
            raise NewsdeskError(f"{task}: no outlet that may train has a gold label; label some articles")
        by_outlet, contrast = compare_systems(outlets, **options), compare_systems(within, **options)
        measured[task] = {
            "outlets": by_outlet["splits"], "mean": by_outlet["mean"], "contrast": contrast["splits"]
        }  # fmt: skip
        measured_by_label[task] = measure_systems_by_label(outlets)
        write_csv(f1_rows(by_outlet), plots / f"outlets_{task}.csv")
        write_csv(reliability_rows(outlets), plots / f"outlets_reliability_{task}.csv")
        write_csv(risk_rows(outlets), plots / f"outlets_risk_{task}.csv")
        print_rows(comparison_rows(task, **by_outlet))
        click.echo(
            f"{task}: two independent readings of 120 articles agree at micro-F1 {AGREEMENT[task]:.3f}, as "
            "the annotation reports; not measured on these tests\n"
        )
        print_rows(comparison_rows(task, **contrast))
    write_json(measured, metrics)
    write_json(measured_by_label, by_label)


def _parse_peers(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, Path]:
    peers = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"expected NAME=PATH, found {value!r}")
        peers[name] = Path(path)
    return peers


@click.command("outlets")
@path_option("--params", default="params.yaml")
@path_option("--articles", default="data/clean/articles.parquet")
@path_option("--taxonomy", default="data/taxonomy.yaml")
@path_option("--places", default="data/places")
@path_option("--fields", default="data/fields.tsv")
@click.option("--test-only", type=click.Path(exists=True, path_type=Path), help="Corpus that trains nothing.")
@path_option("--gold", help="Gold labels of the --test-only corpus.")
@click.option(
    "--peer", "peers", multiple=True, callback=_parse_peers, metavar="NAME=PATH",
    help="Parquet of another program's labels (article_id, region, topic), or a model folder.",
)  # fmt: skip
@click.option("--outlet", "chosen", multiple=True, help="Leave out only this outlet; may be given again.")
@path_option("--metrics", default="metrics/outlets.json")
@path_option("--labels", "by_label", default="metrics/outlets_labels.json")
@path_option("--plots", default="plots")
@path_option("--predictions", default="data/outlets_predictions.parquet")
def main(params: Path, **options: Any) -> None:
    """Compare systems on outlets that they did not read: each of `outlets` is left out in turn.

    \b
    Examples:
      newsdesk outlets --test-only egypt2013.jsonl.gz --gold data/labels/gold.tsv
      newsdesk outlets --peer starter=model --peer fasttext=labels.parquet
    """
    run(read_settings(params), **options)


if __name__ == "__main__":
    entry_point(main)
