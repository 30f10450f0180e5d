"""Tests, in folders that mirror the packages, and the modules that they share."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
