"""What the peers of the headline comparison share: the rows, the words and the thresholds of our own heads.

A peer is a function that trains on some articles and scores others. Each outlet of the settings is left out
in turn (`leave_out`); of the rows that train our heads a peer gets those of `--origins`, all alike, for it
knows no weights. Thresholds come from scores of outlets that the scoring model never read, in the folds and
by the sigmoids of `fit_head`; what is tested decides nothing. Any other program can take part by this module.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from harness import ROOT, note

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.files import write_table
from newsdesk.base.normalization import build_table, translation
from newsdesk.base.settings import Settings, read_settings
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.evaluation.leave_one_outlet_out import Task
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.evaluation.splits import BoolArray, FloatArray, Names, Rows, leave_out
from newsdesk.inference.scorer import decide, normalize, tokenize
from newsdesk.pipeline.outlets import choose_outlets, read_rows
from newsdesk.training.classifiers import assign_folds, choose_thresholds, fit_platt

ORIGINS = ("gold", "silver")  # the starter corpus is gold; countries and sections do not help: README.md
NONE = "none"  # what an article without a label trains as
SAID = pa.schema(
    [("article_id", pa.string()), ("region", pa.list_(pa.string())), ("topic", pa.list_(pa.string()))]
)

TrainAndScore = Callable[[Sequence[str], BoolArray, Sequence[str], Sequence[str]], FloatArray]
"""From training texts, their labels (n_train, n_labels), the names of the labels and the texts that are asked
of to scores in 0..1 of shape (n_asked, n_labels). Texts are our tokens, with a space between two."""


def build_parser(doc: str) -> argparse.ArgumentParser:
    """The options that all peers have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    profile = ROOT / "profiles/public"
    parser.add_argument("--params", type=Path, default=profile / "params.yaml", help="(%(default)s)")
    parser.add_argument(
        "--articles", type=Path, default=profile / "data/clean/articles.parquet", help="(%(default)s)"
    )
    parser.add_argument("--test-only", type=Path, help="corpus that trains nothing")
    parser.add_argument(
        "--gold", type=Path, default=ROOT / "data/labels/gold.tsv", help="its labels (%(default)s)"
    )
    parser.add_argument("--outlet", action="append", default=[], help="leave out this one alone; repeatable")
    parser.add_argument("--origins", nargs="+", default=[*ORIGINS], help="labels to train on (%(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    return parser


def label_outlets(options: argparse.Namespace, train_and_score: TrainAndScore) -> None:
    """Write what the peer says of each outlet that it never read, for `newsdesk outlets --peer NAME=PATH`."""
    try:
        said = _label(options, train_and_score)
        write_table(pa.Table.from_pylist(said, schema=SAID), options.output)
    except NewsdeskError as error:
        sys.exit(f"error: {error}")
    note(f"wrote {options.output}")


def _label(options: argparse.Namespace, train_and_score: TrainAndScore) -> list[dict[str, object]]:
    settings, taxonomy = read_settings(options.params), read_taxonomy(ROOT / "data/taxonomy.yaml")
    table, tasks, rows = read_rows(
        settings, taxonomy, articles=options.articles, test_only=options.test_only, gold=options.gold
    )
    known = {
        task.name: (task.weights > 0) & np.isin(table[f"{task.name}_origin"].to_pylist(), options.origins)
        for task in tasks
    }
    texts = _fold(table, np.any([rows.gold, *known.values()], axis=0), settings)
    said: dict[str, dict[str, object]] = {}
    for outlet in choose_outlets(rows, settings, options.outlet):
        split = leave_out(rows, outlet)
        for task in tasks:
            learn, test = split.train & known[task.name], split.test & task.trusted
            if not (learn & task.trusted).any():
                raise NewsdeskError(f"{outlet}: no {task.name} of {', '.join(options.origins)} to train on")
            labels = predict(task, learn, test, texts, rows, settings, train_and_score)
            for article_id, held in zip(rows.article_ids[test], labels, strict=True):
                blank = {"article_id": article_id, "region": None, "topic": None}
                said.setdefault(article_id, blank)[task.name] = held
    return [*said.values()]


def _fold(table: pa.Table, needed: BoolArray, settings: Settings) -> Names:
    """Title and text in our tokens, of the articles that are needed: models are compared, not spellings."""
    folded = translation(build_table(settings.text))
    titles, bodies = table["title"], table["text"]
    texts = np.full(table.num_rows, "", dtype=object)
    for i in np.flatnonzero(needed).tolist():
        texts[i] = " ".join(tokenize(normalize(f"{titles[i].as_py()}\n{bodies[i].as_py()}", folded)))
    return texts


def predict(
    task: Task,
    learn: BoolArray,
    test: BoolArray,
    texts: Names,
    rows: Rows,
    settings: Settings,
    train_and_score: TrainAndScore,
) -> list[list[str]]:
    """Labels of the test articles, with thresholds of out-of-outlet scores as `fit_head` sets them."""
    min_positives = settings.train.min_positives
    y, trusted, groups, own = task.y[learn], task.trusted[learn], rows.groups[learn], texts[learn]
    folds = assign_folds(rows.outlets[learn].tolist(), groups.tolist(), trusted, min_articles=min_positives)
    inner = np.full(y.shape, np.nan)
    for fold in np.unique(folds[trusted]):
        held = trusted & (folds == fold)
        rest = (folds != fold) & ~np.isin(groups, groups[folds == fold])
        scores = train_and_score(own[rest], y[rest], task.labels, own[held])
        inner[held] = np.where(y[rest].any(axis=0), scores, np.nan)
    slope, offset = fit_platt(inner[trusted], y[trusted])
    probabilities = _sigmoid(inner[trusted], slope, offset)
    common = task.name in settings.train.common_thresholds
    thresholds = choose_thresholds(
        probabilities, y[trusted], min_positives=np.inf if common else min_positives
    )
    thresholds = np.where(y.any(axis=0), thresholds, 1.0)
    decision = settings.train.decision_of(task.name)
    macro, micro = draw_f1(
        y[trusted], decide(probabilities, thresholds, **decision), groups=groups[trusted].tolist(),
        n_bootstrap=0, seed=0, min_support=settings.evaluate.min_support,
    )[0]  # fmt: skip
    note(
        f"{rows.outlets[test][0]} {task.name}: {learn.sum():,} train, {test.sum():,} test; "
        f"inner F1 {macro:.3f} macro, {micro:.3f} micro"
    )
    asked = _sigmoid(train_and_score(own, y, task.labels, texts[test]), slope, offset)
    found = decide(asked, thresholds, **decision)
    return [[task.labels[j] for j in np.flatnonzero(row)] for row in found]


def named(held: BoolArray, labels: Sequence[str]) -> list[str]:
    """The labels of a row of y, `NONE` where it has none: it is an example of what is none of them."""
    return [label for label, is_held in zip(labels, held, strict=True) if is_held] or [NONE]


def _sigmoid(scores: FloatArray, slope: FloatArray, offset: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-(slope * scores + offset))))
