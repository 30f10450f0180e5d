"""Section "Comparison with the champion": another model on the same articles, paired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import read_model, sha256
from newsdesk.base.schema import TASKS
from newsdesk.evaluation.tables import format_score
from newsdesk.registry.paired_test import PromotionRules, Rows, compare
from newsdesk.reporting.blocks import Block, Cell, Figure, Note, Table
from newsdesk.reporting.charts import draw_rows, mark_interval
from newsdesk.reporting.predictions import Champion, HeadPredictions, predict_again, read_predictions
from newsdesk.reporting.run_files import RunContent, read_texts
from newsdesk.reporting.scores import difference_cell
from newsdesk.tracking import runs

RUN_ID = re.compile(r"[0-9a-f]{32}")
MACRO = "macro F1"
VERDICTS = {"better": "better than", "worse": "worse than", "tie": "not shown to differ from"}


def read_champion(champion: str, run: RunContent, articles: Path) -> Champion:
    """Read the predictions of another model, or compute them on the articles of the run.

    `champion` is a folder with predictions or a model, a table of predictions, the id of an MLflow run, or a
    `models:/` or `runs:/` URI.
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
            heads = read_predictions(file, origins=run.settings.evaluate.origins)
            labels = {
                task: dict(zip(head.article_ids, head.predicted_labels, strict=True))
                for task, head in heads.items()
            }
            return Champion(name, sha256(file), labels)
    model = path if (path / "model.json").exists() else path / "model"
    article_ids = {article_id for head in run.predictions.values() for article_id in head.article_ids}
    texts = run.texts or read_texts(articles, article_ids)
    return Champion(name, sha256(model), predict_again(run.predictions, texts, read_model(model)))


def compare_with_champion(run: RunContent) -> Iterator[Block]:
    """Show the paired differences of each head and label, as `newsdesk promote` judges them."""
    if (champion := run.champion) is None:
        return
    yield Note(f"Champion: {champion.name}, SHA-256 {champion.sha256[:12]}.")
    options = run.settings.evaluate.model_dump(include={"n_bootstrap", "seed"})
    for task, own in run.predictions.items():
        champion_rows, run_rows = pair_rows(task, own, champion.predictions.get(task, {}))
        if not run_rows:
            yield Note(f"{task}: the champion has no predictions of these articles.", warning=True)
            continue
        compared = compare(champion_rows, run_rows, PromotionRules(**options))["heads"][task]
        compared["labels"] = {run.name(label): found for label, found in compared["labels"].items()}
        yield _table(task, compared)
        yield _figure(task, compared)


def pair_rows(task: str, own: HeadPredictions, predicted: Mapping[str, Sequence[str]]) -> tuple[Rows, Rows]:
    """Return the rows of another model and of the run for the articles that both have predicted."""
    unknown = {f"{each}_true": None for each in TASKS}
    champion_rows, run_rows = [], []
    for i, article_id in enumerate(own.article_ids):
        if article_id in predicted:
            row = {**unknown, f"{task}_true": own.true_labels[i], "group_id": own.groups[i]}
            champion_rows.append(row | {f"{task}_predicted": predicted[article_id]})
            run_rows.append(row | {f"{task}_predicted": own.predicted_labels[i]})
    return champion_rows, run_rows


def _table(task: str, compared: Mapping[str, Any]) -> Table:
    rows = [
        [
            Cell(name, bold=name == MACRO),
            f"{n:,}",
            *(format_score(found[model]) for model in ("champion", "challenger")),
            difference_cell(found, "difference"),
            found["outcome"].replace("_", " "),
        ]
        for name, n, found in (
            (MACRO, compared["n_articles"], compared),
            *((label, found["support"], found) for label, found in compared["labels"].items()),
        )
    ]
    header = ["F1", "articles", "champion", "this run", "difference", "outcome"]
    return Table(f"{task}: this run is {VERDICTS[compared['outcome']]} the champion", header, rows)


def _figure(task: str, compared: Mapping[str, Any]) -> Figure:
    rows = [
        (f"{label}, n={found['support']}", [mark_interval(found, "difference", title=label, sign=True)])
        for label, found in compared["labels"].items()
        if found["support"]
    ]
    label = f"{task}: difference of F1 by label"
    svg = draw_rows(rows, label=label, x_label="F1 of this run minus F1 of the champion", zero=True)
    return Figure(f"champion_{task}", f"{label}, with paired 95 % intervals.", svg)
