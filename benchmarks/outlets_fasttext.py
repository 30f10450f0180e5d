"""What fastText says of outlets that it never read, for `newsdesk outlets --peer fasttext=PATH`.

50 dimensions, subwords of 3 to 5 characters, 15 rounds, one against the rest. On one thread, for its threads
race: of the same articles it says the same in every run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import fasttext
import numpy as np
from peers import build_parser, label_outlets, named

from newsdesk.training.targets import BoolArray, FloatArray

LABEL = "__label__"


def train_and_score(
    texts: Sequence[str], y: BoolArray, labels: Sequence[str], asked: Sequence[str]
) -> FloatArray:
    """Probabilities, 0 of a label without an example."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as lines:
        for text, held in zip(texts, y, strict=True):
            lines.write(" ".join([*(LABEL + label for label in named(held, labels)), text]) + "\n")
        lines.flush()
        model = fasttext.train_supervised(
            lines.name, loss="ova", dim=50, lr=2.0, epoch=15, minn=3, maxn=5, bucket=200_000,
            thread=1, seed=0, verbose=0,
        )  # fmt: skip
    column = {LABEL + label: j for j, label in enumerate(labels)}
    scores = np.zeros((len(asked), len(labels)))
    for row, found, probabilities in zip(scores, *model.predict([*asked], k=-1), strict=True):
        for label, probability in zip(found, probabilities, strict=True):
            if label in column:
                row[column[label]] = probability
    return scores


if __name__ == "__main__":
    label_outlets(build_parser(__doc__).parse_args(), train_and_score)
