"""What the peers of the headline comparison share: the rows, the words and the thresholds of our own heads.

A peer is a function that trains on some articles and scores others. Each outlet is left out in turn
(`leave_outlet_out`). A peer gets the articles that train our heads and have a label of `--origins`, all with
the same weight. Its sigmoids and thresholds are those of `fit_head`, chosen on the scores of the other
outlets, each by the model that did not read it. Those models have read the tested outlet, as the models that
set our own thresholds have not: a peer may gain by it. Any other program can take part through this module.
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
from newsdesk.evaluation.outlet_corpus import read_outlet_corpus
from newsdesk.evaluation.splits import SplitColumns, leave_outlet_out
from newsdesk.inference.decision import decide
from newsdesk.inference.text import normalize, tokenize
from newsdesk.training.calibration import sigmoid
from newsdesk.training.heads import calibrate_scores
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
    for targets in corpus.targets:
        scores = score_outlets(targets, may_train[targets.task], texts, columns, settings, train_and_score)
        for outlet in choose_outlets(columns, settings):
            test = (columns.outlets == outlet) & columns.may_test & targets.trusted
            labels = choose_labels(scores, targets, test, columns, settings)
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


def score_outlets(
    targets: Targets,
    may_train: BoolArray,
    texts: StringArray,
    columns: SplitColumns,
    settings: Settings,
    train_and_score: TrainAndScore,
) -> FloatArray:
    """Score the trusted articles of each outlet by a model that did not read it.

    Outlets that are not in the settings only set thresholds, and need `train.min_positives` articles for it.
    Returns an ndarray of shape (n_articles, n_labels), NaN where there is no score.
    """
    truth = columns.may_test & targets.trusted
    outlets, n_trusted = np.unique(columns.outlets[truth].astype(str), return_counts=True)
    scores = np.full(targets.y.shape, np.nan)
    is_needed = np.isin(outlets, [*settings.outlets]) | (n_trusted >= settings.train.min_positives)
    for outlet in outlets[is_needed]:
        split = leave_outlet_out(columns, outlet)
        train, test = split.train & may_train, split.test & targets.trusted
        y = targets.y[train]
        if not (train & targets.trusted).any():
            raise NewsdeskError(f"{outlet}: no {targets.task} is left to train on")
        found = train_and_score(texts[train], y, targets.labels, texts[test])
        scores[test] = np.where(y.any(axis=0), found, np.nan)
        note(f"{outlet} {targets.task}: {train.sum():,} train, {test.sum():,} test")
    return scores


def choose_labels(
    scores: FloatArray, targets: Targets, test: BoolArray, columns: SplitColumns, settings: Settings
) -> list[list[str]]:
    """Labels of the test articles of an outlet, with thresholds of the scores of the other outlets.

    The most probable label of an article comes first.
    """
    scored = columns.may_test & targets.trusted & ~np.isnan(scores).all(axis=1)
    others = scored & ~columns.excluded & ~np.isin(columns.groups, columns.groups[test])
    others &= ~np.isin(columns.outlets, columns.outlets[test])
    calibration = calibrate_scores(scores[others], targets.filter(others), settings=settings.train)
    asked = np.nan_to_num(sigmoid(calibration.slope * scores[test] + calibration.offset))
    found = decide(asked, calibration.thresholds, **settings.train.decision_of(targets.task))
    order = np.argsort(-asked, axis=1, kind="stable")
    return [[targets.labels[j] for j in ranked if row[j]] for ranked, row in zip(order, found, strict=True)]


def named(mask: BoolArray, labels: Sequence[str]) -> list[str]:
    """Labels of a row of y, `NONE` if it has none."""
    return select_labels(labels, mask) or [NONE]
