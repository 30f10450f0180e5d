"""`newsdesk search`: a head's settings by inner validation, the simplest within one standard error."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import optuna
import scipy.sparse as sp
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from newsdesk.base.console import entry_point, note, print_rows
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import sha256, write_csv, write_json
from newsdesk.base.settings import Settings, read_settings
from newsdesk.cli.train.audit import path, read_study, show_interval
from newsdesk.evaluation import audits
from newsdesk.evaluation.audits import Study
from newsdesk.evaluation.cross_validation import Fold
from newsdesk.evaluation.hyperparameter_search import (
    Choice,
    Tried,
    build_space,
    choose,
    find_best,
    first_trials,
    gap,
    next_trial,
    read_choice,
    suggest,
    tabulate,
    try_choice,
)
from newsdesk.pipeline.outlets import TASKS
from newsdesk.tracking import runs


def run(
    settings: Settings,
    task: str,
    *,
    articles: Path,
    taxonomy: Path,
    places: Path,
    fields: Path,
    trials: int,
    seed: int,
    storage: Path,
    output: Path,
    plots: Path,
    track: bool = True,
    n_jobs: int = -1,
) -> None:
    """Try choices until so many are finished, those of an earlier run included; write what was found."""
    today = read_choice(settings, task)
    everything = set_origins(settings, task, [*today.origin_weights])
    read = partial(
        read_study,
        articles=articles, taxonomy=taxonomy, places=places, fields=fields, chosen=(task,), n_jobs=n_jobs,
    )  # fmt: skip
    whole = read(everything)
    counts = Counter(whole.articles[f"{task}_origin"].to_pylist())
    space = build_space(today, [origin for origin in counts if origin not in settings.evaluate.origins])

    @cache
    def prepare(origins: tuple[str, ...]) -> tuple[Study, list[Fold], sp.csr_matrix]:
        """The articles that these origins label: the vocabulary too is of them alone."""
        study = read(set_origins(settings, task, origins))
        return study, audits.fold_study(study), audits.weigh_places(study, task)

    data = sha256(articles)
    inputs = [
        data,
        sha256(taxonomy),
        sha256(places),
        sha256(fields),
        settings.model_dump(mode="json"),
    ]
    name = f"{task}-{seed}-{hashlib.sha256(json.dumps([*inputs, space]).encode()).hexdigest()[:12]}"
    study = open_study(storage, name)
    first = first_trials(today, space)
    for number in range(len(finished(study)), trials):
        trial = next_trial(study, first, seed=seed)
        choice = suggest(trial, space, today)
        tried = try_choice(choice, *prepare(choice.origins))
        if np.isnan(tried.score):
            least = f"evaluate.min_support = {settings.evaluate.min_support}"
            raise NewsdeskError(f"{task}: no label has {least} trusted articles of an outlet")
        for key, value in asdict(tried).items():
            trial.set_user_attr(key, value.tolist() if key == "draws" else value)
        study.tell(trial, tried.score)
        note(
            f"search {task}: {number + 1} of {trials}, {choice.classifier} {tried.score:.4f} "
            f"in {tried.seconds:.0f} s, best {study.best_value:.4f}"
        )
    done = [read_tried(trial) for trial in finished(study)[:trials]]
    rows = tabulate(done, today)
    best, chosen = find_best(done), choose(done, today)
    difference, error = gap(best, chosen)
    choice_file, trials_file = output / f"search_{task}.json", plots / f"search_{task}.csv"
    found = {
        "task": task, "seed": seed, "n_trials": len(done), "articles_sha256": data,
        "outlets": [*whole.outlets], "n_labels": dict(counts.most_common()), "choice": asdict(chosen.choice),
        "measured": dict(chosen.measured),
        "gap_to_best": {"difference": round(difference, 6), "standard_error": round(error, 6)},
        "settings_today": asdict(today),
    }  # fmt: skip
    write_json(found, choice_file)
    write_csv(rows, trials_file)
    print_rows(show(rows))
    note(f"search: choice in {choice_file}; params.yaml is as it was")
    if track:
        run_id = runs.log_study(
            f"{settings.track.experiment}-search",
            name=name,
            tags={"newsdesk.articles_sha256": data, **runs.git_tags(runs.project_root())},
            params={"task": task, "seed": seed, "n_trials": len(done)},
            metrics={**chosen.measured, "score": chosen.score},
            children=[describe(number, each) for number, each in enumerate(done)],
            files=[("", choice_file), ("", trials_file)],
        )
        note(f"search: MLflow run {run_id}")


def set_origins(settings: Settings, task: str, origins: Sequence[str]) -> Settings:
    """The settings with labels of these origins alone, and with unweighted places for the head."""
    train = {"origin_weights": dict.fromkeys(origins, 1.0), "place_tasks": (task,)}
    features = {"places": True, "place_weight": 1.0}
    return settings.model_copy(
        update={
            "train": settings.train.model_copy(update=train),
            "features": settings.features.model_copy(update=features),
        }
    )


def open_study(storage: Path, name: str) -> optuna.Study:
    """The study of that name in an SQLite file, which is made if missing.

    Raises
    ------
    NewsdeskError
        If the file can't be opened or written to, or is no such database.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{storage.absolute()}"
        return optuna.create_study(study_name=name, storage=url, direction="maximize", load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise NewsdeskError(f"{storage}: not usable as the search's SQLite file: {reason}") from None


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were measured, in their order."""
    found: list[FrozenTrial] = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return found


def read_tried(trial: FrozenTrial) -> Tried:
    """What the study keeps of a trial."""
    kept = trial.user_attrs
    return Tried(Choice(**kept["choice"]), np.array(kept["draws"]), kept["measured"], kept["seconds"])


def describe(number: int, tried: Tried) -> tuple[str, dict[str, Any], dict[str, float]]:
    """Name, params and metrics of a trial's run."""
    metrics = {**tried.measured, "score": tried.score, "fit_seconds": tried.seconds}
    return f"trial-{number:03}", tried.choice.values, metrics


def show(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The best trial of each classifier, the chosen one and today's, the best first, as cells."""
    ranked = sorted(rows, key=lambda row: -row["score"])
    firsts = {row["classifier"]: row["trial"] for row in reversed(ranked)}
    shown = []
    for row in ranked:
        marks = [mark for mark in ("best", "chosen", "today") if row[mark]]
        if marks or row["trial"] in firsts.values():
            weights = {key: value for key, value in row.items() if key.startswith("weight.") and value}
            shown.append(
                {
                    "classifier": row["classifier"], "": ", ".join(marks), "C": f"{row['C']:g}",
                    "balanced": "yes" if row["balanced"] else "no", "places": f"{row['place_weight']:g}",
                    "fields": f"{row['field_weight']:g}",
                    "labels": " ".join(f"{key.removeprefix('weight.')} {v:g}" for key, v in weights.items()),
                    "macro": show_interval(row, "f1_macro"), "micro": show_interval(row, "f1_micro"),
                    "below best ± SE": f"{row['gap_to_best']:.4f} ± {row['standard_error']:.4f}",
                    "s": f"{row['seconds']:.0f}",
                }
            )  # fmt: skip
    return shown


@click.command("search")
@click.option("--task", required=True, type=click.Choice(TASKS), help="The head.")
@path("--params", default="params.yaml")
@path("--articles", default="data/clean/articles.parquet")
@path("--taxonomy", default="data/taxonomy.yaml")
@path("--places", default="data/places")
@path("--fields", default="data/fields.tsv")
@click.option(
    "--trials", default=25, show_default=True, type=click.IntRange(min=1),
    help="Trials in all; those that an earlier run finished count.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the sampler.")
@path("--storage", default="search.db", help="SQLite file of the trials, from which a search goes on.")
@path("--output", default="metrics", help="Folder for search_TASK.json, the choice.")
@path("--plots", default="plots", help="Folder for search_TASK.csv, the trials.")
@click.option("--track/--no-track", default=True, show_default=True, help="Record the trials in MLflow.")
def main(task: str, params: Path, **options: Any) -> None:
    """Search the settings of a head by leaving out outlets of training and validation articles.

    Of the settings within one standard error of the best, the simplest are chosen and written down;
    params.yaml is left as it is.

    \b
    Example:
      newsdesk search --task region --trials 15
    """
    run(read_settings(params), task, **options)


if __name__ == "__main__":
    entry_point(main)
