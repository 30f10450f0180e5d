"""Predictions of a model with two regions and one topic."""

from __future__ import annotations

from newsdesk.inference.decision import Prediction

HEADS = {"region": ("us", "asia"), "topic": ("sport",)}
MODEL = {"name": "m", "version": "1", "weights_sha256": "0" * 64}


def scored(
    regions: list[str], topics: list[str], *, us: float = 0.1, asia: float = 0.2, sport: float = 0.5
) -> Prediction:
    """Return a prediction with scores; "ambiguous" without labels."""
    scores = {"region": {"us": us, "asia": asia}, "topic": {"sport": sport}}
    reason = None if regions or topics else "ambiguous"
    return Prediction({"region": regions, "topic": topics}, scores, reason)


def unscored(reason: str) -> Prediction:
    """Return a prediction without labels and scores."""
    return Prediction({"region": [], "topic": []}, {"region": {}, "topic": {}}, reason)
