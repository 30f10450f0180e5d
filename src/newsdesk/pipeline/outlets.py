"""Stage `outlets`: the headline comparison, each outlet tested on by systems that never read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from newsdesk import readers
from newsdesk.base.console import entry_point, note, print_rows, progress
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, read_table, write_csv, write_json, write_table
from newsdesk.base.schema import ARTICLES, Article
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import Taxonomy, read_taxonomy
from newsdesk.corpus import cleaning, label_tables
from newsdesk.corpus.near_duplicates import group_articles
from newsdesk.evaluation.leave_one_outlet_out import (
    Said,
    Task,
    Trial,
    compare,
    measure_places,
    plot_f1,
    plot_reliability,
    plot_risk,
    print_cells,
    tabulate,
    tell_labels,
    try_split,
)
from newsdesk.evaluation.splits import CONTRASTS, Rows, Split, contrast, leave_out, outlet_by_source, weigh
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.features.lexical_fields import read_fields
from newsdesk.training.classifiers import indicator

TASKS = ("region", "topic")
# micro-F1 of two independent readings of 120 articles, as the annotation reports it; they are not kept
AGREEMENT = {"region": 0.967, "topic": 0.949}
Peers = Mapping[str, Mapping[str, Mapping[str, Any]]]


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
    """Leave each outlet out in turn, then split the same articles in kinder ways; measure every system."""
    known = read_taxonomy(taxonomy)
    gazetteer = read_places(places, known, settings.text)
    words = read_fields(fields)
    table, tasks, rows = read_rows(settings, known, articles=articles, test_only=test_only, gold=gold)
    splits = [leave_out(rows, outlet) for outlet in choose_outlets(rows, settings, chosen)]
    kinder = [
        contrast(rows, kind, outlets=[*settings.outlets], seed=settings.evaluate.seed) for kind in CONTRASTS
    ]
    tested = table.filter(pa.array(np.any([split.test for split in splits], axis=0)))
    said_by_peer = {
        name: label_by_model(path, tested) if path.is_dir() else read_peer(path)
        for name, path in peers.items()
    }

    # unlabelled articles only keep their near-duplicates out: no text of theirs is needed from here on
    kept = np.any([split.train | split.test for split in (*splits, *kinder)], axis=0)
    table = table.filter(pa.array(kept))
    tasks = [replace(t, y=t.y[kept], weights=t.weights[kept], trusted=t.trusted[kept]) for t in tasks]
    note(f"outlets: {table.num_rows:,} labelled articles, {len(splits) + len(kinder)} splits")
    measured_places = measure_places(table, gazetteer, settings)

    def try_all(all_splits: Sequence[Split]) -> list[Trial]:
        found: list[Trial] = []
        for split in progress(all_splits, "splits"):
            own = Split(split.name, split.train[kept], split.test[kept])
            found += try_split(
                table, own, tasks, measured_places, fields=words,
                groups=rows.groups[kept], outlets=rows.outlets[kept], settings=settings, n_jobs=n_jobs,
            )  # fmt: skip
        return found

    try:
        left_out, contrasted = try_all(splits), try_all(kinder)
    except ValueError as error:
        raise NewsdeskError(f"{articles}: {error}") from None
    left_out = [add_peers(trial, said_by_peer) for trial in left_out]
    write(settings, left_out, contrasted, metrics=metrics, by_label=by_label, plots=plots)
    tables = [tabulate(left_out, "outlet"), tabulate(contrasted, "contrast")]
    write_table(pa.concat_tables(tables), predictions)


def read_rows(
    settings: Settings, taxonomy: Taxonomy, *, articles: Path, test_only: Path | None, gold: Path | None
) -> tuple[pa.Table, list[Task], Rows]:
    """Articles, those that are only tested on last; the labels of both heads; what the splits need."""
    table = read_table(articles, ARTICLES)
    n_articles = table.num_rows
    if test_only:
        added = read_test_only(test_only, gold, settings, taxonomy)
        table = pa.concat_tables([table, join_groups(added, table, settings)])
    tasks = [build_task(task, table, taxonomy, settings) for task in TASKS]
    return table, tasks, build_rows(table, tasks, settings, barred_from=n_articles)


def write(
    settings: Settings,
    left_out: Sequence[Trial],
    contrasted: Sequence[Trial],
    *,
    metrics: Path,
    by_label: Path,
    plots: Path,
) -> None:
    """Write what was measured, and print the table."""
    measured: dict[str, Any] = {}
    told: dict[str, Any] = {}
    options = settings.evaluate.model_dump(include={"n_bootstrap", "seed", "min_support"})
    for task in TASKS:
        trials = [trial for trial in left_out if trial.task == task]
        kinder = [trial for trial in contrasted if trial.task == task]
        if not trials or not kinder:
            raise NewsdeskError(
                f"no {task} label of an outlet that may train is the truth; label some articles"
            )
        outlets, contrasts = compare(trials, **options), compare(kinder, **options)
        measured[task] = {
            "outlets": outlets["splits"], "mean": outlets["mean"], "contrast": contrasts["splits"]
        }  # fmt: skip
        told[task] = tell_labels(trials)
        write_csv(plot_f1(outlets), plots / f"outlets_{task}.csv")
        write_csv(plot_reliability(trials), plots / f"outlets_reliability_{task}.csv")
        write_csv(plot_risk(trials), plots / f"outlets_risk_{task}.csv")
        print_rows(print_cells(task, outlets, kind="outlet"))
        click.echo(
            f"{task}: two readings of 120 articles agree at micro-F1 {AGREEMENT[task]:.3f}, "
            "by the annotation's own account; not measured on these tests\n"
        )
        print_rows(print_cells(task, contrasts, kind="contrast"))
    write_json(measured, metrics)
    write_json(told, by_label)


def read_test_only(path: Path, gold: Path | None, settings: Settings, taxonomy: Taxonomy) -> pa.Table:
    """The articles of a corpus that the gold table labels, cleaned."""
    if gold is None:
        raise NewsdeskError("--test-only needs the labels of its articles; give --gold too")
    table = label_tables.read_readings(gold, taxonomy)
    records = (
        record
        for record in readers.read([path], sections=taxonomy.sections)
        if isinstance(record, Article) and (record.source, record.key) in table
    )
    articles = cleaning.clean(records, settings.clean, taxonomy, table).articles
    if not articles.num_rows:
        raise NewsdeskError(f"{path}: no article has a label in {gold}")
    return articles


def join_groups(added: pa.Table, articles: pa.Table, settings: Settings) -> pa.Table:
    """Give each added article the group of a labelled one that it is like, so that this one is left out."""
    with_label = articles["region"].is_valid().to_numpy() | articles["topic"].is_valid().to_numpy()
    old = articles.filter(pa.array(with_label))
    both = pa.concat_tables([added, old]).select(["article_id", "text", "published"]).to_pydict()
    found = group_articles(
        both["article_id"],
        progress(both["text"], "grouping"),
        both["published"],
        min_jaccard=settings.clean.min_jaccard,
        seed=settings.clean.seed,
    )
    group_of = dict(zip(found[added.num_rows :], old["group_id"].to_pylist(), strict=True))
    names = [group_of.get(name, name) for name in found[: added.num_rows]]
    return added.set_column(
        added.schema.get_field_index("group_id"), ARTICLES.field("group_id"), pa.array(names, pa.string())
    )


def build_task(task: str, articles: pa.Table, taxonomy: Taxonomy, settings: Settings) -> Task:
    """Truth and weights of a head."""
    known = {"region": taxonomy.region_ids, "topic": taxonomy.topic_ids}[task]
    weights, trusted = weigh(
        articles[f"{task}_origin"].to_pylist(),
        origin_weights=settings.train.origin_weights,
        trusted=settings.evaluate.origins,
    )
    try:
        y = indicator([held or [] for held in articles[task].to_pylist()], known)
    except ValueError as error:
        raise NewsdeskError(f"{task}: {error}") from None
    return Task(task, tuple(known), y, weights, trusted)


def build_rows(articles: pa.Table, tasks: Sequence[Task], settings: Settings, *, barred_from: int) -> Rows:
    """What the splits need to know; articles from row `barred_from` on are only tested on."""
    sources = articles["source"].to_pylist()
    outlet_of = outlet_by_source(settings.outlets)
    evaluation = np.array(articles["split"].to_pylist(), dtype=object) == "evaluation"
    evaluation |= np.isin(sources, settings.clean.evaluation_outlets)
    return Rows(
        article_ids=np.array(articles["article_id"].to_pylist(), dtype=object),
        outlets=np.array([outlet_of.get(source, source) for source in sources], dtype=object),
        groups=np.array(articles["group_id"].to_pylist(), dtype=object),
        published=articles["published"].to_pylist(),
        labelled=np.any([task.weights > 0 for task in tasks], axis=0),
        gold=np.any([task.trusted for task in tasks], axis=0) & ~evaluation,
        barred=evaluation | (np.arange(len(sources)) >= barred_from),
    )


def choose_outlets(rows: Rows, settings: Settings, chosen: Sequence[str]) -> list[str]:
    """The outlets to leave out: those asked for, or all of the settings that have articles here.

    Raises
    ------
    NewsdeskError
        If one that is asked for is not in the settings, or none has articles.
    """
    if unknown := [outlet for outlet in chosen if outlet not in settings.outlets]:
        listed = ", ".join(settings.outlets) or "none"
        raise NewsdeskError(f"no outlet {unknown[0]!r} in the settings (`outlets`); found {listed}")
    if chosen:
        return list(chosen)
    found = {*rows.outlets.tolist()}
    for outlet in settings.outlets:
        if outlet not in found:
            note(f"outlets: no article of {outlet} here, so it is not in the table")
    outlets = [outlet for outlet in settings.outlets if outlet in found]
    if not outlets:
        raise NewsdeskError(
            "no article of any outlet to leave out; list outlets and their sources in `outlets`"
        )
    return outlets


def read_peer(path: Path) -> dict[str, dict[str, Any]]:
    """Predictions of another program by article: columns article_id, region and topic, lists of labels."""
    table = read_table(path)
    if missing := {"article_id", *TASKS} - {*table.column_names}:
        raise NewsdeskError(f"{path}: no column {', '.join(sorted(missing))}; found {table.column_names}")
    return {row["article_id"]: row for row in table.to_pylist()}


def label_by_model(folder: Path, articles: pa.Table) -> dict[str, dict[str, Any]]:
    """Labels by article of a packaged model, of which only its maker knows that it read no such outlet."""
    predicted = read_model(folder).predict(articles["title"], articles["text"])
    ids = articles["article_id"].to_pylist()
    return {article_id: said.labels for article_id, said in zip(ids, predicted, strict=True)}


def add_peers(trial: Trial, peers: Peers) -> Trial:
    """The trial with what the peers say; each must have labelled every test article.

    Raises
    ------
    NewsdeskError
        If a peer lacks an article, or names a label that the taxonomy lacks.
    """
    said = dict(trial.said)
    for name, predicted in peers.items():
        if missing := [
            i for i in trial.article_ids if i not in predicted or predicted[i][trial.task] is None
        ]:
            raise NewsdeskError(
                f"peer {name}: no {trial.task} for {len(missing)} of {trial.split}; first {missing[0]}"
            )
        try:
            found = indicator([predicted[i][trial.task] for i in trial.article_ids], trial.labels)
        except ValueError as error:
            raise NewsdeskError(f"peer {name}: {error}") from None
        said[name] = Said(found)
    return replace(trial, said=said)


def _parse_peers(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, Path]:
    peers = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"expected NAME=PATH, found {value!r}")
        peers[name] = Path(path)
    return peers


@click.command("outlets")
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--articles", default="data/clean/articles.parquet", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--taxonomy", default="data/taxonomy.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("--places", default="data/places", show_default=True, type=click.Path(path_type=Path))
@click.option("--fields", default="data/fields.tsv", show_default=True, type=click.Path(path_type=Path))
@click.option("--test-only", type=click.Path(exists=True, path_type=Path), help="Corpus that trains nothing.")
@click.option("--gold", type=click.Path(path_type=Path), help="Gold labels of the --test-only corpus.")
@click.option(
    "--peer", "peers", multiple=True, callback=_parse_peers, metavar="NAME=PATH",
    help="Parquet of another program's labels (article_id, region, topic), or a model folder.",
)  # fmt: skip
@click.option("--outlet", "chosen", multiple=True, help="Leave out this one alone; may be given repeatedly.")
@click.option("--metrics", default="metrics/outlets.json", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--labels",
    "by_label",
    default="metrics/outlets_labels.json",
    show_default=True,
    type=click.Path(path_type=Path),
)
@click.option("--plots", default="plots", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--predictions",
    default="data/outlets_predictions.parquet",
    show_default=True,
    type=click.Path(path_type=Path),
)
def main(params: Path, **options: Any) -> None:
    """Compare systems on outlets that they never read: each of `outlets` is left out in turn.

    \b
    Examples:
      newsdesk outlets --test-only egypt2013.jsonl.gz --gold data/labels/gold.tsv
      newsdesk outlets --peer starter=model --peer fasttext=labels.parquet
    """
    run(read_settings(params), **options)


if __name__ == "__main__":
    entry_point(main)
