"""Normalize, find places, score and explain: all that a packaged model runs, and nothing else.

Every import in this package is relative, so that a copy of it runs under any name beside a model's data.
"""

from .scorer import BALANCED, PROFILES, Prediction, Scorer, repair_text

__all__ = ["BALANCED", "PROFILES", "Prediction", "Scorer", "repair_text"]
