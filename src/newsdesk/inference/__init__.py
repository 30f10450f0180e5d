"""Normalize, score and explain articles: the code that a packaged model needs, and nothing else.

Every import of this package's own modules is relative, so that a copy of it works under any name.
"""

from .decision import BALANCED, PROFILES, Prediction
from .scorer import Scorer
from .text import repair_text

__all__ = ["BALANCED", "PROFILES", "Prediction", "Scorer", "repair_text"]
