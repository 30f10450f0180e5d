"""What the peers of the headline comparison share: the rows, the words and the thresholds of our own heads.

A peer is a function that trains on some articles and scores others. Each outlet of the settings is left out
in turn (`leave_outlet_out`). A peer gets the articles that train our heads and have a label of `--origins`,
all with the same weight. Its thresholds are chosen as in `fit_head`, on scores of outlets that the scoring
model did not read; the test articles decide nothing. Any other program can take part through this module.
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
from newsdesk.evaluation.labelled_corpus import choose_outlets
from newsdesk.evaluation.metrics import draw_f1
from newsdesk.evaluation.outlet_corpus import read_outlet_corpus
from newsdesk.evaluation.splits import SplitColumns, leave_outlet_out
from newsdesk.inference.decision import decide
from newsdesk.inference.text import normalize, tokenize
from newsdesk.training.calibration import assign_folds, choose_thresholds, fit_platt, sigmoid
from newsdesk.training.targets import BoolArray, FloatArray, StringArray, Targets, select_labels

ORIGINS = ("gold", "silver")  # the starter corpus is gold; countries and sections do not help: README.md
NONE = "none"  # what an article without a label trains as
SAID = pa.schema(
    [
        ("article_id", pa.string()),
        ("region", pa.list_(pa.string())),
        ("topic", pa.list_(pa.string())),
        ("ordered", pa.bool_()),  # the most probable label of a list is first
    ]
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
    corpus = read_outlet_corpus(
        settings, taxonomy, articles=options.articles, test_only=options.test_only, gold=options.gold
    )
    columns = corpus.columns
    may_train = {
        targets.task: (targets.weights > 0)
        & np.isin(corpus.articles[f"{targets.task}_origin"].to_pylist(), options.origins)
        for targets in corpus.targets
    }
    texts = _fold(corpus.articles, np.any([columns.may_test, *may_train.values()], axis=0), settings)
    rows: dict[str, dict[str, object]] = {}
    for outlet in choose_outlets(columns, settings, options.outlet):
        split = leave_outlet_out(columns, outlet)
        for targets in corpus.targets:
            train, test = split.train & may_train[targets.task], split.test & targets.trusted
            if not (train & targets.trusted).any():
                raise NewsdeskError(
                    f"{outlet}: no {targets.task} of {', '.join(options.origins)} to train on"
                )
            labels = predict(targets, train, test, texts, columns, settings, train_and_score)
            for article_id, assigned in zip(columns.article_ids[test], labels, strict=True):
                blank = {"article_id": article_id, "region": None, "topic": None, "ordered": True}
                rows.setdefault(article_id, blank)[targets.task] = assigned
    return [*rows.values()]


def _fold(table: pa.Table, needed: BoolArray, settings: Settings) -> StringArray:
    """Title and text in our tokens, of the articles that are needed: models are compared, not spellings."""
    folded = translation(build_table(settings.text))
    titles, bodies = table["title"], table["text"]
    texts = np.full(table.num_rows, "", dtype=object)
    for i in np.flatnonzero(needed).tolist():
        texts[i] = " ".join(tokenize(normalize(f"{titles[i].as_py()}\n{bodies[i].as_py()}", folded)))
    return texts


def predict(
    targets: Targets,
    train: BoolArray,
    test: BoolArray,
    texts: StringArray,
    columns: SplitColumns,
    settings: Settings,
    train_and_score: TrainAndScore,
) -> list[list[str]]:
    """Labels of the test articles, with thresholds of out-of-outlet scores as `fit_head` sets them.

    The most probable label of an article comes first.
    """
    min_positives = settings.train.min_positives
    y, trusted, groups, own = targets.y[train], targets.trusted[train], columns.groups[train], texts[train]
    folds = assign_folds(
        columns.outlets[train].tolist(), groups.tolist(), trusted, min_articles=min_positives
    )
    inner = np.full(y.shape, np.nan)
    for fold in np.unique(folds[trusted]):
        held = trusted & (folds == fold)
        rest = (folds != fold) & ~np.isin(groups, groups[folds == fold])
        scores = train_and_score(own[rest], y[rest], targets.labels, own[held])
        inner[held] = np.where(y[rest].any(axis=0), scores, np.nan)
    slope, offset = fit_platt(inner[trusted], y[trusted])
    probabilities = sigmoid(slope * inner[trusted] + offset)
    common = targets.task in settings.train.common_thresholds
    thresholds = choose_thresholds(
        probabilities, y[trusted], min_positives=np.inf if common else min_positives
    )
    thresholds = np.where(y.any(axis=0), thresholds, 1.0)
    decision = settings.train.decision_of(targets.task)
    macro, micro = draw_f1(
        y[trusted], decide(probabilities, thresholds, **decision), groups=groups[trusted].tolist(),
        n_bootstrap=0, seed=0, min_support=settings.evaluate.min_support,
    )[0]  # fmt: skip
    note(
        f"{columns.outlets[test][0]} {targets.task}: {train.sum():,} train, {test.sum():,} test; "
        f"inner F1 {macro:.3f} macro, {micro:.3f} micro"
    )
    asked = sigmoid(slope * train_and_score(own, y, targets.labels, texts[test]) + offset)
    found = decide(asked, thresholds, **decision)
    order = np.argsort(-asked, axis=1, kind="stable")
    return [[targets.labels[j] for j in ranked if row[j]] for ranked, row in zip(order, found, strict=True)]


def named(mask: BoolArray, labels: Sequence[str]) -> list[str]:
    """Labels of a row of y, `NONE` if it has none."""
    return select_labels(labels, mask) or [NONE]
