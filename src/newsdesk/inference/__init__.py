"""Normalize, score and explain articles: the code that a packaged model needs, imported relatively."""

from .decision import BALANCED, PROFILES, Prediction
from .scorer import Scorer
from .text import repair_text

__all__ = ["BALANCED", "PROFILES", "Prediction", "Scorer", "repair_text"]
