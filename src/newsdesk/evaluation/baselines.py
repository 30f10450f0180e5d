"""Baselines: the most frequent label set, and a rule on the places that an article names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from newsdesk.evaluation.metrics import draw_f1
from newsdesk.inference.mentions import place_feature_names
from newsdesk.training.targets import BoolArray, FloatArray

LEAD_MENTIONS = (1, 2, 3, 4, 5)
MIN_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def majority_set(y: BoolArray) -> BoolArray:
    """Find the most frequent label set, shape (n_labels,); of equals the first in binary order."""
    sets, counts = np.unique(y, axis=0, return_counts=True)
    return np.asarray(sets[np.argmax(counts)])


@dataclass(frozen=True, slots=True)
class PlaceRule:
    """Predict a region that the title or the lead names often enough, and that has its share of mentions."""

    lead_mentions: int
    min_share: float

    def predict(self, places: FloatArray, regions: Sequence[str]) -> BoolArray:
        """Predict the regions of articles, (n_articles, n_regions), from their `mentions.place_features`."""
        column = {name: i for i, name in enumerate(place_feature_names(regions))}

        def values(name: str) -> FloatArray:
            return places[:, [column[f"{region}:{name}"] for region in regions]]

        named = (values("title") > 0) | (np.expm1(values("lead_count")) > self.lead_mentions - 0.5)
        return np.asarray(named & (values("share") >= self.min_share))


def fit_place_rule(places: FloatArray, y: BoolArray, regions: Sequence[str]) -> PlaceRule:
    """Find the rule of the highest macro F1 on training articles; of equally good ones the first."""

    def f1_macro(rule: PlaceRule) -> float:
        y_pred = rule.predict(places, regions)
        return float(draw_f1(y, y_pred, groups=["all"] * len(y), n_bootstrap=0, seed=0)[0, 0])

    return max((PlaceRule(*choice) for choice in product(LEAD_MENTIONS, MIN_SHARES)), key=f1_macro)
