"""Errors, schemas, settings, files and the terminal, used by all other packages."""
