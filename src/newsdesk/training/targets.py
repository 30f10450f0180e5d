"""Training targets: label matrices, the weight of each article and the labels that are trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from newsdesk.base.settings import Settings

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
StringArray = np.ndarray[Any, np.dtype[np.object_]]


def indicator(label_lists: Sequence[Sequence[str]], labels: Sequence[str]) -> BoolArray:
    """Convert lists of labels to a label indicator matrix, shape (n_articles, n_labels)."""
    column = {label: i for i, label in enumerate(labels)}
    y = np.zeros((len(label_lists), len(labels)), dtype=bool)
    for row, assigned in enumerate(label_lists):
        for label in assigned:
            if label not in column:
                raise ValueError(f"label {label!r} is not in the taxonomy; add it there or correct the row")
            y[row, column[label]] = True
    return y


def first_labels(label_lists: Sequence[Sequence[str]], labels: Sequence[str]) -> IntArray:
    """Return the number of the first label of each list, -1 for an empty one."""
    return np.array([labels.index(found[0]) if found else -1 for found in label_lists], dtype=np.int64)


def is_in(values: StringArray, chosen: StringArray) -> BoolArray:
    """Return which strings are among the chosen ones; `numpy.isin` takes seconds for arrays of objects."""
    wanted = set(chosen.tolist())
    return np.array([value in wanted for value in values.tolist()], dtype=bool)


def select_labels(labels: Sequence[str], mask: BoolArray) -> list[str]:
    """Convert a row of a label indicator matrix to a list of labels."""
    return [label for label, is_set in zip(labels, mask, strict=True) if is_set]


def weigh_origins(
    origins: Sequence[str | None], *, origin_weights: Mapping[Any, float], trusted: Sequence[str]
) -> tuple[FloatArray, BoolArray]:
    """Weigh each article by the origin of its label, and mark those with a trusted origin."""
    weights = np.array([origin_weights.get(origin, 0.0) for origin in origins], dtype=np.float64)
    is_trusted = np.array([origin in trusted for origin in origins], dtype=bool) & (weights > 0)
    # without any trusted article, all articles with a weight are trusted
    return weights, is_trusted if is_trusted.any() else weights > 0


def outlet_by_source(outlets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Map each source to its outlet; a source that is missing here is an outlet by itself."""
    return {source: outlet for outlet, sources in outlets.items() for source in sources}


@dataclass(frozen=True, slots=True)
class Targets:
    """The labels of one task that articles train and test; each array has a row for each article."""

    task: str
    labels: tuple[str, ...]
    y: BoolArray  # of shape (n_articles, n_labels)
    weights: FloatArray  # 0 for an article that does not train
    trusted: BoolArray  # whose labels count as the truth
    main: IntArray  # number of the main label, -1 for an article without labels

    def filter(self, kept: BoolArray) -> Targets:
        """Keep the articles of a mask."""
        y, weights, trusted, main = self.y[kept], self.weights[kept], self.trusted[kept], self.main[kept]
        return Targets(self.task, self.labels, y, weights, trusted, main)


def build_targets(task: str, articles: pa.Table, *, labels: Sequence[str], settings: Settings) -> Targets:
    """Build the targets of a task from its column of labels and that of their origins."""
    weights, trusted = weigh_origins(
        articles[f"{task}_origin"].to_pylist(),
        origin_weights=settings.train.origin_weights,
        trusted=settings.evaluate.origins,
    )
    assigned = [found or [] for found in articles[task].to_pylist()]
    y = indicator(assigned, labels)
    return Targets(task, tuple(labels), y, weights, trusted, first_labels(assigned, labels))
