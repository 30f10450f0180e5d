"""Commands that label articles."""
