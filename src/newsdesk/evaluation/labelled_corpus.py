"""Articles with the targets of each task and the columns that splits depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from newsdesk.base.console import note
from newsdesk.base.errors import NewsdeskError
from newsdesk.base.schema import TASKS
from newsdesk.base.settings import Settings
from newsdesk.base.taxonomy import Taxonomy
from newsdesk.evaluation.splits import SplitColumns
from newsdesk.training.targets import BoolArray, Targets, build_targets, outlet_by_source


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """Articles, their targets by task and the columns that splits depend on, row by row."""

    articles: pa.Table
    targets: tuple[Targets, ...]
    columns: SplitColumns

    def filter(self, kept: BoolArray) -> LabelledCorpus:
        """Keep the articles of a mask."""
        return LabelledCorpus(
            self.articles.filter(pa.array(kept)),
            tuple(targets.filter(kept) for targets in self.targets),
            self.columns.filter(kept),
        )

    def with_targets(self, targets: Sequence[Targets]) -> LabelledCorpus:
        """Replace the targets; an article may train if it has a weight in one of them."""
        may_train = np.any([each.weights > 0 for each in targets], axis=0)
        return replace(self, targets=tuple(targets), columns=replace(self.columns, may_train=may_train))


def build_labelled_corpus(
    articles: pa.Table,
    taxonomy: Taxonomy,
    settings: Settings,
    *,
    tasks: Sequence[str] = TASKS,
    n_trainable: int | None = None,
) -> LabelledCorpus:
    """Build the targets and split columns of cleaned articles; those from row `n_trainable` on only test."""
    try:
        targets = tuple(
            build_targets(task, articles, labels=taxonomy.labels_of(task), settings=settings)
            for task in TASKS
            if task in tasks
        )
    except ValueError as error:
        raise NewsdeskError(str(error)) from None
    sources = articles["source"].to_pylist()
    outlet_of = outlet_by_source(settings.outlets)
    evaluation = np.array(articles["split"].to_pylist(), dtype=object) == "evaluation"
    evaluation |= np.isin(sources, settings.clean.evaluation_outlets)
    test_only = np.arange(len(sources)) >= (len(sources) if n_trainable is None else n_trainable)
    columns = SplitColumns(
        article_ids=np.array(articles["article_id"].to_pylist(), dtype=object),
        outlets=np.array([outlet_of.get(source, source) for source in sources], dtype=object),
        groups=np.array(articles["group_id"].to_pylist(), dtype=object),
        published=np.array(articles["published"].to_pylist(), dtype=object),
        may_train=np.any([each.weights > 0 for each in targets], axis=0),
        may_test=np.any([each.trusted for each in targets], axis=0) & ~evaluation,
        excluded=evaluation | test_only,
    )
    return LabelledCorpus(articles, targets, columns)


def choose_outlets(columns: SplitColumns, settings: Settings, chosen: Sequence[str] = ()) -> list[str]:
    """Choose the outlets to leave out: the given ones, or all of the settings that have articles."""
    if unknown := [outlet for outlet in chosen if outlet not in settings.outlets]:
        listed = ", ".join(settings.outlets) or "none"
        raise NewsdeskError(f"outlet {unknown[0]!r} is not in the settings (`outlets`); found {listed}")
    if chosen:
        return list(chosen)
    found = {*columns.outlets.tolist()}
    for outlet in settings.outlets:
        if outlet not in found:
            note(f"outlets: {outlet} has no article here, so it is left out of the table")
    outlets = [outlet for outlet in settings.outlets if outlet in found]
    if not outlets:
        raise NewsdeskError(
            "no outlet of the settings has an article; list outlets and their sources in `outlets`"
        )
    return outlets
