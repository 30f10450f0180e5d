"""Section "Comparison with the champion": another model on the same articles, paired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, sha256
from newsdesk.evaluation.metrics import draw_f1, summarize_draws
from newsdesk.evaluation.tables import format_interval
from newsdesk.reporting.blocks import Block, Cell, Figure, Note, Table, cells, format_score
from newsdesk.reporting.charts import draw_intervals, mark_interval
from newsdesk.reporting.predictions import Champion, HeadPredictions, predict_again, read_predictions
from newsdesk.reporting.run_files import RunContent, read_texts
from newsdesk.tracking import runs
from newsdesk.training.targets import BoolArray, indicator

MEASURES = {"f1_macro": "macro F1", "f1_micro": "micro F1"}
RUN_ID = re.compile(r"[0-9a-f]{32}")
NO_DIFFERENCE = "shows no difference"


@dataclass(frozen=True, slots=True)
class PairedPredictions:
    """True labels and two models' predictions of the same articles, each of shape (n_articles, n_labels)."""

    labels: tuple[str, ...]
    y_true: BoolArray
    y_run: BoolArray
    y_champion: BoolArray
    groups: list[str]
    n_not_compared: int


def read_champion(champion: str, run: RunContent, articles: Path) -> Champion:
    """Read the predictions of another model, or compute them.

    Parameters
    ----------
    champion : str
        A folder with predictions or a model, a table of predictions, the id of an MLflow run, or a `models:/`
        or `runs:/` URI.
    run : RunContent
        The run to compare with.
    articles : Path
        Articles of the run, for texts that `run` lacks.

    Raises
    ------
    NewsdeskError
        If there is no such run, model or folder, or nothing to compare it with.
    """
    if not run.predictions:
        raise NewsdeskError(f"--champion {champion}: this run has no predictions to compare with")
    path = Path(champion)
    if RUN_ID.fullmatch(champion) and not path.exists():
        champion = f"runs:/{champion}/{runs.MODEL_PATH}"
    if champion.startswith(("models:/", "runs:/")):
        name, path = champion, runs.download_model(champion)
    elif path.exists():
        name = path.resolve().name  # without its parents: the same page on every machine
    else:
        raise NewsdeskError(f"--champion {champion}: no such folder; or give a run id or a models:/ URI")
    for file in (path, path / "predictions.parquet", path / "data/predictions.parquet"):
        if file.is_file():
            return Champion(name, sha256(file), read_predictions(file, origins=run.settings.evaluate.origins))
    model = path if (path / "model.json").exists() else path / "model"
    article_ids = {article_id for head in run.predictions.values() for article_id in head.article_ids}
    texts = run.texts or read_texts(articles, article_ids)
    return Champion(name, sha256(model), predict_again(run.predictions, texts, read_model(model)))


def compare_with_champion(run: RunContent) -> Iterator[Block]:
    """Show the paired differences of each head and label."""
    if (champion := run.champion) is None:
        return
    yield Note(f"The champion is {champion.name}, SHA-256 {champion.sha256[:12]}.")
    options = run.settings.evaluate.model_dump(include={"n_bootstrap", "seed"})
    pairs = {}
    for task, own in run.predictions.items():
        if task in champion.predictions:
            pairs[task] = pair_predictions(own, champion.predictions[task])
        if task not in pairs or not len(pairs[task].y_true):
            pairs.pop(task, None)
            yield Note(f"{task}: the champion has no predictions of these articles.", warning=True)
    for task, pair in pairs.items():
        yield from _compare(task, pair, **options)
    for task, pair in pairs.items():
        yield _draw_labels(task, pair, **options)


def pair_predictions(own: HeadPredictions, other: HeadPredictions) -> PairedPredictions:
    """Pair the predictions of two models by article."""
    row_of = {article_id: i for i, article_id in enumerate(other.article_ids)}
    common = [i for i, article_id in enumerate(own.article_ids) if article_id in row_of]
    labels = tuple(dict.fromkeys((*own.labels, *other.labels)))
    return PairedPredictions(
        labels,
        indicator([own.true_labels[i] for i in common], labels),
        indicator([own.predicted_labels[i] for i in common], labels),
        indicator([other.predicted_labels[row_of[own.article_ids[i]]] for i in common], labels),
        [own.groups[i] for i in common],
        len(own.article_ids) - len(common),
    )


def _compare(task: str, pair: PairedPredictions, **options: int) -> Iterator[Block]:
    draws = [
        draw_f1(pair.y_true, y_pred, groups=pair.groups, **options)
        for y_pred in (pair.y_run, pair.y_champion)
    ]
    run_f1, champion_f1 = summarize_draws(draws[0]), summarize_draws(draws[1])
    difference = summarize_draws(draws[0] - draws[1])
    correct, champion_correct = (
        (pair.y_true == y_pred).all(axis=1) for y_pred in (pair.y_run, pair.y_champion)
    )
    verdicts = ", ".join(f"{name} {_verdict(difference, measure)}" for measure, name in MEASURES.items())
    rest = f" {pair.n_not_compared:,} have no prediction of the champion." if pair.n_not_compared else ""
    yield Note(
        f"{task}: {verdicts}. Of {len(correct):,} articles, {(correct & ~champion_correct).sum():,} have all "
        f"labels right in this run only, {(champion_correct & ~correct).sum():,} with the champion only."
        f"{rest}"
    )
    yield Table(
        f"{task}: this run and the champion",
        ["measure", "this run", "champion", "difference"],
        [
            [
                *cells([name, format_interval(run_f1, measure), format_interval(champion_f1, measure)]),
                Cell(
                    format_interval(difference, measure, sign=True),
                    bold=_verdict(difference, measure) != NO_DIFFERENCE,
                ),
            ]
            for measure, name in MEASURES.items()
        ],
    )


def _verdict(difference: Mapping[str, float], measure: str) -> str:
    if difference[f"{measure}_low"] > 0:
        return f"is better by {format_score(difference[measure])}"
    if difference[f"{measure}_high"] < 0:
        return f"is worse by {format_score(-difference[measure])}"
    return NO_DIFFERENCE


def _draw_labels(task: str, pair: PairedPredictions, **options: int) -> Figure:
    rows = []
    for j, label in enumerate(pair.labels):
        if not (support := int(pair.y_true[:, j].sum())):
            continue
        run_f1, champion_f1 = (
            draw_f1(pair.y_true[:, [j]], y_pred[:, [j]], groups=pair.groups, **options)
            for y_pred in (pair.y_run, pair.y_champion)
        )
        difference = summarize_draws(run_f1 - champion_f1)
        rows.append(
            (f"{label}, n={support}", [mark_interval(difference, "f1_micro", title=label, sign=True)])
        )
    label = f"{task}: difference of F1 by label"
    svg = draw_intervals(rows, label=label, x_label="F1 of this run minus F1 of the champion", zero=True)
    return Figure(f"champion_{task}", f"{label}, with paired 95 % intervals.", svg)
