"""`newsdesk search`: choose a head's settings by inner validation, within one standard error of the best."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from newsdesk.base.console import note, path_option, print_rows
from newsdesk.base.files import sha256, write_csv, write_json
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Settings, read_settings
from newsdesk.cli.inputs import corpus_options
from newsdesk.evaluation.inner_validation import hyperparameter_search as search
from newsdesk.evaluation.inner_validation.corpus import read_validation_corpus
from newsdesk.evaluation.inner_validation.search_space import HeadSettings, build_space
from newsdesk.evaluation.tables import format_interval, markdown_table
from newsdesk.tracking import runs
from newsdesk.tracking.hashes import hashes_tag
from newsdesk.tracking.recording import RunRecord, log_study, source_tags


def run(
    settings: Settings, task: str, *,
    articles: Path, taxonomy: Path, places: Path, fields: Path,
    trials: int, seed: int, storage: Path, output: Path, plots: Path, track: bool = True, n_jobs: int = -1,
) -> None:  # fmt: skip
    """Run trials until so many are finished, those of an earlier run included, and write the choice."""
    current = HeadSettings.of(settings, task)
    read = partial(
        read_validation_corpus,
        articles=articles, taxonomy=taxonomy, places=places, fields=fields, tasks=(task,), n_jobs=n_jobs,
    )  # fmt: skip
    corpus = read(search.use_origins(settings, task, [*current.origin_weights]))
    n_labels = Counter(corpus.labelled.articles[f"{task}_origin"].to_pylist())
    space = build_space(current, [origin for origin in n_labels if origin not in settings.evaluate.origins])
    hashes = [sha256(path) for path in (articles, taxonomy, places, fields)]
    inputs = json.dumps([*hashes, settings.model_dump(mode="json"), space])
    study = search.open_study(storage, f"{task}-{seed}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}")
    n_finished = len(search.read_results(study))
    measure = search.build_measure(read, settings, task)
    found = search.run_trials(study, measure, current=current, space=space, n_trials=trials, seed=seed)
    for number, result in enumerate(found, start=n_finished + 1):
        note(
            f"search {task}: {number} of {trials}, {result.settings.classifier} {result.score:.4f} "
            f"in {result.seconds:.0f} s, best {study.best_value:.4f}"
        )
    results = search.read_results(study)[:trials]
    params = {"task": task, "seed": seed, "n_trials": len(results)}
    choice = {
        **params, "articles_sha256": hashes[0], "outlets": [*corpus.outlets],
        "n_labels": dict(n_labels.most_common()), **search.describe_choice(results, current),
    }  # fmt: skip
    written = [output / f"search_{task}.json", plots / f"search_{task}.csv"]
    rows = search.trial_rows(results, current)
    write_json(choice, written[0])
    write_csv(rows, written[1])
    print_rows(terminal_rows(rows))
    note(f"search: the choice is in {written[0]}; params.yaml is unchanged")
    if track:
        chosen = search.choose_simplest(results, current)
        record = RunRecord(
            name=study.study_name,
            description=describe_study(task, rows),
            tags={
                **source_tags(runs.project_root(), "newsdesk search"),
                **hashes_tag({"articles": hashes[0]}),
            },
            params={**params, **chosen.settings.params},
            metrics={"score": chosen.score, **chosen.measured},
            files=[("", path) for path in written],
            tables={"tables/trials.json": rows},
        )
        found_trials = [record_trial(number, result) for number, result in enumerate(results)]
        run_id = log_study(f"{settings.track.experiment}-search", record, found_trials)
        note(f"search: MLflow run {run_id}")


def describe_study(task: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Describe a search in Markdown: the scores of the chosen, the best and the current settings."""
    shown = [
        [mark, f"trial-{row['trial']:03}", *(format_interval(row, name) for name in ("f1_macro", "f1_micro"))]
        for mark, key in (("chosen", "chosen"), ("best", "best"), ("current", "today"))
        for row in rows
        if row[key]
    ]
    table = markdown_table(["settings", "run", "macro F1", "micro F1"], shown, align="llrr")
    return (
        f"{table}\n\nSettings of the head {task}, measured on outlets left out of the training and validation"
        f" articles, with 95 % intervals. Each of the {len(rows)} trials is a nested run; this run has the"
        " parameters and metrics of the chosen settings."
    )


def record_trial(number: int, result: search.TrialResult) -> RunRecord:
    """Return the MLflow run of a trial."""
    metrics = {"score": result.score, **result.measured, "fit_seconds": result.seconds}
    return RunRecord(name=f"trial-{number:03}", params=result.settings.params, metrics=metrics)


def terminal_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Format the best trial of each classifier, the chosen and the current one, the best first."""
    ranked = sorted(rows, key=lambda row: -row["score"])
    best_of = {row["classifier"]: row["trial"] for row in reversed(ranked)}
    names = {"best": "best", "chosen": "chosen", "today": "current"}
    shown = []
    for row in ranked:
        marks = [name for key, name in names.items() if row[key]]
        if marks or row["trial"] in best_of.values():
            weights = {key: value for key, value in row.items() if key.startswith("weight.") and value}
            shown.append(
                {
                    "classifier": row["classifier"], "": ", ".join(marks), "C": f"{row['C']:g}",
                    "balanced": "yes" if row["balanced"] else "no", "places": f"{row['place_weight']:g}",
                    "fields": f"{row['field_weight']:g}",
                    "labels": " ".join(f"{key.removeprefix('weight.')} {v:g}" for key, v in weights.items()),
                    "macro F1": format_interval(row, "f1_macro"),
                    "micro F1": format_interval(row, "f1_micro"),
                    "below best ± SE": f"{row['gap_to_best']:.4f} ± {row['standard_error']:.4f}",
                    "s": f"{row['seconds']:.0f}",
                }
            )  # fmt: skip
    return shown


@click.command("search")
@click.option("--task", required=True, type=click.Choice(TASKS), help="The head.")
@corpus_options
@click.option(
    "--trials", default=25, show_default=True, type=click.IntRange(min=1),
    help="Trials in all, those that an earlier run finished included.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the sampler.")
@path_option("--storage", default="search.db", help="SQLite file of the trials; a search resumes from it.")
@path_option("--output", default="metrics", help="Folder for search_TASK.json, the choice.")
@path_option("--plots", default="plots", help="Folder for search_TASK.csv, the trials.")
@click.option("--track/--no-track", default=True, show_default=True, help="Record the trials in MLflow.")
def main(task: str, params: Path, **options: Any) -> None:
    """Search the settings of a head on outlets left out of the training and validation articles.

    Of the settings within one standard error of the best, the simplest are chosen and written to a file;
    params.yaml stays as it is.

    \b
    Example:
      newsdesk search --task region --trials 15
    """
    run(read_settings(params), task, **options)
