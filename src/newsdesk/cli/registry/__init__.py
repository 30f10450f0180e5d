"""Commands for the model registry."""
