"""Commands of the model registry."""
