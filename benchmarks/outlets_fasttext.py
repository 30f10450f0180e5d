"""What fastText says of outlets that it never read, for `newsdesk outlets --peer fasttext=PATH`.

Its training articles are those of the other systems; words normalized as ours, 100 dimensions, subwords of 2
to 5 characters, one against the rest. One threshold a head, of the best micro-F1 on a fifth of the training
articles. Its threads race, so no two runs are alike.

Any other program, Annif say, takes part in the same way: take the splits of `leave_out` as here, train on
`split.train`, choose its threshold there too, and write the labels of `split.test` as Parquet with the
columns article_id, region and topic (lists of labels).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from harness import ROOT, note

from newsdesk.heads import assign_folds, best_threshold
from newsdesk.outlets import Task
from newsdesk.params import read_settings
from newsdesk.protocol import BoolArray, FloatArray, leave_out
from newsdesk.scorer import normalize, tokenize
from newsdesk.stages.outlets import choose_outlets, read_rows
from newsdesk.taxonomy import read_taxonomy
from newsdesk.text import build_table, translation

LABEL = "__label__"


def train(texts: Sequence[str], y: BoolArray, labels: Sequence[str]) -> fasttext.FastText._FastText:
    """A supervised model; an article without a label trains as `none`."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as lines:
        for text, held in zip(texts, y, strict=True):
            named = [label for label, is_held in zip(labels, held, strict=True) if is_held] or ["none"]
            lines.write(" ".join([*(LABEL + label for label in named), text]) + "\n")
        lines.flush()
        return fasttext.train_supervised(
            lines.name, loss="ova", dim=100, epoch=25, minn=2, maxn=5, thread=2, verbose=0
        )


def score(model: fasttext.FastText._FastText, texts: Sequence[str], labels: Sequence[str]) -> FloatArray:
    """Probabilities of shape (n_articles, n_labels), 0 of a label that it never saw."""
    column = {LABEL + label: j for j, label in enumerate(labels)}
    scores = np.zeros((len(texts), len(labels)))
    for i, (found, probabilities) in enumerate(zip(*model.predict(list(texts), k=-1), strict=True)):
        for label, probability in zip(found, probabilities, strict=True):
            if label in column:
                scores[i, column[label]] = probability
    return scores


def predict(
    texts: Sequence[str], task: Task, learn: BoolArray, test: BoolArray, groups: Sequence[str]
) -> list[list[str]]:
    """Labels of the test articles."""
    of = np.array(texts, dtype=object)
    folds = assign_folds([""] * len(texts), groups, learn, min_articles=1)
    tuning, rest = learn & task.trusted & (folds == 0), learn & (folds != 0)
    tuned = score(train(of[rest], task.y[rest], task.labels), of[tuning], task.labels)
    threshold = best_threshold(tuned.ravel(), task.y[tuning].ravel())
    scores = score(train(of[learn], task.y[learn], task.labels), of[test], task.labels)
    return [[task.labels[j] for j in np.flatnonzero(row >= threshold)] for row in scores]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--params", type=Path, default=ROOT / "profiles/public/params.yaml")
    parser.add_argument("--articles", type=Path, default=ROOT / "profiles/public/data/clean/articles.parquet")
    parser.add_argument("--test-only", type=Path, help="corpus that trains nothing")
    parser.add_argument("--output", type=Path, default=Path("outlets_fasttext.parquet"))
    options = parser.parse_args()
    settings, taxonomy = read_settings(options.params), read_taxonomy(ROOT / "data/taxonomy.yaml")
    table, tasks, rows = read_rows(
        settings, taxonomy,
        articles=options.articles, test_only=options.test_only, gold=ROOT / "data/labels/gold.tsv",
    )  # fmt: skip
    folded = translation(build_table(settings.text))
    texts = [""] * table.num_rows
    for i in np.flatnonzero(rows.labelled | rows.gold).tolist():
        whole = f"{table['title'][i].as_py()} {table['text'][i].as_py()}"
        texts[i] = " ".join(tokenize(normalize(whole, folded)))
    said: dict[str, dict[str, object]] = {}
    for outlet in choose_outlets(rows, settings, ()):
        split = leave_out(rows, outlet)
        for task in tasks:
            test = split.test & task.trusted
            note(f"{outlet} {task.name}: {test.sum()} articles")
            found = predict(texts, task, split.train & (task.weights > 0), test, rows.groups.tolist())
            for article_id, labels in zip(rows.article_ids[test], found, strict=True):
                blank = {"article_id": article_id, "region": None, "topic": None}
                said.setdefault(article_id, blank)[task.name] = labels
    labels_type = pa.list_(pa.string())
    schema = pa.schema([("article_id", pa.string()), ("region", labels_type), ("topic", labels_type)])
    pq.write_table(pa.Table.from_pylist([*said.values()], schema=schema), options.output)
    note(f"wrote {options.output}")


if __name__ == "__main__":
    main()
