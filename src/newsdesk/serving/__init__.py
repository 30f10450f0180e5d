"""Serve a model over HTTP, with a page to try it."""
